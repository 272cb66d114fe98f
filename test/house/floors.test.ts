/** Holds the floors of docs/design.md: which folder may import which, and what may be named where. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'

/** What each folder may import besides itself; packages by name. */
const floors: Readonly<Record<string, readonly string[]>> = {
  'errors.ts': [],
  core: ['errors.ts', '@noble/hashes'],
  documents: ['core', 'errors.ts', 'ports/verified.ts', 'valibot'],
  protocol: ['core', 'errors.ts'],
  ports: ['errors.ts'],
  trust: ['documents', 'ports', 'errors.ts', 'jose'],
  service: ['core', 'documents', 'trust', 'ports', 'errors.ts'],
  http: ['service', 'protocol', 'core', 'documents', 'ports', 'errors.ts', 'hono'],
  adapters: ['ports', 'errors.ts', 'documents/paths.ts', 'node:', '@cloudflare/workers-types'],
  runtime: ['http', 'adapters', 'service', 'trust', 'documents', 'core', 'ports', 'errors.ts'].concat([
    'hono',
    '@hono/node-server',
    'valibot',
    'node:',
    '@cloudflare/workers-types',
  ]),
  cli: [
    '../package.json',
    'runtime',
    'service',
    'core',
    'documents',
    'ports',
    'errors.ts',
    'commander',
    'cli-progress',
    'node:',
  ],
}

/** What belongs to some files of a room only. */
const ownFloors: readonly (readonly [files: RegExp, allowed: readonly string[]])[] = [
  [/^adapters\/metrics\.ts$/, ['prom-client']],
  [/^http\/pages\/notes\.ts$/, ['micromark']],
  [/^http\/feeds\/atom\.ts$/, ['fast-xml-builder']],
  [/^adapters\/s3-(client|documents|list|packages|uploads)\.ts$/, ['@aws-sdk/client-s3', '@aws-sdk/lib-storage']],
  [/^adapters\/s3-uploads\.ts$/, ['@aws-sdk/s3-request-presigner']],
]

interface Import {
  readonly file: string
  readonly target: string
}

const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
const source = (file: string): string => readFileSync(join('src', file), 'utf8')

function importsOf(file: string): Import[] {
  const found = source(file).matchAll(
    /(?:^|\s)(?:import|export)\s[^'"]*?from\s*['"]([^'"]+)['"]|(?<!['"])\bimport\(?\s*['"]([^'"]+)['"]/g,
  )
  return [...found].map(([, from, bare]) => {
    const name = from ?? bare ?? ''
    return { file, target: name.startsWith('.') ? normalize(join(file, '..', name)) : name }
  })
}

function isAllowed({ file, target }: Import): boolean {
  const room = file.split('/')[0] ?? ''
  if (target.startsWith(`${room}/`)) return true
  const own = ownFloors.flatMap(([files, allowed]) => (files.test(file) ? allowed : []))
  return [...(floors[room] ?? []), ...own].some(
    (allowed) => target === allowed || target.startsWith(allowed.endsWith(':') ? allowed : `${allowed}/`),
  )
}

describe('the house', () => {
  test('every file stands in a room with a floor', () => {
    expect(files.filter((file) => !Object.hasOwn(floors, file.split('/')[0] ?? ''))).toEqual([])
    expect(files.length).toBeGreaterThan(50)
  })

  test('no room imports from a room above it', () => {
    const imports = files.flatMap(importsOf)
    expect(imports.length).toBeGreaterThan(150)
    expect(imports.filter((one) => !isAllowed(one))).toEqual([])
  })

  test('no circles between files', () => {
    const graph = new Map(files.map((file) => [file, importsOf(file).map(({ target }) => target)]))
    const circles: string[] = []
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) return void circles.push([...path.slice(path.indexOf(file)), file].join(' → '))
      if (done.has(file)) return
      for (const next of graph.get(file) ?? []) visit(next, [...path, file])
      done.add(file)
    }
    const done = new Set<string>()
    for (const file of files) visit(file, [])
    expect(circles).toEqual([])
  })

  test.each([
    ['Date.now', /\bDate\.now\b/],
    ['new Date()', /\bnew Date\(\s*\)/],
    ['Math.random', /\bMath\.random\b/],
  ])('only adapters name %s', (_, form) => {
    expect(files.filter((file) => !file.startsWith('adapters/') && form.test(source(file)))).toEqual([])
  })

  test.each([
    ['process.env', /\bprocess\.env\b|\bDeno\.env\b/, ['runtime', 'cli']],
    ['a Verified that nobody checked', /\bas Verified\b/, ['trust/envelope.ts']],
    ['the machine’s console', /\bconsole\./, ['adapters/console-log.ts']],
  ])('%s stays where it belongs', (_, form, places) => {
    const strangers = files.filter((file) => form.test(source(file)) && !places.some((place) => file.startsWith(place)))
    expect(strangers).toEqual([])
  })

  test('there are no barrels', () => {
    expect(files.filter((file) => /\/index\.ts$/.test(file) || /^export \* /m.test(source(file)))).toEqual([])
  })
})
