/** Real processes in a chain: an origin, a mirror of it that holds no key, a sidecar that trusts neither, and a client. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { payloadOfSize } from '../payloads.ts'
import { bodyOf } from '../protocol/samples.ts'

const main = inject('cli')
const folder = mkdtempSync(join(tmpdir(), 'platte-chain-'))
const started: ChildProcess[] = []
const base: NodeJS.ProcessEnv = { PATH: process.env.PATH, PORT: '0' }
const owner = {
  ...base,
  PLATTE_STORE: 'file:origin',
  PLATTE_KEYS: 'keys',
  PLATTE_APP: 'e96281a6-d1af-4bde-9a0a-97b76e56dc57',
}
const big = payloadOfSize(8_000_000, Buffer.alloc(8_000_000, 'a payload and more. '))

const platte = (args: readonly string[], env: NodeJS.ProcessEnv): string =>
  execFileSync(process.execPath, [main, ...args], {
    cwd: folder,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
const publish = (version: string): string =>
  platte(['publish', 'update.gz', '--channel', 'beta', '--version', version, '--board', 'amd64-usr', '--create'], owner)

function start(args: readonly string[], env: NodeJS.ProcessEnv = base): ChildProcess {
  const child = spawn(process.execPath, [main, ...args], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  started.push(child)
  child.stdout?.resume()
  return child
}

async function serve(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<{ child: ChildProcess; url: string }> {
  const child = start(['serve', ...args], env)
  for await (const chunk of child.stderr ?? []) {
    const url = /listening on (\S+)\/v1/.exec(`${chunk}`)?.[1]
    if (url) return { child, url }
  }
  throw new Error('it did not start')
}

async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}

const ask = async (url: string): Promise<string> =>
  (await fetch(`${url}/v1/update/`, { method: 'POST', body: bodyOf('full-update-01') })).text()
const versionOf = (answer: string): string =>
  /manifest version="([^"]+)"|_no_update_reason="([^"]+)"/.exec(answer)?.slice(1).join('') ?? answer

let origin: { child: ChildProcess; url: string }
let root: string
beforeAll(async () => {
  root = /PLATTE_ROOT=(\S+)/.exec(platte(['init'], owner))?.[1] ?? ''
  for (const env of [owner, base] as NodeJS.ProcessEnv[]) env.PLATTE_ROOT = root
  writeFileSync(join(folder, 'update.gz'), big)
  publish('4152.2.0')
  origin = await serve([], { ...owner, PLATTE_KEYS: '' })
})
afterAll(async () => {
  for (const child of started) if (child.exitCode === null && child.signalCode === null) await end(child, 'SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

test('origin, mirror, sidecar, client: the offer and every byte pass through; also a new release', async () => {
  const mirror = start(['mirror', origin.url, '--store', 'file:mirror', '--watch', 'PT1S', '--json'])
  await vi.waitFor(() => expect(existsSync(join(folder, 'mirror/catalog.jws'))).toBe(true), { timeout: 120_000 })
  const second = await serve(['--store', 'file:mirror', '--upstream', origin.url])
  const sidecar = await serve(['--upstream', second.url, '--mark', 'sidecar.jws'])
  const answer = await ask(sidecar.url)
  expect(versionOf(answer)).toBe('4152.2.0')
  const [, codebase = '', name = '', hash = ''] =
    /codebase="([^"]+)".*?<package name="([^"]+)".*?hash_sha256="([^"]+)"/.exec(answer) ?? []
  expect(codebase.startsWith(sidecar.url)).toBe(true)
  const bytes = Buffer.from(await (await fetch(codebase + name)).arrayBuffer())
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(hash)
  expect(bytes.equals(big)).toBe(true)
  const part = await fetch(codebase + name, { headers: { range: 'bytes=100-199' } })
  expect([part.status, Buffer.from(await part.arrayBuffer()).equals(big.subarray(100, 200))]).toEqual([206, true])
  expect(readFileSync(join(folder, 'sidecar.jws'))).toEqual(readFileSync(join(folder, 'origin/catalog.jws')))

  copyFileSync(join(folder, 'mirror/catalog.jws'), join(folder, 'earlier.jws'))
  publish('4200.0.0')
  await vi.waitFor(
    () =>
      expect(readFileSync(join(folder, 'mirror/catalog.jws'))).toEqual(
        readFileSync(join(folder, 'origin/catalog.jws')),
      ),
    { timeout: 120_000, interval: 200 },
  )
  await end(mirror)
  expect(mirror.exitCode).toBe(0)
  await end(sidecar.child)
  await end(second.child)
  const anew = await serve(['--store', 'file:mirror'])
  const fresh = await serve(['--upstream', anew.url, '--mark', 'sidecar.jws'])
  expect(versionOf(await ask(fresh.url))).toBe('4200.0.0')
  await end(fresh.child)
  await end(anew.child)

  // The mirror turns hostile, and shows an earlier catalog that has not expired.
  copyFileSync(join(folder, 'earlier.jws'), join(folder, 'mirror/catalog.jws'))
  const hostile = await serve(['--store', 'file:mirror'])
  const stock = await ask(hostile.url)
  const guarded = await serve(['--upstream', hostile.url, '--mark', 'sidecar.jws'])
  const newcomer = await serve(['--upstream', hostile.url, '--mark', 'another.jws'])
  expect([versionOf(stock), versionOf(await ask(guarded.url)), versionOf(await ask(newcomer.url))]).toEqual([
    '4152.2.0',
    'unverifiable',
    '4152.2.0',
  ])
  for (const { child } of [hostile, guarded, newcomer]) await end(child)
  platte(['mirror', 'file:origin', '--store', 'file:mirror'], base)
})

test('a mirror killed during a copy continues where it was, and never offers a partial copy', async () => {
  const store = join(folder, 'killed')
  for (let tries = 0; tries < 3; tries++) {
    const child = start(['mirror', origin.url, '--store', 'file:killed'])
    const began = vi.waitFor(() => expect(existsSync(join(store, 'root/1.jws'))).toBe(true), {
      timeout: 120_000,
      interval: 2,
    })
    await Promise.race([began, once(child, 'exit')])
    await new Promise((later) => setTimeout(later, tries * 15))
    if (child.exitCode === null) await end(child, 'SIGKILL')
    const packages = readdirSync(store, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /^packages.*\.gz$/.test(name),
    )
    for (const name of packages) expect(readFileSync(join(store, name)).length).toBe(big.length)
  }
  platte(['mirror', origin.url, '--store', 'file:killed'], base)
  expect(platte(['verify', '--store', 'file:killed'], base)).toBe('channels 1, manifests 2, packages 2\n')
})

test('a full disk is reported, keeps good copies, and the mirror continues when there is room', async () => {
  const limited = ['-c', 'ulimit -f 4000; exec "$@"', 'sh', process.execPath, main]
  const args = ['mirror', origin.url, '--store', 'file:limited']
  const child = spawn('bash', [...limited, ...args], { cwd: folder, env: base, stdio: ['ignore', 'ignore', 'pipe'] })
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  expect([code, said]).toEqual([
    1,
    expect.stringMatching(/^error: limited\S+: the limit for the size of a file is reached/),
  ])
  const left = readdirSync(join(folder, 'limited'), { recursive: true, encoding: 'utf8' })
  expect(left.filter((name) => name.endsWith('.gz'))).toEqual([])
  platte(args, base)
  expect(platte(['verify', '--store', 'file:limited'], base)).toBe('channels 1, manifests 2, packages 2\n')
})

test('packages that were not mirrored are served from the upstream', async () => {
  platte(['mirror', origin.url, '--store', 'file:bare', '--packages', 'none'], base)
  const bare = await serve(['--store', 'file:bare', '--upstream', origin.url])
  const [, codebase = '', name = ''] = /codebase="([^"]+)".*?<package name="([^"]+)"/.exec(await ask(bare.url)) ?? []
  const response = await fetch(codebase + name, { headers: { range: 'bytes=7999990-' } })
  expect([response.status, await response.text()]).toEqual([206, big.subarray(7_999_990).toString()])
  await end(bare.child)
  const alone = await serve(['--store', 'file:bare'])
  expect((await fetch((codebase + name).replace(bare.url, alone.url))).status).toBe(404)
  await end(alone.child)
})

test('a damaged mark starts a sidecar that offers nothing, and prints a hint', async () => {
  writeFileSync(join(folder, 'damaged.jws'), 'not a catalog')
  const child = start(['serve', '--upstream', origin.url, '--mark', 'damaged.jws'])
  let url = ''
  for await (const chunk of child.stderr ?? []) {
    url = /listening on (\S+)\/v1/.exec(`${chunk}`)?.[1] ?? url
    if (url) break
  }
  expect(versionOf(await ask(url))).toBe('unverifiable')
  await end(child)
  expect(readFileSync(join(folder, 'damaged.jws'), 'utf8')).toBe('not a catalog')
})
