/** The Worker's schedule inside the real workerd, with the R2 that wrangler simulates. */
import { resolve } from 'node:path'
import type { R2Bucket } from '@cloudflare/workers-types'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createTestHarness } from 'wrangler'
import { publish } from '../../src/channels/publish.ts'
import type { Catalog } from '../../src/documents/catalog.ts'
import { catalogKey } from '../../src/documents/paths.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { memoryDocuments, memoryPackages } from '../memory.ts'
import { makeSceneStore, publicUrl, type SceneStore } from '../scenes/fixture.ts'
import { app, day, orderOf } from '../world.ts'
import { fillBucket } from './bucket.ts'

const root = resolve(import.meta.dirname, '../..')
/** Of a catalog that is valid for 14 days, 5 days are more than a third. */
const time = { now: systemClock() - 5 * day }
const store = await makeSceneStore(memoryDocuments(), undefined, () => time.now)
const crowd = await makeSceneStore()

/** Each is an isolate of its own; `bucket` names the store that it reads and writes. */
const worker = (name: string, bucket: string, { pin }: SceneStore, vars: Readonly<Record<string, string>>) => ({
  config: {
    name,
    main: resolve(import.meta.dirname, 'counting.worker.ts'),
    compatibility_date: '2026-10-01',
    send_metrics: false,
    r2_buckets: [{ binding: 'PLATTE_BUCKET', bucket_name: bucket }],
    vars: { PLATTE_ROOT: pin, PLATTE_PUBLIC_URL: publicUrl, ...vars },
  },
})
const named = { PLATTE_TIMESTAMP_KEY: 'env://TIMESTAMP_JWK' }

const server = createTestHarness({
  root,
  workers: [
    worker('with-key', 'platte', store, { ...named, TIMESTAMP_JWK: store.timestampKey }),
    worker('crowded', 'crowd', crowd, { ...named, TIMESTAMP_JWK: crowd.timestampKey }),
    worker('no-key', 'platte', store, {}),
    worker('key-missing', 'platte', store, named),
    worker('key-broken', 'platte', store, { ...named, TIMESTAMP_JWK: store.timestampKey.replace('{', '{"canary') }),
    worker('key-in-a-file', 'platte', store, { PLATTE_TIMESTAMP_KEY: '/etc/platte/keys/timestamp.jwk' }),
  ],
})
let bucket: R2Bucket

const bucketOf = async (name: string) =>
  (await server.getWorker<{ readonly PLATTE_BUCKET: R2Bucket }>(name).getEnv()).PLATTE_BUCKET

beforeAll(async () => {
  await server.listen()
  bucket = await bucketOf('with-key')
  await fillBucket(bucket, store.publisher)
})
beforeEach(() => server.clearLogs())
afterAll(() => server.close())

const lines = () => server.getLogs().map(({ message }) => JSON.parse(message))

/** Calls the schedule, and says what it logged beside how often it asked R2. */
async function schedule(name: string) {
  server.clearLogs()
  const { outcome } = await server.getWorker(name).scheduled({ cron: '* * * * *', scheduledTime: new Date() })
  expect(outcome).toBe('ok')
  const logged = lines()
  return {
    asked: logged.find(({ event }) => event === 'asked').times as number,
    others: logged.filter(({ event }) => event !== 'asked'),
  }
}

async function catalog(from = bucket): Promise<Catalog> {
  const { payload } = JSON.parse((await (await from.get(catalogKey))?.text()) ?? '')
  return JSON.parse(Buffer.from(payload, 'base64url').toString())
}

test.each([
  ['no-key', []],
  ['key-missing', [{ level: 'error', event: 'refresh', problem: 'env://TIMESTAMP_JWK: there is no such variable' }]],
])('%s: R2 is not read, although the catalog is due', async (name, wanted) => {
  const before = await catalog()
  const { asked, others } = await schedule(name)
  expect(asked).toBe(0)
  expect(others).toEqual(wanted.map((line) => expect.objectContaining(line)))
  expect(await catalog()).toEqual(before)
})

test('an invalid key is an error in the log, which does not quote it', async () => {
  const { asked, others } = await schedule('key-broken')
  expect(asked).toBe(0)
  expect(others).toEqual([expect.objectContaining({ level: 'error', event: 'refresh' })])
  expect(others[0].problem).toContain('env://TIMESTAMP_JWK')
  expect(JSON.stringify(others)).not.toContain('canary')
})

test('a key in a file is refused: it answers 500 with a hint', async () => {
  const answer = await server.getWorker('key-in-a-file').fetch('http://updates.example.org/v1/update/')
  expect([answer.status, await answer.text()]).toEqual([
    500,
    expect.stringMatching(/"detail":"PLATTE_TIMESTAMP_KEY .*env:/),
  ])
  const { others } = await schedule('key-in-a-file')
  expect(others).toContainEqual(expect.objectContaining({ level: 'error', event: 'refresh' }))
})

test('a catalog is signed again after a third of its validity, and then left alone', async () => {
  const began = Date.now()
  const before = await catalog()
  const { others } = await schedule('with-key')
  const after = await catalog()
  expect(others).toEqual([expect.objectContaining({ level: 'info', event: 'refresh', expires: after.expires })])
  expect(Date.parse(after.issuedAt)).toBeGreaterThanOrEqual(began)
  expect(after.apps).toEqual(before.apps)
  expect((await schedule('with-key')).others).toEqual([])
  expect(await catalog()).toEqual(after)
})

test('a manifest committed without the key is offered after the next run', async () => {
  time.now = Date.now()
  await publish({ ...store.publisher, timestamp: [] }, orderOf('4200.0.0', { channel: 'beta' }))
  await fillBucket(bucket, store.publisher)
  const before = (await catalog()).apps[app]?.channels
  await schedule('with-key')
  const after = (await catalog()).apps[app]?.channels
  expect(after?.beta?.seq).toBe((before?.beta?.seq ?? 0) + 1)
  expect(after?.stable).toEqual(before?.stable)
})

test('the newest catalog served is remembered: a restored older one is not signed again', async () => {
  const { bytes: old } = (await store.publisher.documents.get(catalogKey, 2 ** 20)) ?? {}
  await bucket.put(catalogKey, old ?? '')
  const { others } = await schedule('with-key')
  expect(others).toEqual([expect.objectContaining({ level: 'error', problem: expect.stringContaining('not newer') })])
  expect(new Uint8Array((await (await bucket.get(catalogKey))?.arrayBuffer()) ?? [])).toEqual(old)
})

test('many apps with many channels ahead: each run makes at most 50 requests and moves some forward', async () => {
  const apps = Array.from({ length: 18 }, (_, n) => `0000${10 + n}00-0000-4000-8000-000000000000`)
  const target = await bucketOf('crowded')
  for (const one of apps) await publish(crowd.publisher, orderOf('1', { app: one }))
  // The bucket keeps this catalog, which the manifests that follow are ahead of.
  await target.put(catalogKey, (await crowd.publisher.documents.get(catalogKey, 2 ** 20))?.bytes ?? '')
  for (const one of apps) await publish(crowd.publisher, orderOf('1', { app: one, channel: 'new' }))
  for (let n = 2; n < 20; n++)
    for (const one of apps.slice(0, 8)) await publish(crowd.publisher, orderOf(`${n}`, { app: one }))
  for (const one of apps) await crowd.publisher.documents.create(`apps/${one}/junk/0000000002.jws`, new Uint8Array([1]))
  await fillBucket(target, { ...crowd.publisher, packages: memoryPackages(nodeHasher) })
  const forward = async (): Promise<number> =>
    Object.values((await catalog(target)).apps)
      .flatMap(({ channels }) => [(channels.stable?.seq ?? 0) - 1, channels.new?.seq ?? 0])
      .reduce((sum, steps) => sum + steps, 0)
  const began = await forward()
  const request: number[] = []
  for (let calls = 0; calls < 3; calls++) request.push((await schedule('crowded')).asked)
  expect(Math.max(...request)).toBeLessThanOrEqual(50)
  // Fewer would be a slice that is too small.
  expect(Math.max(...request)).toBeGreaterThan(25)
  expect((await forward()) - began).toBeGreaterThanOrEqual(3)
})
