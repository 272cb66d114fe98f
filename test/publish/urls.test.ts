/** `platte publish URL…`: processes, and a server of releases. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { payloadOf } from '../payloads.ts'
import { serve } from '../upstream/server.ts'
import { app } from '../world.ts'

const main = inject('cli')
const os = payloadOf(Buffer.alloc(400_000, 'payload '))
const sumOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
const list = { '4152.2.0': { major_software: { kernel: ['6.12.102'] }, release_notes: 'Fixes CVE-2026-23231.' } }
const files = new Map<string, Buffer>()

const server = await serve(({ method, url = '' }, response) => {
  const bytes = files.get(url)
  response.writeHead(bytes ? 200 : 404, { 'Content-Length': bytes?.length ?? 0 })
  response.end(method === 'HEAD' ? undefined : bytes)
})
const at = (name: string): string => `${server.url}4152.2.0/${name}`
const [first, extra] = [at('flatcar_production_update.gz'), at('oem-azure.gz')]

let dir = ''
const env: Record<string, string> = { PLATTE_STORE: 'file:store', PLATTE_KEYS: 'keys', PLATTE_APP: app }

function platte(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const all = { cwd: dir, env: { PATH: process.env.PATH, ...env } }
  return new Promise((done) => {
    execFile(process.execPath, [main, ...args], all, (error, stdout, stderr) =>
      done({ code: error ? Number(error.code) : 0, stdout, stderr }),
    )
  })
}

const publish = (...args: readonly string[]) =>
  platte('publish', ...args, '--channel', 'stable', '--version', '4152.2.0', '--board', 'amd64-usr', '--create')
const stored = (): readonly string[] =>
  existsSync(join(dir, 'store/packages'))
    ? readdirSync(join(dir, 'store/packages'), { recursive: true, encoding: 'utf8' }).filter((one) =>
        one.endsWith('.gz'),
      )
    : []

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'platte-urls-'))
})
afterAll(async () => {
  await server.close()
  rmSync(dir, { recursive: true })
})
beforeEach(async () => {
  for (const name of readdirSync(dir)) rmSync(join(dir, name), { recursive: true })
  env.PLATTE_ROOT = ''
  const { stdout } = await platte('init', '--root-keys', 'offline')
  env.PLATTE_ROOT = /PLATTE_ROOT=(\S+)/.exec(stdout)?.[1] ?? ''
  files.clear()
  const [path, beside] = [new URL(first).pathname, new URL(extra).pathname]
  files.set(path, os).set(`${path}.sha256`, Buffer.from(`${sumOf(os)}  flatcar_production_update.gz\n`))
  files.set(beside, Buffer.from('an extra package')).set('/releases.json', Buffer.from(JSON.stringify(list)))
})

test('files at URLs are published like files, with what the list says is inside', async () => {
  writeFileSync(join(dir, 'oem-gce.gz'), 'of this machine')
  const published = await publish(first, extra, 'oem-gce.gz', '--releases-json', `${server.url}releases.json`)
  expect(published).toEqual({
    code: 0,
    stdout: 'Published 4152.2.0 for amd64-usr in stable (revision 1). Live within 1 minute.\n',
    stderr: 'note: there is no .sha256 beside oem-azure.gz to compare it with\n',
  })
  expect(stored()).toHaveLength(3)
  expect(await platte('verify')).toMatchObject({ code: 0 })
  const { stdout } = await platte('show', 'stable', '--json')
  expect(stdout).toContain('"kernel":"6.12.102"')
  expect(stdout).toContain('CVE-2026-23231')
  expect(await publish(first, extra, 'oem-gce.gz')).toMatchObject({ stdout: expect.stringMatching(/^No change/) })
})

test('another sum than the one beside it: refused, and nothing is left', async () => {
  files.set(`${new URL(extra).pathname}.sha256`, Buffer.from(`${'b'.repeat(64)}  oem-azure.gz\n`))
  for (const more of [[], ['--dry-run'], ['--reference']]) {
    const { code, stderr } = await publish(first, extra, ...more)
    expect([code, stderr]).toEqual([5, expect.stringMatching(/^error: oem-azure\.gz: has SHA-256 \w+, expected \w+$/m)])
  }
  expect(stored()).toEqual([])
  expect(readdirSync(join(dir, 'store/.tmp'))).toEqual([])
  expect((await platte('show')).stdout).not.toContain('4152.2.0')
})

test('--reference leaves them where they are, and machines are sent there', async () => {
  expect(await publish(first, extra, '--reference')).toMatchObject({ code: 0 })
  expect(stored()).toEqual([])
  expect(await platte('verify')).toMatchObject({ code: 0 })
  const { stdout } = await platte('show', 'stable', '--json')
  expect(stdout).toContain(sumOf(os))
  expect(stdout).toContain(`"codebases":["${server.url}4152.2.0/"]`)
})

test.each<readonly [string, () => readonly string[], number, RegExp]>([
  ['a URL without a file', () => [at('none.gz')], 5, /^error: http:\S+\/4152\.2\.0\/none\.gz: there is no such file/],
  ['no server', () => ['http://127.0.0.1:9/os.gz'], 1, /^error: http:\S+os\.gz: cannot be read from .*ECONNREFUSED/],
  ['a name that no client takes', () => [at('a%20b.gz')], 2, /a%20b\.gz: must be 1 to 128 of A-Z/],
  [
    'two files of one name',
    () => [first, `${server.url}releases/../4152.2.0/oem-azure.gz`, extra],
    2,
    /two files are called oem-azure.gz/,
  ],
  ['a file by --reference', () => [first, 'oem.gz', '--reference'], 2, /oem\.gz is a file of this machine, not a URL/],
  [
    'a list without the release',
    () => [first, '--releases-json', 'empty.json'],
    2,
    /empty\.json has no release 4152\.2\.0/,
  ],
  [
    'a list that is a page',
    () => [first, '--releases-json', at('oem-azure.gz')],
    2,
    /must be a JSON object of releases/,
  ],
  [
    'a list that is not there',
    () => [first, '--releases-json', at('x.json')],
    2,
    /x\.json cannot be read: there is no/,
  ],
  ['an extra in place of the payload', () => [extra, first], 3, /oem-azure\.gz/],
])('%s is refused', async (_, args, code, words) => {
  files.set('/4152.2.0/a%20b.gz', os)
  writeFileSync(join(dir, 'empty.json'), '{}')
  const ended = await publish(...args())
  expect([ended.code, ended.stderr]).toEqual([code, expect.stringMatching(words)])
  expect(stored()).toEqual([])
})
