/** `platte serve` as a process: how it ends, and what its log may do to it. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, cpSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest'
import { payloadOfSize } from '../payloads.ts'
import { bodyOf } from '../protocol/samples.ts'
import { policy } from './pipeline.ts'

const main = inject('cli')
const folder = mkdtempSync(join(tmpdir(), 'platte-serve-'))
const app = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'
let env: NodeJS.ProcessEnv
let child: ChildProcess | undefined

const platte = (...args: string[]): string =>
  execFileSync(process.execPath, [main, ...args], {
    cwd: folder,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })

beforeAll(() => {
  env = { PATH: process.env.PATH, PLATTE_STORE: 'file:store', PLATTE_KEYS: 'keys', PLATTE_APP: app, PORT: '0' }
  env.PLATTE_ROOT = /PLATTE_ROOT=(\S+)/.exec(platte('init'))?.[1]
  writeFileSync(join(folder, 'os_update.gz'), payloadOfSize(3_000_004))
  platte('publish', 'os_update.gz', '--channel', 'beta', '--version', '4152.2.0', '--board', 'amd64-usr', '--create')
})
afterEach(() => {
  if (child?.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Starts a server whose log goes to `stdout`. @returns where it listens. */
async function serve(stdout: number | 'pipe', file = main): Promise<string> {
  child = spawn(process.execPath, [file, 'serve'], { cwd: folder, env, stdio: ['ignore', stdout, 'pipe'] })
  for await (const chunk of child.stderr ?? []) {
    const url = /listening on (\S+)\/v1/.exec(`${chunk}`)?.[1]
    if (url) return url
  }
  throw new Error('it did not start')
}

async function end(): Promise<number | null> {
  if (child === undefined) throw new Error('nothing runs')
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const [code] = await ended
  return code
}

const ask = async (url: string): Promise<string> =>
  (await fetch(`${url}/v1/update/`, { method: 'POST', body: bodyOf('full-update-01') })).text()
const offer = expect.stringContaining('<manifest version="4152.2.0">')

test('SIGTERM lets a download finish, then exits with 0 and a complete log', async () => {
  const log = join(folder, 'checks.log')
  const descriptor = openSync(log, 'w')
  const url = await serve(descriptor)
  closeSync(descriptor)
  const codebase = /codebase="([^"]+)"/.exec(await ask(url))?.[1]
  const download = await fetch(`${codebase}os_update.gz`)
  const reader = download.body?.getReader()
  let size = (await reader?.read())?.value?.length ?? 0
  const ended = end()
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) size += part.value.length
  expect(size).toBe(3_000_004)
  expect(await ended).toBe(0)
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n')
  expect(lines.map((line) => JSON.parse(line)).filter(({ event }) => event === 'contact')).toMatchObject([
    { decision: 'update', offered: '4152.2.0', machine: '0123456789abcdef0123456789abcdef' },
  ])
})

test('a full disk loses log lines, not the server', async () => {
  const descriptor = openSync('/dev/full', 'w')
  const url = await serve(descriptor)
  closeSync(descriptor)
  for (let i = 0; i < 3; i++) {
    expect(await ask(url)).toEqual(offer)
    await new Promise((after) => setTimeout(after, 100))
  }
  expect(await end()).toBe(0)
})

test('a closed log pipe loses log lines, not the server', async () => {
  const url = await serve('pipe')
  child?.stdout?.destroy()
  for (let i = 0; i < 3; i++) {
    expect(await ask(url)).toEqual(offer)
    await new Promise((after) => setTimeout(after, 100))
  }
  expect(await end()).toBe(0)
})

test('an upgrade that takes its files away fails what needs them, and no check', async () => {
  const copy = join(folder, 'copy')
  cpSync(dirname(main), copy, { recursive: true })
  const url = await serve('pipe', join(copy, basename(main)))
  let log = ''
  child?.stdout?.on('data', (chunk) => {
    log += chunk
  })
  rmSync(copy, { recursive: true })
  expect((await fetch(`${url}/healthz`)).status).toBe(500)
  expect(await ask(url)).toEqual(offer)
  expect(await end()).toBe(0)
  expect(log).toMatch(/"refused":"defect".*Cannot find module/)
})

test('a port in use exits at once with a hint', async () => {
  const url = await serve('pipe')
  const second = spawn(process.execPath, [main, 'serve', '--port', new URL(url).port], { cwd: folder, env })
  let talk = ''
  second.stderr.on('data', (chunk) => {
    talk += chunk
  })
  const [code] = await once(second, 'close')
  expect(code).toBe(2)
  expect(talk).toMatch(/cannot listen on 127\.0\.0\.1 port \d+.*\nhint: another process listens there/)
  expect(await ask(url)).toEqual(offer)
  await end()
})

test('a key pasted into a setting is not printed', () => {
  const key = readFileSync(join(folder, 'keys/release.jwk'), 'utf8')
  const { d } = JSON.parse(key)
  let talk = ''
  try {
    platte('refresh', '--timestamp-key', key)
  } catch (error) {
    talk = error instanceof Error ? error.message : ''
  }
  expect(talk).toContain('PLATTE_TIMESTAMP_KEY')
  expect(talk.replace(key, '')).not.toContain(d)
})

test('an encrypted release key takes its passphrase only where the server publishes', async () => {
  writeFileSync(join(folder, 'words'), 'correct horse battery staple\n')
  platte('key', 'encrypt', 'keys/release.jwk', '--passphrase-file', 'words')
  const url = await serve('pipe')
  expect(await ask(url)).toEqual(offer)
  expect(await end()).toBe(0)
  writeFileSync(join(folder, 'policy.json'), JSON.stringify(policy))
  const { status, stderr } = spawnSync(process.execPath, [main, 'serve', '--publish-policy', 'file:policy.json'], {
    ...{ cwd: folder, env, encoding: 'utf8', timeout: 60_000 },
  })
  expect([status, stderr]).toEqual([4, expect.stringContaining('keys/release.jwk: its passphrase is missing')])
})
