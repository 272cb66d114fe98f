/** The webhook with a real receiver, which verifies each message by the reference library of the specification. */
import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, beforeEach, expect, inject, test, vi } from 'vitest'
import { newCatalogCache, reload } from '../../src/catalog/cache.ts'
import { openProjection } from '../../src/fleet/projection.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import type { LogEntry } from '../../src/kernel/log.ts'
import { send } from '../../src/outgoing/send.ts'
import { startServer } from '../../src/runtime/node.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import { transport } from '../../src/runtime/transport.ts'
import { type Message, testMessage } from '../../src/webhook/message.ts'
import { openQueue } from '../../src/webhook/queue.ts'
import { openWatch } from '../../src/webhook/watch.ts'
import { holdRelease, renameChannel, unholdRelease } from '../changes.ts'
import { app, day, newStore, publishOne, seeded, type TestStore } from '../world.ts'

const key = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const ref = { app, channel: 'stable' }
const waiting = { timeout: 60_000 }

/** What the receiver verified, and how it answers: the last status stays. */
const taken: Message[] = []
let statuses: number[] = [204]
let requests = 0
const hangs = 0
const hanging: ServerResponse[] = []

/** The clock of tests is another one than that of the library, so its own signature is compared. */
function verified(headers: IncomingHttpHeaders, body: string): Message {
  const [id, seconds, signature] = ['id', 'timestamp', 'signature'].map((name) => String(headers[`webhook-${name}`]))
  const message = JSON.parse(body)
  const wanted = new Webhook(key).sign(id ?? '', new Date(Number(seconds) * 1000), body)
  return signature === wanted && id === message.id ? message : { ...message, text: 'not signed' }
}

const receiver = createServer((request, response) => {
  requests += 1
  const chunks: Buffer[] = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    const status = (statuses.length > 1 ? statuses.shift() : statuses[0]) ?? 204
    if (status === hangs) return void hanging.push(response)
    if (status < 300) taken.push(verified(request.headers, Buffer.concat(chunks).toString()))
    response.writeHead(status, { location: 'http://169.254.169.254/latest/' }).end('thanks')
  })
})
const url = await new Promise<string>((resolve) =>
  receiver.listen(0, '127.0.0.1', () =>
    resolve(`http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hooks/a-secret`),
  ),
)
const folder = await mkdtemp(join(tmpdir(), 'platte-hook-'))
afterAll(async () => {
  receiver.close()
  await rm(folder, { recursive: true })
})

beforeEach(() => {
  taken.length = requests = 0
  statuses = [204]
})
const receiving = { url, key, transport, clock: Date.now }
const message = (unique: number): Message => testMessage(Date.now(), unique)

test('a message is signed as the specification says', async () => {
  const one = message(1)
  await send(receiving, one)
  expect(taken).toEqual([one])
  let sent = { headers: {}, body: '' }
  const capture: typeof transport = ({ headers, body }) => {
    sent = { headers, body: String(body) }
    return Promise.reject(new Error('captured'))
  }
  await send({ ...receiving, transport: capture }, one).catch(() => {})
  expect(new Webhook(key).verify(sent.body, sent.headers)).toEqual(one)
  const other = new Webhook(`whsec_${Buffer.alloc(32, 8).toString('base64')}`)
  expect(() => other.verify(sent.body, sent.headers)).toThrow('No matching signature')
})

test.each(['https://chat.example.org/hooks/', 'https://chat.example.org/v1/messages?key=k%2B&token=t', 'http://h/'])(
  'the URL is the one that was given: %s',
  (webhook) => {
    expect(readSettings({ PLATTE_WEBHOOK: webhook, PLATTE_WEBHOOK_KEY: key }, []).webhook).toBe(webhook)
  },
)

test.each(['ftp://h/secret', 'secret', 'https://u:secret@h/', 'https://h/#secret'])(
  'refused, and not repeated: %s',
  (one) => {
    const read = () => readSettings({ PLATTE_WEBHOOK: one, PLATTE_WEBHOOK_KEY: key }, [])
    expect(read).toThrow(/PLATTE_WEBHOOK: (is no|holds)/)
    expect(read).not.toThrow('secret')
  },
)

test('a redirect into the network is not followed, and no error names the secret path', async () => {
  statuses = [307]
  const failure = await send(receiving, message(1)).catch((error: Error) => error)
  expect(String(failure)).toMatch(/169\.254\.169\.254/)
  expect(String(failure)).not.toContain('a-secret')
  const refused = send({ ...receiving, url: 'http://127.0.0.1:1/hooks/a-secret' }, message(1))
  await expect(refused).rejects.toMatchObject({ message: expect.not.stringContaining('a-secret') })
})

const queueOf = (log: LogEntry[], pausesMs: readonly number[] = [1, 1]) =>
  openQueue({ send: (one) => send(receiving, one), random: seeded(1), log: (entry) => void log.push(entry), pausesMs })

const countsOf = ({ gauges }: ReturnType<typeof openQueue>) => Object.fromEntries(gauges()[0]?.values ?? [])

test('what a receiver does not take is sent again, under its id; each id once; in order', async () => {
  statuses = [500, 429, 200]
  const log: LogEntry[] = []
  const queue = queueOf(log)
  const [first, second] = [message(1), message(2)]
  for (const one of [first, second, first]) queue.add(one)
  await vi.waitFor(() => expect(taken).toEqual([first, second]), waiting)
  queue.add(second)
  await queue.close()
  expect([requests, countsOf(queue)]).toEqual([4, { sent: 2, failed: 2, dropped: 0, waiting: 0 }])
})

test('a receiver that never takes it costs one message, which the log names', async () => {
  statuses = [500]
  const log: LogEntry[] = []
  const queue = queueOf(log)
  queue.add(message(1))
  await vi.waitFor(() => expect(countsOf(queue)).toEqual({ sent: 0, failed: 3, dropped: 1, waiting: 0 }), waiting)
  expect(log.at(-1)).toMatchObject({ level: 'error', event: 'webhook', problem: 'the receiver never took it' })
})

test('a message that the receiver refuses keeps back no other', async () => {
  statuses = [400, 204]
  const queue = queueOf([], [1_000_000])
  for (const one of [message(1), message(2)]) queue.add(one)
  await vi.waitFor(() => expect(taken).toHaveLength(1), waiting)
  expect(countsOf(queue)).toEqual({ sent: 1, failed: 1, dropped: 0, waiting: 1 })
  await queue.close()
  expect(taken).toHaveLength(2)
})

test('more messages than fit are dropped and counted; stopping tries each once more', async () => {
  statuses = [500]
  const log: LogEntry[] = []
  const queue = queueOf(log, [1_000_000])
  for (let i = 0; i < 1_010; i++) queue.add(message(i))
  expect(countsOf(queue)).toMatchObject({ dropped: 10, waiting: 1_000 })
  await vi.waitFor(() => expect(requests).toBeGreaterThan(0), waiting)
  statuses = [204]
  await queue.close()
  expect(taken.length).toBeGreaterThan(0)
})

let store: TestStore
const cacheOf = async () => {
  const cache = newCatalogCache()
  await reload(cache, store.publisher)
  return cache
}
const watching = async (more: object = {}) => {
  const told: Message[] = []
  const tell = (one: Message) => void told.push(one)
  const look = openWatch({ cache: await cacheOf(), reader: store.publisher, tell, ...more })
  return async () => {
    store.time.now += 31_000
    await look()
    return told.splice(0)
  }
}
beforeAll(async () => {
  store = await newStore()
  await publishOne(store, '1')
})

test('publishing, holding and lifting a hold are told once, with the same ids by every server', async () => {
  const [look, replica] = [await watching(), await watching()]
  expect(await look()).toEqual([])
  await publishOne(store, '2')
  const [published, ...more] = await look()
  expect(more).toEqual([])
  expect(published).toMatchObject({
    ...{ type: 'release.published', text: 'stable: 2 was published (revision 2)' },
    data: { ...ref, version: '2', revision: 2 },
  })
  await holdRelease(store.publisher, ref, { version: '2', reason: 'boot loop' })
  const held = await look()
  expect(held).toMatchObject([
    { type: 'release.held', text: 'stable: 2 is held: boot loop', data: { reason: 'boot loop' } },
  ])
  await publishOne(store, '3')
  expect(await look()).toMatchObject([{ type: 'release.published', data: { version: '3' } }])
  // A replica that looks later tells the same.
  const all = await replica()
  expect(all.map(({ id }) => id)).toEqual(expect.arrayContaining([published?.id, held[0]?.id]))
  expect(all).toHaveLength(3)
  await holdRelease(store.publisher, ref, { version: '2', reason: 'data loss' })
  expect(await look()).toMatchObject([{ type: 'release.held', data: { reason: 'data loss' } }])
  await unholdRelease(store.publisher, ref, { version: '2' })
  expect(await look()).toMatchObject([{ type: 'release.unheld', text: 'stable: 2 is no longer held' }])
  await holdRelease(store.publisher, ref, { version: '3', reason: 'guard: 7 of 41 failed' })
  expect(await look()).toMatchObject([{ type: 'release.guarded', data: { version: '3' } }])
  expect(await look()).toEqual([])
})

test('a channel that is renamed has nothing new by that, and goes on under its name', async () => {
  const fresh = await newStore()
  for (const version of ['1', '2']) await publishOne(fresh, version)
  await holdRelease(fresh.publisher, ref, { version: '2', reason: 'boot loop' })
  const cache = newCatalogCache()
  await reload(cache, fresh.publisher)
  const told: Message[] = []
  const look = openWatch({ cache, reader: fresh.publisher, tell: (one) => void told.push(one) })
  const next = async () => {
    fresh.time.now += 31_000
    await look()
    return told.splice(0)
  }
  await renameChannel(fresh.publisher, ref, 'production')
  expect(await next()).toEqual([])
  await unholdRelease(fresh.publisher, { app, channel: 'production' }, { version: '2' })
  expect(await next()).toMatchObject([{ type: 'release.unheld', data: { channel: 'production', version: '2' } }])
  await publishOne(fresh, '3', { channel: 'production' })
  expect(await next()).toMatchObject([{ type: 'release.published', data: { channel: 'production', version: '3' } }])
})

test('a store that is away loses nothing: the next look compares the same again', async () => {
  const told: Message[] = []
  let isAway = false
  const { documents } = store.publisher
  const get: typeof documents.get = async (name, ...more) => {
    if (isAway && name.startsWith('apps/')) throw new PlatteError('store-unavailable', 'no answer')
    return documents.get(name, ...more)
  }
  const reader = { ...store.publisher, documents: { ...documents, get } }
  const look = openWatch({ cache: await cacheOf(), reader, tell: (one) => void told.push(one) })
  await publishOne(store, '4')
  store.time.now += 31_000
  isAway = true
  await look()
  expect(told).toEqual([])
  isAway = false
  await look()
  expect(told).toMatchObject([{ type: 'release.published', data: { version: '4' } }])
})

test('a catalog that nobody refreshes is told before it expires, and when it has', async () => {
  const look = await watching()
  const { expires } = (await cacheOf()).state?.catalog.catalog ?? { expires: '' }
  const now = store.time.now
  store.time.now = Date.parse(expires) - 1000 * 60 * 60
  expect(await look()).toMatchObject([{ type: 'catalog.expiring', data: { expires } }])
  store.time.now = Date.parse(expires)
  expect(await look()).toMatchObject([{ type: 'catalog.expired', data: { expires } }])
  store.time.now = now
})

test('a channel with too many silent machines is told once a day', async () => {
  const file = join(folder, 'silent.db')
  const projection = openProjection(file, { clock: () => store.time.now, keepMs: 30 * day })
  const one = { ...ref, version: '1', board: '', oem: '', oemVersion: '', alias: '', isSyncer: false, offered: '' }
  for (let i = 0; i < 40; i++) {
    const at = store.time.now - (i < 10 ? 2 * day : 0)
    projection.sighting({ ...one, at, machine: `m${i}`, answer: 'up-to-date', reported: [] })
  }
  projection.flush()
  projection.close()
  const [tight, loose] = [0.2, 0.25].map((limit) => watching({ fleet: { file, limit } }))
  const [told, ...more] = (await (await tight)?.()) ?? []
  expect(more).toEqual([])
  expect(told).toMatchObject({
    ...{ type: 'fleet.silent', data: { ...ref, machines: 40, silent: 10 } },
    text: 'stable: 10 of 40 machines (25 %) are silent for 24 hours',
  })
  expect(await (await loose)?.()).toEqual([])
})

test('a server sends, and answers while the receiver hangs', async () => {
  const fresh = await newStore()
  await publishOne(fresh, '1')
  const { version, sha256 } = fresh.publisher.pin
  const env = { PLATTE_STORE: `file:${folder}`, PLATTE_ROOT: `${version}:sha256:${sha256}`, PORT: '0' }
  const hook = { PLATTE_WEBHOOK: url, PLATTE_WEBHOOK_KEY: key, PLATTE_METRICS: 'on' }
  const running = await startServer(readSettings({ ...env, ...hook }, ['store', 'pin']), fresh.publisher)
  statuses = [hangs, 204]
  await publishOne(fresh, '2')
  fresh.time.now += 31_000
  await vi.waitFor(() => expect(hanging).toHaveLength(1), waiting)
  const body = `<request protocol="3.0"><app appid="${app}" version="1" track="stable" board="amd64-usr"><updatecheck/></app></request>`
  // The first check after 30 seconds may be answered from memory, while the catalog is read.
  await vi.waitFor(async () => {
    const answer = await fetch(`${running.url}/v1/update/`, { method: 'POST', body })
    expect(await answer.text()).toContain('<manifest version="2">')
  }, waiting)
  const metrics = await (await fetch(`${running.url}/metrics`)).text()
  expect(metrics).toContain('platte_webhook_messages{outcome="waiting"} 1')
  hanging[0]?.writeHead(204).end()
  await running.stop()
  expect(requests).toBe(1)
})

test('a server that stops sends what waits', async () => {
  const log: LogEntry[] = []
  statuses = [500, 204]
  const queue = queueOf(log, [1_000_000])
  const [first, second] = [message(1), message(2)]
  for (const one of [first, second]) queue.add(one)
  await vi.waitFor(() => expect(countsOf(queue)).toMatchObject({ failed: 1 }), waiting)
  await queue.close()
  expect(taken).toEqual([second, first])
})

test('platte webhook test sends a message, and says what is wrong', async () => {
  const run = (env: object) =>
    spawnSync(process.execPath, [inject('cli'), 'webhook', 'test'], {
      env: { ...process.env, ...env },
      encoding: 'utf8',
    })
  const both = { ...process.env, PLATTE_WEBHOOK: url, PLATTE_WEBHOOK_KEY: key }
  const { stdout } = await promisify(execFile)(process.execPath, [inject('cli'), 'webhook', 'test'], { env: both })
  expect(stdout).toBe(`sent ${taken[0]?.id}\n`)
  expect(taken).toMatchObject([{ type: 'webhook.test' }])
  expect(run({}).stderr).toContain('PLATTE_WEBHOOK is missing')
  expect(run({}).stderr).toContain('PLATTE_WEBHOOK_KEY is missing: set it to the key')
  expect(run({ PLATTE_WEBHOOK: url, PLATTE_WEBHOOK_KEY: 'short' }).stderr).toContain(
    'PLATTE_WEBHOOK_KEY: is no `whsec_`',
  )
  expect(run({ PLATTE_WEBHOOK: url }).stderr).toContain('PLATTE_WEBHOOK: needs PLATTE_WEBHOOK_KEY')
})
