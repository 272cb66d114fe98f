/** A feature is deleted by deleting its room, and the lines that register it in `runtime` and the command line. */
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = mkdtempSync(join(tmpdir(), 'platte-house-'))
afterAll(() => rmSync(root, { recursive: true }))

/** For hangs, not for speed. */
const timeout = 600_000
const run = promisify(execFile)

/** A copy without some rooms; its sources live where node_modules are found. */
function without(rooms: readonly string[]): { readonly dir: string; readonly lines: number } {
  const dir = join(root, rooms.join('-') || 'whole')
  for (const one of ['src', 'package.json', 'tsconfig.json', 'infra/release'])
    cpSync(one, join(dir, one), { recursive: true })
  symlinkSync(join(process.cwd(), 'node_modules'), join(dir, 'node_modules'))
  for (const room of rooms) rmSync(join(dir, 'src', room), { recursive: true })
  const registering = readdirSync(join(dir, 'src/runtime'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join('src/runtime', name))
  const lines = [...registering, 'src/cli/commands.ts'].flatMap((file) =>
    rooms.map((room) => unregister(join(dir, file), room)),
  )
  return { dir, lines: lines.reduce((total, count) => total + count, 0) }
}

/** Deletes the lines that import from a room, and those that name what was imported. @returns how many. */
function unregister(file: string, room: string): number {
  const lines = readFileSync(file, 'utf8').split('\n')
  const isImport = (line: string): boolean => line.includes(`../${room}/`)
  const names = lines.flatMap((line) =>
    isImport(line) ? (/^import (?:type )?\{ (.*) \} from/.exec(line)?.[1] ?? '').split(', ') : [],
  )
  const named = names.filter((name) => name !== '').map((name) => new RegExp(`\\b${name.replace('type ', '')}\\b`))
  const kept = lines.filter((line) => !isImport(line) && !named.some((name) => name.test(line)))
  writeFileSync(file, kept.join('\n'))
  return lines.length - kept.length
}

const bin = join(process.cwd(), 'node_modules/.bin')

/** @returns what a command prints, and what it failed with. */
const output = (dir: string, command: string): Promise<string> =>
  run('sh', ['-c', command], { cwd: dir, env: { ...process.env, PATH: `${bin}:${process.env.PATH}` } }).then(
    ({ stdout, stderr }) => stdout + stderr,
    (error: { readonly stdout?: string; readonly stderr?: string }) => `failed: ${error.stdout}${error.stderr}`,
  )

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'))
const builds = ['build:cli', 'build:worker', 'build:lambda'] as const

const buildInfo = 'tsconfig.tsbuildinfo'
const typeCheck = `tsc -p tsconfig.json --incremental --tsBuildInfoFile ${buildInfo}`

/** Checked first, so that a copy checks only the files that its missing rooms change. */
const whole = without([])
beforeAll(async () => expect(await output(whole.dir, typeCheck)).toBe(''), timeout)

/** A room that stands on another goes with it. */
const deletable = [
  ...[
    ['locks', 'lock-queue', 'lock-files', 'lock-objects', 'lock-gates', 'locks-site'],
    ['lock-objects'],
    ['locks-site'],
    ['private-pages', 'fleet-site', 'locks-site'],
    ['site', 'private-pages', 'fleet-site', 'locks-site'],
    ['mirroring'],
    ['publish-api', 'apply'],
    ['metrics'],
    ['guard'],
    ['apply'],
  ],
  ...[['key-services'], ['lock-gates'], ['sysupdate'], ['cincinnati'], ['coreupdate']],
  ...[
    ['fleet', 'fleet-site', 'metrics', 'guard', 'fallbacks', 'webhook', 'coreupdate'],
    ['fleet-site'],
    ['fallbacks'],
    ['webhook'],
  ],
  ['openapi'],
  ['dialects'],
]

describe.each(deletable.map((rooms) => ({ rooms, names: rooms.join(' and ') })))('without $names', ({ rooms }) => {
  const copy = without(rooms)

  test('is registered in a few lines', () => {
    expect(copy.lines).toBeGreaterThanOrEqual(2)
    expect(copy.lines).toBeLessThanOrEqual(6 + 6 * rooms.length)
  })

  test('type-checks', { timeout }, async () => {
    cpSync(join(whole.dir, buildInfo), join(copy.dir, buildInfo))
    expect(await output(copy.dir, typeCheck)).toBe('')
  })

  test.each(builds)('%s', async (script) => expect(await output(copy.dir, scripts[script])).toBe(''), timeout)
})
