/** Hooks, to receivers over sockets: once where nothing fails, at least once where something does, in order for each machine. */
import { afterEach, expect, test, vi } from 'vitest'
import { openHooks } from '../../src/lock-gates/hooks.ts'
import { lockHooksFeature } from '../../src/lock-gates/hooks-feature.ts'
import { createGroup, lockMachine, setMax, unlockMachine } from '../../src/locks/edits.ts'
import { type Outbox, outboxAfter } from '../../src/locks/outbox.ts'
import { type Locking, nonceOf, readLock } from '../../src/locks/store.ts'
import { send } from '../../src/outgoing/send.ts'
import { transport } from '../../src/runtime/transport.ts'
import { type Machine, zincati } from '../locks/clients.ts'
import { group, keyPath, openEndpoint } from '../locks/endpoint.ts'
import { minute, newStore, type TestStore } from '../world.ts'
import type { Asked } from './asked.ts'
import * as receivers from './receiver.ts'
import { key, type Received, said } from './receiver.ts'

const waiting = { timeout: 60_000 }
const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

async function openReceiver(): Promise<Received> {
  const receiver = await receivers.openReceiver()
  ends.push(receiver.close)
  return receiver
}

interface Server {
  readonly hooks: ReturnType<typeof openHooks>
  readonly machine: (id: string) => Machine
  readonly endpoint: Awaited<ReturnType<typeof openEndpoint>>
  readonly log: object[]
}

async function openServer(receiver: Asked, store?: TestStore, how: { readonly isFaulty?: true } = {}): Promise<Server> {
  const log: object[] = []
  const opened: ReturnType<typeof openHooks>[] = []
  const open = (locking: Locking) => {
    const { clock } = locking
    const receiving = { url: `${receiver.url}/hook`, key, transport, clock }
    const hooks = openHooks({
      ...{ hooks: [{ url: receiving.url }], log: (entry: object) => void log.push(entry), by: nonceOf(Math.random) },
      locking: how.isFaulty ? { ...locking, documents: { ...locking.documents, swap: deaf } } : locking,
      send: (_, message) => send(receiving, message),
    })
    opened.push(hooks)
    return [hooks]
  }
  const endpoint = await openEndpoint({ ...(store && { store }), extensions: open })
  const [hooks] = opened
  if (hooks === undefined) throw new Error('no hooks')
  ends.push(() => hooks.close?.())
  return { hooks, endpoint, log, machine: (id) => zincati(endpoint.ask, group, id) }
}

/** A server that ends between a delivery and the note of it. */
const deaf: Locking['documents']['swap'] = async () => {
  throw new Error('killed')
}

const outboxOf = async ({ endpoint }: Server) =>
  (await readLock({ documents: endpoint.store.bucket }, group))?.lock.outbox

const isEmpty = (server: Server) =>
  vi.waitFor(async () => expect(await outboxOf(server)).toMatchObject({ entries: [] }), waiting)

test('locks and unlocks are said in order, signed, and cost locksmith no number', async () => {
  const receiver = await openReceiver()
  const server = await openServer(receiver)
  const machine = server.machine('a')
  expect(await machine.lock()).toBe('done')
  await isEmpty(server)
  const { headers } = await server.endpoint.ask(keyPath)
  expect(await machine.unlock()).toBe('done')
  await isEmpty(server)
  expect(said(receiver)).toEqual(['a locked', 'a unlocked'])
  expect(receiver.messages[0]).toMatchObject({
    ...{ id: expect.stringMatching(/^msg_[0-9a-f]{32}$/), text: `${group}: a may reboot` },
    data: { group, machine: 'a', what: 'lock', via: 'fleet-lock', number: 1 },
  })
  const after = await server.endpoint.ask(keyPath)
  expect(Number(after.headers.get('x-etcd-index')) - Number(headers.get('x-etcd-index'))).toBe(1)
  expect((await server.hooks.gauges?.({}))?.[0]?.values).toEqual(
    new Map(Object.entries({ delivered: 2, failed: 0, 'given-up': 0 })),
  )
})

test('a receiver that is down for a while hears all of it, in order for each machine, and machines do not wait for it', async () => {
  const receiver = await openReceiver()
  const server = await openServer(receiver)
  await setMax(server.endpoint.locking, group, 3)
  receiver.take(500)
  for (const id of ['a', 'b']) expect(await server.machine(id).lock()).toBe('done')
  expect(await server.machine('a').unlock()).toBe('done')
  expect(await server.machine('a').lock()).toBe('done')
  const tried = async () => (await outboxOf(server))?.entries.filter(({ tries }) => tries).map(({ n }) => n)
  await vi.waitFor(async () => expect(await tried()).toEqual([1, 2]), waiting)
  expect(await server.hooks.problems?.()).toEqual([])
  receiver.take()
  server.endpoint.store.time.now += 20 * minute
  expect(await server.hooks.problems?.()).toEqual([
    expect.stringMatching(/^locks: 4 events of workers wait for its hook since/),
  ])
  server.hooks.lockHook.wake(group, undefined)
  await isEmpty(server)
  expect(said(receiver).filter((one) => one.startsWith('a'))).toEqual(['a locked', 'a unlocked', 'a locked'])
  expect(said(receiver)).toHaveLength(4)
})

test('a server that starts later delivers what another one left; an operator’s command fills it, too', async () => {
  const receiver = await openReceiver()
  const first = await openServer(receiver)
  receiver.take(503)
  expect(await first.machine('a').lock()).toBe('done')
  await vi.waitFor(() => expect(receiver.paths).toHaveLength(1), waiting)
  await first.hooks.close?.()
  await unlockMachine({ ...first.endpoint.locking, documents: first.endpoint.store.bucket }, group, {
    id: 'a',
    via: 'operator',
  })
  receiver.take()
  first.endpoint.store.time.now += minute
  const second = await openServer(receiver, first.endpoint.store)
  await isEmpty(second)
  expect(said(receiver)).toEqual(['a locked', 'a freed'])
})

test('a server that ends between the delivery and the note of it: another one says it again, under its id', async () => {
  const receiver = await openReceiver()
  const first = await openServer(receiver, undefined, { isFaulty: true })
  const { store, locking } = first.endpoint
  expect(await first.machine('a').lock()).toBe('done')
  // Its claim was in the write of the lock.
  await vi.waitFor(() => expect(receiver.messages).toHaveLength(1), waiting)
  await first.hooks.close?.()
  const second = await openServer(receiver, store)
  second.hooks.lockHook.wake(group, undefined)
  await new Promise((resolve) => setTimeout(resolve, 50))
  // Nobody knows yet that the first one ended.
  expect(said(receiver)).toEqual(['a locked'])
  store.time.now = locking.clock() + 31_000
  second.hooks.lockHook.wake(group, undefined)
  await isEmpty(second)
  expect(said(receiver)).toEqual(['a locked', 'a locked'])
  expect(new Set(receiver.messages.map(({ id }) => id)).size).toBe(1)
})

test('three servers say each of 60 events once', async () => {
  const receiver = await openReceiver()
  const first = await openServer(receiver)
  const { store } = first.endpoint
  const servers = [first, await openServer(receiver, store), await openServer(receiver, store)]
  await setMax(first.endpoint.locking, group, 30)
  await Promise.all(
    Array.from({ length: 30 }, async (_, i) => {
      const [server, other] = [servers[i % 3], servers[(i + 1) % 3]]
      await vi.waitFor(async () => expect(await server?.machine(`m${i}`).lock()).toBe('done'), waiting)
      await vi.waitFor(async () => expect(await other?.machine(`m${i}`).unlock()).toBe('done'), waiting)
    }),
  )
  await vi.waitFor(async () => {
    for (const { hooks } of servers) hooks.lockHook.wake(group, undefined)
    expect(await outboxOf(first)).toMatchObject({ entries: [], last: 60, dropped: 0 })
  }, waiting)
  expect(new Set(said(receiver)).size).toBe(60)
  expect(receiver.messages).toHaveLength(60)
  for (let i = 0; i < 30; i++)
    expect(said(receiver).filter((one) => one.startsWith(`m${i} `))).toEqual([`m${i} locked`, `m${i} unlocked`])
})

test('what is given up after a day is counted and said, and the next event of that machine goes on', async () => {
  const receiver = await openReceiver()
  const server = await openServer(receiver)
  const { time } = server.endpoint.store
  receiver.take(400)
  expect(await server.machine('a').lock()).toBe('done')
  for (let i = 0; (await outboxOf(server))?.dropped !== 1 && i < 40; i++) {
    const before = receiver.paths.length
    server.hooks.lockHook.wake(group, undefined)
    await vi.waitFor(() => expect(receiver.paths.length).toBeGreaterThan(before), waiting)
    await vi.waitFor(async () => expect((await outboxOf(server))?.claim).toBeUndefined(), waiting)
    time.now += 61 * minute
  }
  expect(await outboxOf(server)).toMatchObject({ dropped: 1, entries: [] })
  await vi.waitFor(
    () => expect(server.log.at(-1)).toMatchObject({ level: 'error', event: 'lock-hook', group }),
    waiting,
  )
  expect(server.log.at(-1)).toMatchObject({ problem: '1 events were given up: its hook never took them' })
  expect((await server.hooks.gauges?.({}))?.[0]?.values.get('given-up')).toBe(1)
  receiver.take()
  expect(await server.machine('a').unlock()).toBe('done')
  await isEmpty(server)
  expect(said(receiver)).toEqual(['a unlocked'])
})

test('an outbox is bounded: the oldest go, and are counted', () => {
  const event = (i: number) => ({ what: 'lock', id: `m${i}`, via: 'fleet-lock' }) as const
  let outbox: Outbox | undefined
  for (let i = 1; i <= 504; i++) outbox = outboxAfter({ outbox }, [event(i)], { now: 0, claimedBy: 'a'.repeat(32) })
  expect([outbox?.entries.length, outbox?.entries[0]?.id, outbox?.dropped, outbox?.last]).toEqual([500, 'm5', 4, 504])
})

test('a redirect is not followed', async () => {
  const receiver = await openReceiver()
  const store = await newStore()
  await createGroup({ ...store.publisher, documents: store.bucket }, group, 1, 'operator')
  const log: object[] = []
  const text = JSON.stringify([{ url: `${receiver.url}/hook`, groups: [group] }])
  const hooks = await lockHooksFeature(async () => ({ openHooks })).open({ lockHooks: { text }, lockHooksKey: key }, {
    reader: { ...store.publisher, log: (entry: object) => void log.push(entry) },
    random: Math.random,
    transport,
  } as never)
  ends.push(() => hooks?.close?.())
  const claimFor = (name: string) => hooks?.lockHook?.claim(name)
  receiver.take(307)
  await lockMachine({ ...store.publisher, documents: store.bucket, claimFor }, group, { id: 'a', via: 'operator' })
  hooks?.lockHook?.wake(group, undefined)
  await vi.waitFor(() => expect(JSON.stringify(log)).toContain('redirects (307), which is not followed'), waiting)
  expect([claimFor(group)?.length, claimFor('others')]).toEqual([32, undefined])
})

test('a group without a hook keeps no events', async () => {
  const endpoint = await openEndpoint()
  await zincati(endpoint.ask, group, 'a').lock()
  expect((await readLock({ documents: endpoint.store.bucket }, group))?.lock).not.toHaveProperty('outbox')
})
