/** The Worker's schedule as a mirror, inside the real workerd: bounded steps from an empty bucket to a whole copy. */
import { resolve } from 'node:path'
import type { R2Bucket } from '@cloudflare/workers-types'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestHarness } from 'wrangler'
import { publish } from '../../src/channels/publish.ts'
import { catalogKey } from '../../src/documents/paths.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { memoryDocuments, memoryPackages } from '../memory.ts'
import { bodyOf } from '../protocol/samples.ts'
import { makeSceneStore, publicUrl, type SceneStore } from '../scenes/fixture.ts'
import { fileServer, serve, type TestServer } from '../upstream/server.ts'
import { orderOf } from '../world.ts'

const root = resolve(import.meta.dirname, '../..')
let store: SceneStore
let upstream: TestServer
let server: ReturnType<typeof createTestHarness>
let bucket: R2Bucket

beforeAll(async () => {
  store = await makeSceneStore(memoryDocuments(), memoryPackages(nodeHasher), () => Date.now())
  for (let version = 1; version <= 30; version++)
    await publish(store.publisher, orderOf(`500${version}.0.0`, { channel: 'busy', notes: new Uint8Array([version]) }))
  upstream = await serve(fileServer(store.publisher, { tags: 'content', ranges: true }))
  server = createTestHarness({
    root,
    workers: [
      {
        config: {
          name: 'mirror',
          main: resolve(import.meta.dirname, 'counting.worker.ts'),
          compatibility_date: '2026-10-01',
          send_metrics: false,
          r2_buckets: [{ binding: 'PLATTE_BUCKET', bucket_name: 'mirror' }],
          vars: { PLATTE_ROOT: store.pin, PLATTE_PUBLIC_URL: publicUrl, PLATTE_UPSTREAM: upstream.url },
        },
      },
    ],
  })
  await server.listen()
  bucket = (await server.getWorker<{ readonly PLATTE_BUCKET: R2Bucket }>('mirror').getEnv()).PLATTE_BUCKET
})
afterAll(async () => {
  await server.close()
  await upstream.close()
})

/** One call of the schedule: how often it asked both stores, and what it said. */
async function step() {
  server.clearLogs()
  const before = upstream.seen.length
  await server.getWorker('mirror').scheduled({ cron: '* * * * *', scheduledTime: new Date() })
  const lines = server.getLogs().map(({ message }) => JSON.parse(message))
  const requests = lines.find(({ event }) => event === 'asked').times + upstream.seen.length - before
  return { requests, mirrored: lines.find(({ event }) => event === 'mirror') }
}

const bytes = async (key: string) => {
  const object = await bucket.get(key)
  return object && new Uint8Array(await object.arrayBuffer())
}

test('each step makes at most 50 requests and copies at most one package, and some steps complete the mirror', async () => {
  const steps: Awaited<ReturnType<typeof step>>[] = []
  do steps.push(await step())
  while (steps.at(-1)?.mirrored?.kind === 'more' && steps.length < 100)
  expect(steps.filter(({ mirrored }) => mirrored.level !== 'info')).toEqual([])
  expect(Math.max(...steps.map(({ requests }) => requests))).toBeLessThanOrEqual(50)
  expect(Math.max(...steps.map(({ mirrored }) => mirrored.packages))).toBe(1)
  expect(steps.length).toBeLessThan(60)
  const { documents, packages } = store.publisher
  for (const prefix of ['root/', 'apps/', 'notes/'])
    for await (const key of documents.list?.(prefix) ?? [])
      expect([key, await bytes(key)]).toEqual([key, (await documents.get(key, 1e6))?.bytes])
  for await (const key of packages.list?.('packages/') ?? [])
    expect([key, (await bucket.head(key))?.size]).toEqual([key, (await packages.stat(key))?.size])
  expect(await bytes(catalogKey)).toEqual((await documents.get(catalogKey, 1e6))?.bytes)
})

test('a complete mirror costs one conditional GET per step, and machines are answered from the copy', async () => {
  expect(await step()).toEqual({ requests: 1, mirrored: undefined })
  const answer = await server.getWorker('mirror').fetch('http://updates.example.org/v1/update/', {
    method: 'POST',
    body: bodyOf('full-update-01'),
  })
  expect(await answer.text()).toContain('<manifest version="4152.2.0">')
})
