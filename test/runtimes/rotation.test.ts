/** Keys are replaced while real processes run over the store: all are asked after every single write. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { R2Bucket } from '@cloudflare/workers-types'
import { afterEach, describe, expect, inject, test, vi } from 'vitest'
import { createTestHarness } from 'wrangler'
import { rotateKey } from '../../src/catalog/rotate.ts'
import { publish } from '../../src/channels/publish.ts'
import { catalogKey, channelKey } from '../../src/documents/paths.ts'
import { isoText } from '../../src/kernel/format.ts'
import { makeStore, openStore } from '../../src/runtime/store.ts'
import { sha256Hex } from '../../src/trust/digest.ts'
import { seal } from '../../src/trust/envelope.ts'
import { formatPin } from '../../src/trust/verify-root.ts'
import {
  app,
  bytesOf,
  keys,
  minute,
  newKey,
  newStore,
  noticing,
  orderOf,
  publishOne,
  type TestStore,
} from '../world.ts'
import { fillBucket } from './bucket.ts'
import { firstLine, startDeno } from './start-deno.ts'

const root = resolve(import.meta.dirname, '../..')
const clockFile = join(root, 'test/formats/clock.ts')
const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

const endOf = (child: ChildProcess) => async (): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

const bodyOf = (version: string): string =>
  `<request protocol="3.0"><app appid="{${app}}" version="${version}" track="stable" board="amd64-usr"><updatecheck/></app></request>`
const told = (answer: string): string =>
  /manifest version="([^"]+)"|_no_update_reason="([^"]+)"/.exec(answer)?.slice(1).join('') ?? answer

/** A store in a folder, and every kind of process that answers from it. */
async function scene() {
  const folder = mkdtempSync(join(tmpdir(), 'platte-rotation-'))
  ends.push(() => rmSync(folder, { recursive: true, force: true }))
  const origin = join(folder, 'origin')
  await makeStore({ kind: 'file', dir: origin })
  const store = await newStore(await openStore({ kind: 'file', dir: origin }))
  await publishOne(store, '2')
  const clock = join(folder, 'clock')
  const tick = (): void => {
    store.time.now += minute
    writeFileSync(clock, isoText(store.time.now))
  }
  tick()
  const env = { PLATTE_ROOT: formatPin(store.publisher.pin), PLATTE_TEST_NOW: clock, PORT: '0' }
  const platte = (...args: readonly string[]): ChildProcess => {
    const child = spawn(process.execPath, ['--import', clockFile, inject('cli'), ...args], {
      ...{ cwd: folder, env: { ...env, PATH: process.env.PATH }, stdio: ['ignore', 'pipe', 'pipe'] },
    })
    ends.push(endOf(child))
    child.stdout?.resume()
    return child
  }
  const serve = async (...args: readonly string[]) => {
    const child = platte('serve', ...args)
    for await (const chunk of child.stderr ?? []) {
      const url = /listening on (\S+)/.exec(`${chunk}`)?.[1]
      if (url) return { child, url }
    }
    throw new Error('it did not start')
  }
  const over = async (url: string, headers = {}): Promise<string> =>
    told(await (await fetch(url, { method: 'POST', body: bodyOf('1'), headers })).text())

  const node = await serve('--store', 'file:origin')
  const watching = platte('mirror', new URL(node.url).origin, '--store', 'file:mirror', '--watch', 'PT1S')
  watching.stderr?.resume()
  const mirrored = () => {
    const read = (name: string) => readFileSync(join(folder, name, catalogKey))
    return vi.waitFor(() => expect(read('mirror')).toEqual(read('origin')), { timeout: 120_000, interval: 100 })
  }
  await mirrored()
  const second = await serve('--store', 'file:mirror')
  const sidecar = await serve('--upstream', new URL(second.url).origin)
  const deno = startDeno('src/runtime/deno.ts', {
    permissions: [
      ...['--preload', clockFile, '--allow-env=PLATTE_*,PORT', '--allow-net=127.0.0.1'],
      `--allow-read=${origin},${clock}`,
    ],
    env: { ...env, PLATTE_STORE: `file:${origin}`, DENO_DIR: join(folder, 'deno') },
  })
  ends.push(endOf(deno))
  const denoUrl = `${(await firstLine(deno)).url}/v1/update/`
  const worker = await startWorker(env.PLATTE_ROOT)
  await fillBucket(worker.bucket, store.publisher)

  const cold = async (name: string): Promise<string> => {
    const { child, url } = await serve('--store', `file:${name}`)
    return over(url).finally(endOf(child))
  }
  const warm = { node: node.url, deno: denoUrl, mirror: second.url, sidecar: sidecar.url }
  /** What each is told at this instant; all caches are a minute old. */
  const askAll = async (): Promise<Record<string, string>> => {
    tick()
    const headers = { 'x-test-now': String(store.time.now) }
    const answers = await Promise.all([
      ...Object.entries(warm).map(async ([name, url]) => [name, await over(url)] as const),
      worker.fetch(headers).then((answer) => ['worker', answer] as const),
      cold('origin').then((answer) => ['cold', answer] as const),
      cold('mirror').then((answer) => ['cold mirror', answer] as const),
    ])
    return Object.fromEntries(answers)
  }
  /** Puts any bytes there, as the holder of the bucket can. */
  const overwrite = async (key: string, bytes: Uint8Array): Promise<void> => {
    writeFileSync(join(origin, key), bytes)
    await worker.bucket.put(key, bytes)
  }
  return { folder, store, worker, askAll, mirrored, overwrite }
}

async function startWorker(pin: string) {
  const server = createTestHarness({
    root,
    workers: [
      {
        config: {
          ...{ name: 'rotation', main: resolve(import.meta.dirname, 'clocked.worker.ts'), send_metrics: false },
          compatibility_date: '2026-10-01',
          r2_buckets: [{ binding: 'PLATTE_BUCKET', bucket_name: 'rotation' }],
          vars: { PLATTE_ROOT: pin, PLATTE_PUBLIC_URL: 'https://updates.example.org' },
        },
      },
    ],
  })
  await server.listen()
  ends.push(() => server.close())
  const one = server.getWorker<{ readonly PLATTE_BUCKET: R2Bucket }>('rotation')
  const bucket = (await one.getEnv()).PLATTE_BUCKET
  const fetch = async (headers: Record<string, string>): Promise<string> => {
    const url = 'https://updates.example.org/v1/update/'
    return told(await (await one.fetch(url, { method: 'POST', body: bodyOf('1'), headers })).text())
  }
  return { bucket, fetch }
}

const everyone = (answer: string) =>
  Object.fromEntries(
    ['node', 'deno', 'mirror', 'sidecar', 'worker', 'cold', 'cold mirror'].map((name) => [name, answer]),
  )

describe.each(['timestamp', 'release'] as const)('while the %s key is replaced', (role) => {
  test('every process answers after each write, and believes nothing of the removed key', async () => {
    const { store, worker, askAll, mirrored, overwrite } = await scene()
    expect(await askAll()).toEqual(everyone('2'))
    const writes: string[] = []
    const copied = noticing(store.publisher.documents, async (key) => {
      const { bytes } = (await store.publisher.documents.get(key, 1e6)) ?? {}
      await worker.bucket.put(key, bytes ?? '')
    })
    const documents = noticing(copied, async (key) => {
      writes.push(key)
      await mirrored()
      expect([key, await askAll()]).toEqual([key, everyone('2')])
    })
    const fresh = await newKey('EdDSA')
    const writer = { ...store.publisher, documents, [role]: [...store.publisher[role], fresh] }
    const { root: now } = await rotateKey(writer, { role, key: fresh.jwk }, keys.root)
    expect(now.roles[role].keyIds).toEqual([fresh.keyId])
    expect(writes.length).toBeGreaterThanOrEqual(4)

    await publish({ ...store.publisher, [role]: [fresh], documents: copied }, orderOf('4'))
    await fillBucket(worker.bucket, store.publisher)
    // The mirror has its package a little later than the catalog.
    await vi.waitFor(async () => expect(await askAll()).toEqual(everyone('4')), { timeout: 120_000 })
    for (const [key, bytes] of await forge(store, role)) await overwrite(key, bytes)
    const answers = await askAll()
    expect(answers.cold).toBe('unverifiable')
    // Where only the catalog is forged, who remembers goes on, and the mirror copies nothing.
    if (role === 'timestamp') expect(answers).toEqual({ ...everyone('4'), cold: 'unverifiable' })
    else expect(Object.values(answers).filter((answer) => /^\d/.test(answer) && answer !== '4')).toEqual([])
  })
})

/** What the thief of the removed key makes: a catalog without channels, or a manifest with release 5. */
async function forge(store: TestStore, role: 'timestamp' | 'release') {
  const { documents } = store.publisher
  const read = async (key: string) => {
    const { bytes } = (await documents.get(key, 1e6)) ?? {}
    return JSON.parse(Buffer.from(JSON.parse(Buffer.from(bytes ?? '').toString()).payload, 'base64url').toString())
  }
  const catalog = await read(catalogKey)
  const issued = { issuedAt: isoText(store.time.now) }
  if (role === 'timestamp')
    return [
      [catalogKey, await seal('platte-catalog+jws', bytesOf({ ...catalog, ...issued, apps: {} }), keys.timestamp)],
    ] as const
  const { seq, sha256: previous, ...entry } = catalog.apps[app].channels.stable
  const manifest = await read(channelKey(app, 'stable', seq))
  const [release] = manifest.releases
  const next = { ...manifest, ...issued, seq: seq + 1, previous, releases: [{ ...release, version: '5' }] }
  const bytes = await seal('platte-channel+jws', bytesOf(next), keys.release)
  const named = { ...entry, seq: seq + 1, sha256: await sha256Hex(bytes), size: bytes.length }
  const apps = { [app]: { channels: { stable: named } } }
  return [
    [channelKey(app, 'stable', seq + 1), bytes],
    [catalogKey, await seal('platte-catalog+jws', bytesOf({ ...catalog, ...issued, apps }), keys.timestamp)],
  ] as const
}
