/** Holds the floors of docs/design.md: which folder may import which, and what may be named where. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'

/** What each room may import besides itself; packages by name. A room's `cli` files count as the room `cli`. */
const floors: Readonly<Record<string, readonly string[]>> = {
  kernel: ['@noble/hashes'],
  payload: ['kernel'],
  crx: ['payload', 'release', 'kernel', 'fflate'],
  release: ['kernel', '@noble/hashes'],
  documents: ['release', 'kernel', 'valibot'],
  trust: ['documents', 'kernel', 'jose'],
  'key-services': ['trust', 'documents', 'kernel'],
  store: ['documents', 'trust', 'kernel', 'node:', '@cloudflare/workers-types'],
  doctor: ['store', 'trust', 'documents', 'kernel'],
  catalog: ['store', 'trust', 'documents', 'release', 'kernel'],
  http: ['kernel', 'hono'],
  checks: ['catalog', 'store', 'documents', 'release', 'http', 'kernel', 'hono'],
  channels: ['crx', 'payload', 'catalog', 'store', 'trust', 'documents', 'release', 'kernel', 'valibot'],
  apply: ['publish-api', 'channels', 'payload', 'checks', 'catalog', 'http', 'trust', 'documents', 'release'].concat([
    'kernel',
    'hono',
    'valibot',
  ]),
  'publish-api': [
    'crx',
    'payload',
    'channels',
    'checks',
    'catalog',
    'store',
    'trust',
    'documents',
    'release',
    'http',
    'kernel',
  ].concat(['hono', 'jose', 'node:', 'valibot']),
  mirroring: ['payload', 'checks', 'channels', 'catalog', 'store', 'trust', 'documents', 'release', 'kernel', 'node:'],
  'update-urls': ['url-files', 'crx', 'checks', 'documents', 'release', 'store', 'kernel', 'valibot'],
  'url-files': ['channels', 'store', 'kernel'],
  fcos: ['url-files', 'documents', 'release', 'store', 'kernel', 'valibot'],
  upstreams: [
    'fcos',
    'update-urls',
    'url-files',
    'checks',
    'channels',
    'catalog',
    'store',
    'trust',
    'documents',
    'release',
    'payload',
    'kernel',
  ].concat(['node:', 'valibot']),
  'lock-files': ['documents', 'release', 'kernel', 'node:'],
  locks: ['checks', 'catalog', 'store', 'documents', 'release', 'http', 'kernel', 'hono', 'valibot'],
  'lock-objects': ['locks', 'catalog', 'store', 'documents', 'http', 'kernel', '@cloudflare/workers-types'],
  cup: ['checks', 'catalog', 'trust', 'documents', 'release', 'kernel', '@noble/hashes', 'valibot'],
  'lock-queue': ['locks', 'checks', 'catalog', 'documents', 'kernel', 'valibot'],
  coreupdate: ['fleet', 'checks', 'catalog', 'documents', 'release', 'http', 'kernel', 'hono', 'node:', 'valibot'],
  cincinnati: ['checks', 'catalog', 'release', 'http', 'kernel', 'hono', 'valibot'],
  sysupdate: ['checks', 'documents', 'release', 'http', 'kernel', 'hono'],
  clients: ['kernel'],
  dialects: ['checks', 'documents', 'http', 'release', 'kernel', 'hono'],
  site: ['clients', 'checks', 'catalog', 'documents', 'release', 'http', 'kernel', 'hono'],
  events: ['checks', 'catalog', 'store', 'documents', 'kernel', 'node:', '@cloudflare/workers-types'],
  fleet: ['events', 'checks', 'catalog', 'http', 'store', 'documents', 'release', 'kernel', 'hono', 'node:'],
  metrics: ['fleet', 'checks', 'catalog', 'http', 'release', 'kernel', 'node:'],
  'private-pages': ['site', 'checks', 'http', 'kernel', 'hono'],
  'fleet-site': [
    'private-pages',
    'fleet',
    'site',
    'checks',
    'catalog',
    'documents',
    'release',
    'http',
    'kernel',
    'hono',
    'node:',
  ],
  'locks-site': ['private-pages', 'lock-queue', 'locks', 'site', 'checks', 'documents', 'http', 'kernel', 'hono'],
  guard: ['fleet', 'channels', 'checks', 'catalog', 'documents', 'release', 'kernel', 'node:'],
  fallbacks: ['fleet', 'checks', 'catalog', 'store', 'documents', 'release', 'kernel', 'valibot', 'node:'],
  outgoing: ['store', 'kernel', 'node:'],
  webhook: ['outgoing', 'fleet', 'checks', 'catalog', 'store', 'trust', 'documents', 'release', 'kernel', 'node:'],
  'lock-gates': ['outgoing', 'locks', 'checks', 'catalog', 'store', 'documents', 'release', 'kernel', 'valibot'],
  openapi: ['checks', 'http', 'kernel', '@valibot/to-json-schema', 'valibot'],
  runtime: [
    'dialects',
    'sysupdate',
    'cincinnati',
    'coreupdate',
    'apply',
    'cup',
    'openapi',
    'lock-gates',
    'webhook',
    'fallbacks',
    'fleet-site',
    'lock-objects',
    'locks-site',
    'locks',
    'lock-queue',
    'site',
    'metrics',
    'events',
    'fleet',
    'guard',
    'mirroring',
    'upstreams',
    'publish-api',
    'channels',
    'checks',
    'catalog',
    'store',
  ].concat([
    'key-services',
    'trust',
    'documents',
    'release',
    'http',
    'kernel',
    'hono',
    '@hono/node-server',
    'smol-toml',
    'fastest-levenshtein',
    'valibot',
    'node:',
    '@cloudflare/workers-types',
  ]),
  cli: [
    'url-files',
    '../package.json',
    'apply',
    'crx',
    'cup',
    'fallbacks',
    'webhook',
    'outgoing',
    'lock-gates',
    'runtime',
    'payload',
    'doctor',
    'locks',
    'lock-queue',
    'lock-files',
    'clients',
    'events',
    'fleet',
    'guard',
    'mirroring',
    'publish-api',
    'upstreams',
    'channels',
  ].concat([
    'checks',
    'catalog',
    'store',
    'trust',
    'documents',
    'release',
    'kernel',
    'commander',
    'cli-progress',
    'fastest-levenshtein',
    'node:',
  ]),
}

/** What belongs to some files of a room only. */
const ownFloors: readonly (readonly [files: RegExp, allowed: readonly string[]])[] = [
  [/^[a-z-]+\/openapi(-documents)?\.ts$|^checks\/described\.ts$/, ['valibot']],
  [/^cup\/ml-dsa\.ts$/, ['@noble/post-quantum']],
  [/^metrics\/metrics\.ts$/, ['prom-client']],
  [/^upstreams\/adopt-file\.ts$/, ['smol-toml']],
  [/^apply\/file\.ts$/, ['smol-toml', 'yaml']],
  [/^lock-files\/ical\.ts$/, ['ical.js']],
  [/^kernel\/nearest\.ts$/, ['fastest-levenshtein']],
  [/^store\/s3\/(client|documents|packages|uploads)\.ts$/, ['@aws-sdk/client-s3', '@aws-sdk/lib-storage']],
  [/^key-services\/aws-kms\.ts$/, ['@aws-sdk/client-kms']],
  [/^store\/s3\/uploads\.ts$/, ['@aws-sdk/s3-request-presigner']],
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

const roomOf = (file: string): string => (/^[^/]+\/cli[./]/.test(file) ? 'cli' : (file.split('/')[0] ?? ''))

function isAllowed({ file, target }: Import): boolean {
  const room = roomOf(file)
  if (roomOf(target) === room) return true
  if (roomOf(target) === 'cli') return false
  const own = ownFloors.flatMap(([files, allowed]) => (files.test(file) ? allowed : []))
  return [...(floors[room] ?? []), ...own].some(
    (allowed) => target === allowed || target.startsWith(allowed.endsWith(':') ? allowed : `${allowed}/`),
  )
}

/** A room that uses none of those that are left. */
const lowest = (left: ReadonlyMap<string, readonly string[]>): string | undefined =>
  [...left.keys()].find((room) => left.get(room)?.every((used) => !left.has(used)))

describe('the structure of src', () => {
  test('every file is in a known room', () => {
    expect(files.filter((file) => !Object.hasOwn(floors, roomOf(file)))).toEqual([])
    expect(files.length).toBeGreaterThan(50)
  })

  test('no room imports from a room above it', () => {
    const imports = files.flatMap(importsOf)
    expect(imports.length).toBeGreaterThan(150)
    expect(imports.filter((one) => !isAllowed(one))).toEqual([])
  })

  test('no import cycles between files', () => {
    const graph = new Map(files.map((file) => [file, importsOf(file).map(({ target }) => target)]))
    const circles: string[] = []
    const page = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) return void circles.push([...path.slice(path.indexOf(file)), file].join(' → '))
      if (done.has(file)) return
      for (const next of graph.get(file) ?? []) page(next, [...path, file])
      done.add(file)
    }
    const done = new Set<string>()
    for (const file of files) page(file, [])
    expect(circles).toEqual([])
  })

  test('no import cycles between rooms', () => {
    const rooms = Object.keys(floors)
    const uses = (room: string) =>
      new Set(
        files
          .filter((file) => roomOf(file) === room)
          .flatMap((file) => importsOf(file).map(({ target }) => roomOf(target))),
      )
    const left = new Map(
      rooms.map((room) => [room, [...uses(room)].filter((one) => one !== room && rooms.includes(one))]),
    )
    for (let room = lowest(left); room !== undefined; room = lowest(left)) left.delete(room)
    expect([...left]).toEqual([])
  })

  test.each([
    ['Date.now', /\bDate\.now\b/],
    ['new Date()', /\bnew Date\(\s*\)/],
    ['Math.random', /\bMath\.random\b/],
  ])('only the kernel names %s', (_, form) => {
    expect(files.filter((file) => !/^kernel\/(clock|random)\.ts$/.test(file) && form.test(source(file)))).toEqual([])
  })

  test.each([
    ['process.env', /\bprocess\.env\b|\bDeno\.env\b/, ['runtime', 'cli']],
    ['which runtime this is', /\bDeno\b|\bnavigator\b|process\.(versions|release|platform)\b/, ['runtime']],
    ['a Verified that nobody checked', /\bas Verified\b/, ['trust/envelope.ts']],
    ['the machine’s console', /\bconsole\./, ['kernel/console-log.ts']],
  ])('%s appears only where it belongs', (_, form, places) => {
    const strangers = files.filter(
      (file) => form.test(source(file)) && !places.some((place) => place === roomOf(file) || file.startsWith(place)),
    )
    expect(strangers).toEqual([])
  })

  test('requests go out by the transports alone: fetch of Node can end the process when a server closes early', () => {
    const asking = files.filter(
      (file) => /(?<![\w.'])fetch\(/.test(source(file)) && !/fetch\(request/.test(source(file)),
    )
    expect(asking).toEqual(['store/http/transport.ts'])
  })

  test('there are no barrel files', () => {
    expect(files.filter((file) => /\/index\.ts$/.test(file) || /^export \* /m.test(source(file)))).toEqual([])
  })
})
