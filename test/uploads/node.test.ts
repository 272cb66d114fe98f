/** Uploads over sockets of Node, into a folder. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { newCatalogCache } from '../../src/catalog/cache.ts'
import { uploadRoutes } from '../../src/publish-api/routes.ts'
import { createApp } from '../../src/runtime/app.ts'
import { listen } from '../../src/runtime/node.ts'
import { openStore, openUploadsOf } from '../../src/runtime/store.ts'
import { sample } from '../conformance/rows.ts'
import { sendOver } from '../scenes/send.ts'
import { newStore } from '../world.ts'
import { authorize } from './authorize.ts'
import { httpSuite, type Target } from './http-suite.ts'
import { openMissing, orderOf } from './scene.ts'

const dir = await mkdtemp(join(tmpdir(), 'platte-uploads-'))
const setting = { kind: 'file', dir } as const
const { documents, packages, clock } = await openStore(setting)
const { publisher, log } = await newStore({ documents, packages })
const partBytes = 1024 * 1024
const uploads = { ...(await openUploadsOf(setting, packages)), partBytes }
const uploading = { ...publisher, clock, uploads }
let server: Awaited<ReturnType<typeof listen>>
let target: Target
beforeAll(async () => {
  const app = createApp(
    {
      ...{ cache: newCatalogCache(), reader: publisher, packages, events: () => {}, publicUrl: 'http://127.0.0.1' },
      background: () => undefined,
    },
    uploadRoutes({ uploading, authorize }),
  )
  server = await listen({ host: '127.0.0.1', port: 0 }, () => app)
  target = { send: sendOver(server.url), partBytes, isDirect: false, logs: () => JSON.stringify(log) }
})
afterAll(async () => {
  server.server.closeAllConnections()
  server.server.close()
  await rm(dir, { recursive: true })
})

httpSuite('Node', () => target)

test('a client that disconnects in the middle of a part leaves nothing', async () => {
  const order = orderOf([{ name: 'update.gz', bytes: sample(partBytes, 3) }], { version: '7' })
  const [upload] = await openMissing(uploading, order)
  if (upload === undefined) throw new Error('nothing is missing')
  const path = `/v1/uploads/${upload.id}/1`
  const sent = request(server.url + path, { method: 'PUT', headers: { 'Content-Length': String(partBytes) } })
  const closed = new Promise((resolve) => sent.on('error', () => {}).on('close', resolve))
  sent.write(sample(partBytes / 2, 3))
  const folders = async () =>
    (await readdir(join(dir, '.uploads'), { recursive: true })).filter((name) => /\/\./.test(name))
  await vi.waitFor(async () => expect((await folders()).length).toBe(1), { timeout: 120_000 })
  sent.destroy()
  await closed
  await vi.waitFor(async () => expect(await folders()).toEqual([]), { timeout: 120_000 })
  expect((await openMissing(uploading, order))[0]?.have).toEqual([])
  expect(log.at(-1)).toEqual({
    ...{ level: 'info', event: 'refused', path: '/v1/uploads/…', status: 400, code: 'bad-request' },
    requestId: expect.stringMatching(/^[0-9a-f]{12}-\d+$/),
    problem: expect.stringMatching(/^part 1 broke off after \d+ of 1048576 bytes$/),
  })
})
