/** The command line over a bucket: processes against the strict S3. What they say is searched for its secrets. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { payloadOfSize } from '../payloads.ts'
import { bodyOf } from '../protocol/samples.ts'
import { type Fault, startS3 } from '../s3/server.ts'

const root = resolve(import.meta.dirname, '../..')
const main = inject('cli')
const folder = mkdtempSync(join(tmpdir(), 'platte-s3-'))
const secrets = { secretAccessKey: 'canary/secret+access+key', sessionToken: 'canary//session+token==' }
const s3 = await startS3(secrets)
let env: NodeJS.ProcessEnv = {
  PATH: process.env.PATH,
  HOME: folder,
  NO_COLOR: '1',
  AWS_EC2_METADATA_DISABLED: 'true',
  PLATTE_STORE: s3.setting,
  PLATTE_KEYS: 'keys',
  PLATTE_APP: 'e96281a6-d1af-4bde-9a0a-97b76e56dc57',
  PORT: '0',
  ...s3.env,
}
let child: ChildProcess | undefined
beforeEach(() => {
  s3.fault = () => undefined
})
afterEach(() => {
  if (child?.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
})
afterAll(async () => {
  await s3.close()
  rmSync(folder, { recursive: true, force: true })
})

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly talk: string
}

async function platte(args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const one = spawn(process.execPath, [main, ...args], { cwd: folder, env: { ...env, ...more } })
  const [out, talk, [code]] = await Promise.all([text(one.stdout), text(one.stderr), once(one, 'close')])
  expect(out + talk).not.toMatch(/canary/i)
  return { code, out, talk }
}

const publish = (version: string, board = 'amd64-usr', ...more: readonly string[]): Promise<Ended> =>
  platte(['publish', 'os_update.gz', '--channel', 'beta', '--version', version, '--board', board, ...more])

beforeAll(async () => {
  writeFileSync(join(folder, 'os_update.gz'), payloadOfSize(12_000_004))
  const { code, out } = await platte(['init', '--root-keys', 'offline'])
  expect(code).toBe(0)
  env = { ...env, PLATTE_ROOT: out.trim().slice('PLATTE_ROOT='.length) }
  expect(await publish('4152.2.0', 'amd64-usr', '--create')).toEqual({
    code: 0,
    out: 'Published 4152.2.0 for amd64-usr in beta (revision 1). Live within 1 minute.\n',
    talk: '',
  })
})

test('the package is at its key, uploaded in parts; the same publish again changes nothing', async () => {
  const [[key = '', object] = []] = [...s3.bucket.objects].filter(([name]) => name.includes('/packages/'))
  expect(key).toMatch(/^here\/packages\/e96281a6-.*\/4152\.2\.0\/amd64-usr\/[0-9a-f]{32}\/os_update\.gz$/)
  expect([object?.bytes.length, object?.etag]).toEqual([12_000_004, expect.stringMatching(/-3"$/)])
  s3.seen.length = 0
  expect((await publish('4152.2.0')).out).toBe(
    'No change: 4152.2.0 for amd64-usr is already published in beta (revision 1).\n',
  )
  const written = s3.seen.filter(({ operation }) => !/^(Get|Head)Object$|^List/.test(operation)).map(({ key }) => key)
  // What a store is tried out with before each publish.
  expect(written.filter((name) => !name.startsWith('here/doctor/'))).toEqual([])
})

test('show, verify and refresh', async () => {
  const shown = await platte(['show', '--json'])
  expect(JSON.parse(shown.out)).toMatchObject({ channels: [{ channel: 'beta', boards: [{ offered: '4152.2.0' }] }] })
  expect(await platte(['verify'])).toEqual({ code: 0, out: 'channels 1, manifests 1, packages 1\n', talk: '' })
  expect(await platte(['refresh', '--force'])).toMatchObject({ code: 0, out: expect.stringMatching(/^refreshed;/) })
})

test('verify reports a missing package and an orphan', async () => {
  const saved = new Map(s3.bucket.objects)
  const key = [...saved.keys()].find((name) => name.includes('/packages/')) ?? ''
  s3.bucket.objects.delete(key)
  s3.bucket.put(`${key}.old`, new Uint8Array(1), { ifMatch: undefined, ifNoneMatch: undefined })
  const { code, out } = await platte(['verify'])
  expect(code).toBe(5)
  expect(out).toMatch(/error: packages\/.*os_update\.gz: .*\n.*os_update\.gz\.old: /)
  s3.bucket.objects.clear()
  for (const [name, object] of saved) s3.bucket.objects.set(name, object)
})

test('four concurrent publishers get four sequence numbers, and every release is offered', async () => {
  const boards = ['arm64-usr', 'riscv64-usr', 'x-usr', 'y-usr']
  const ended = await Promise.all(boards.map((board) => publish('4152.2.0', board, '--create-board')))
  expect(ended.map(({ out }) => /revision (\d+)\). Live/.exec(out)?.[1]).toSorted()).toEqual(['2', '3', '4', '5'])
  expect(await platte(['verify'])).toMatchObject({ code: 0, out: 'channels 1, manifests 5, packages 5\n' })
})

describe('reports', () => {
  test.each<[string, NodeJS.ProcessEnv, number, RegExp]>([
    [
      'no bucket',
      { PLATTE_STORE: s3.setting.replace('updates', 'upstaes') },
      1,
      /there is no bucket upstaes: check PLATTE_STORE\nhint: /,
    ],
    [
      'wrong region',
      { PLATTE_STORE: s3.setting.replace('central', 'west') },
      1,
      /is in region eu-central-1: .*\nhint: put region=eu-central-1 into PLATTE_STORE/,
    ],
    [
      'no region',
      { PLATTE_STORE: s3.setting.replace(/region=[^&]*&/, '') },
      2,
      /PLATTE_STORE names no region.*\nhint: /,
    ],
    [
      'Google',
      { PLATTE_STORE: 's3://updates?endpoint=https://storage.googleapis.com&region=auto' },
      2,
      /Google .*\nhint: /,
    ],
    [
      'wrong secret',
      { AWS_SECRET_ACCESS_KEY: 'another canary' },
      4,
      /SignatureDoesNotMatch: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.*\nhint: /,
    ],
    ['wrong token', { AWS_SESSION_TOKEN: 'another canary' }, 4, /InvalidToken: check AWS_ACCESS_KEY_ID .*\nhint: /],
    [
      'no credentials',
      { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' },
      4,
      /no credentials: check AWS_ACCESS_KEY_ID .*\nhint: /,
    ],
    [
      'a secret in the setting',
      { PLATTE_STORE: 's3://updates?endpoint=http://me:canary@127.0.0.1' },
      2,
      /PLATTE_STORE .*holds credentials/,
    ],
  ])('%s', async (_, more, code, says) => {
    for (const command of [['show'], ['init', '--root-keys', 'offline']]) {
      const ended = await platte(command, more)
      expect(ended).toMatchObject({ code, out: '', talk: expect.stringMatching(says) })
    }
  })
})

/** Starts a server. @returns where it listens, and its log. */
async function serve(more: NodeJS.ProcessEnv = {}) {
  const log: string[] = []
  child = spawn(process.execPath, [main, 'serve'], { cwd: folder, env: { ...env, ...more } })
  child.stdout?.on('data', (chunk) => log.push(`${chunk}`))
  for await (const chunk of child.stderr ?? []) {
    const url = /listening on (\S+)\/v1/.exec(`${chunk}`)?.[1]
    if (url) return { url, log }
    log.push(`${chunk}`)
  }
  return { url: '', log }
}

test('a server answers and streams from the bucket, survives its failure, and logs no secret', async () => {
  const { url, log } = await serve()
  const ask = async () => (await fetch(`${url}/v1/update/`, { method: 'POST', body: bodyOf('full-update-01') })).text()
  const answer = await ask()
  const [, codebase = ''] = /codebase="([^"]+)"/.exec(answer) ?? []
  expect((await (await fetch(`${codebase}os_update.gz`)).arrayBuffer()).byteLength).toBe(12_000_004)
  const range = await fetch(`${codebase}os_update.gz`, { headers: { range: 'bytes=2-5' } })
  expect([range.status, await range.text()]).toEqual([206, 'AU\0\0'])
  for (const fault of ['slow-down', 'reset', 'truncated', 'page'] as const satisfies readonly Fault[]) {
    s3.fault = () => fault
    const broken = await fetch(`${codebase}os_update.gz`)
      .then((response) => response.arrayBuffer())
      .catch(() => new ArrayBuffer(0))
    expect(broken.byteLength).toBeLessThan(12_000_004)
    expect(await ask()).toBe(answer)
  }
  s3.fault = () => undefined
  child?.kill('SIGTERM')
  await once(child ?? process, 'close')
  expect(log.join('')).toContain('PLATTE_STORE')
  expect(log.join('')).not.toMatch(/canary/i)
})

test('a server with wrong credentials does not start; with an unreachable bucket it starts and reports it', async () => {
  const refused = await serve({ AWS_SECRET_ACCESS_KEY: 'another canary' })
  expect(refused).toMatchObject({ url: '' })
  expect(refused.log.join('')).toMatch(/SignatureDoesNotMatch: check AWS_ACCESS_KEY_ID/)
  s3.fault = () => 'slow-down'
  const { url, log } = await serve()
  const health = await (await fetch(`${url}/healthz`)).text()
  expect(health).toContain('degraded')
  await vi.waitFor(() => expect(log.join('')).toMatch(/503 SlowDown: check PLATTE_STORE/), { timeout: 120_000 })
  expect(log.join('') + health + refused.log.join('')).not.toMatch(/canary/i)
})

test.each([
  ['file:store', false],
  [s3.setting, true],
])('%s: loads the SDK only for a bucket', async (setting, isLoaded) => {
  const script = `
    import { createRequire } from 'node:module'
    import { openStore } from '${root}/src/runtime/store.ts'
    import { parseStore } from '${root}/src/runtime/own-settings.ts'
    await openStore(parseStore('${setting}'))
    console.log(Object.keys(createRequire('${root}/').cache).some((file) => file.includes('@aws-sdk')))`
  const one = spawn(process.execPath, ['--input-type=module', '-e', script], { env })
  expect((await text(one.stdout)).trim()).toBe(String(isLoaded))
})
