/** Who waits for a slot: noted without a write for each request, the same from several servers, and nothing depends on it. */
import { describe, expect, test } from 'vitest'
import { openLockQueue } from '../../src/lock-queue/extension.ts'
import { openQueue, readWaiting } from '../../src/lock-queue/queue.ts'
import { maxWaiting, merge, type Waiting, waitersOf } from '../../src/lock-queue/waiting.ts'
import { configureGroup, createGroup, lockMachine, unlockMachine } from '../../src/locks/edits.ts'
import { parseLockTokens } from '../../src/locks/settings.ts'
import { emptyLock, readLock } from '../../src/locks/store.ts'
import { bytesOf, minute } from '../world.ts'
import { locksmithd, zincati } from './clients.ts'
import { type Endpoint, group, openEndpoint } from './endpoint.ts'

const key = `locks/waiting/${group}.json`
const stored = async ({ store }: Endpoint) => (await readWaiting({ documents: store.bucket }, group))?.machines ?? []
const waiting = async (endpoint: Endpoint) => {
  const { lock } = (await readLock({ documents: endpoint.store.bucket }, group)) ?? expect.fail()
  return waitersOf(await stored(endpoint), lock, endpoint.store.time.now).waiting.map(({ id }) => id)
}
const measured = async (endpoint: Endpoint, name: string) =>
  Object.fromEntries((await endpoint.gauges()).find((one) => one.name === `platte_lock_${name}`)?.values ?? [])
const machine = ({ ask }: Endpoint, id: string) => zincati(ask, group, id)
const take = ({ locking }: Endpoint, id: string) => lockMachine(locking, group, { id, via: 'operator' })
const pass = ({ store: { time } }: Endpoint, minutes: number): number => (time.now += minutes * minute)

describe('a queue', () => {
  test('has machines by when they asked first, with the last refusal, until they get a slot', async () => {
    const endpoint = await openEndpoint({ hasQueue: true })
    await take(endpoint, 'holder')
    const begin = endpoint.store.time.now
    await machine(endpoint, 'b').lock()
    pass(endpoint, 2)
    await machine(endpoint, 'a').lock()
    expect(await waiting(endpoint)).toEqual(['b', 'a'])
    await configureGroup(endpoint.locking, group, ({ policy }) => ({
      max: 2,
      policy: { ...policy, freezes: [freeze] },
    }))
    pass(endpoint, 3)
    await machine(endpoint, 'b').lock()
    expect((await stored(endpoint))[0]).toEqual({
      ...{
        id: 'b',
        via: 'fleet-lock',
        reason: 'freeze',
        words: expect.stringMatching(/^the feast; closed until 2100/),
      },
      ...{ first: new Date(begin).toISOString(), last: new Date(begin + 5 * minute).toISOString() },
    })
    expect(await measured(endpoint, 'waiting')).toEqual({ [`${group}\nfreeze`]: 1, [`${group}\nfull`]: 1 })
    expect(await measured(endpoint, 'oldest_holder_seconds')).toEqual({ [group]: 300 })
    await configureGroup(endpoint.locking, group, ({ max }) => ({ max, policy: {} }))
    expect(await machine(endpoint, 'b').lock()).toBe('done')
    expect(await waiting(endpoint)).toEqual(['a'])
    expect(await measured(endpoint, 'waiting')).toEqual({ [`${group}\nfull`]: 1 })
    // It gave its slot back, and does not wait again.
    await machine(endpoint, 'b').unlock()
    expect(await waiting(endpoint)).toEqual(['a'])
  })

  const freeze = { from: '2020-01-01T00:00:00Z', to: '2100-01-01T00:00:00Z', reason: 'the feast' }

  test('costs one write a minute for any number of machines, and six an hour while they only ask again', async () => {
    const endpoint = await openEndpoint({ hasQueue: true })
    await take(endpoint, 'holder')
    const { writes } = endpoint.faults
    const all = async () => {
      for (let i = 0; i < 30; i++) await machine(endpoint, `m${i}`).lock()
    }
    await all()
    expect(endpoint.faults.writes - writes).toBe(1)
    pass(endpoint, 1)
    await all()
    expect(endpoint.faults.writes - writes).toBe(2)
    expect(await waiting(endpoint)).toHaveLength(30)
    for (let i = 0; i < 24; i++) {
      pass(endpoint, 5)
      await all()
      expect(await waiting(endpoint)).toHaveLength(30)
    }
    expect(endpoint.faults.writes - writes).toBeLessThanOrEqual(2 + 12)
  })

  test('of several servers adds up, with one write a minute of all', async () => {
    const endpoint = await openEndpoint({ hasQueue: true })
    await take(endpoint, 'holder')
    const queues = [openQueue(), openQueue(), openQueue()]
    const { writes } = endpoint.faults
    for (let round = 0; round < 4; round++) {
      for (const [i, queue] of queues.entries()) {
        const asked = { what: 'refused', group, id: `m${i}`, via: 'fleet-lock', reason: 'full' } as const
        queue.note(asked, endpoint.locking.clock())
        await queue.flush(endpoint.locking, group)
      }
      pass(endpoint, 1)
    }
    expect(await waiting(endpoint)).toEqual(['m0', 'm1', 'm2'])
    expect(endpoint.faults.writes - writes).toBe(3)
    // Another one knows nothing itself, and shows the same.
    const [gauge] = (await openLockQueue({ ...endpoint.locking, log: () => {} }).gauges?.({})) ?? []
    expect(gauge?.values).toEqual(new Map([[`${group}\nfull`, 3]]))
  })

  test('costs a scrape one read of each group, and one of who waits for it', async () => {
    const endpoint = await openEndpoint({ hasQueue: true })
    const groups = Array.from({ length: 40 }, (_, i) => `g${i + 10}`)
    for (const one of groups) {
      await createGroup(endpoint.locking, one, 1, 'operator')
      for (const id of ['holder', 'a', 'b']) await zincati(endpoint.ask, one, id).lock()
    }
    pass(endpoint, 1)
    const scrape = async () => {
      const before = endpoint.faults.calls.length
      const waits = Object.fromEntries(groups.map((one) => [`${one}\nfull`, 2]))
      expect(await measured(endpoint, 'waiting')).toEqual(waits)
      return endpoint.faults.calls.slice(before).filter((call) => /^\w+ locks\//.test(call))
    }
    const each = (...calls: string[]) => groups.flatMap((one) => calls.map((call) => `${call}${one}.json`))
    const reads = ['list locks/', 'list locks/waiting/', `get locks/${group}.json`]
    reads.push(...each('get locks/', 'get locks/waiting/'))
    // That `b` waits was not written yet: it is, with the group that the scrape read.
    expect((await scrape()).sort()).toEqual([...reads, ...each('get locks/waiting/', 'swap locks/waiting/')].sort())
    expect((await scrape()).sort()).toEqual(reads.sort())
  })

  test('has a machine of locksmith from its second look on, by its name or its address; who only looks does not wait', async () => {
    const endpoint = await openEndpoint({
      hasQueue: true,
      tokens: parseLockTokens('lock:a-token-of-machines,read:a-token-to-look-with'),
    })
    await take(endpoint, 'holder')
    const via =
      (token: string, user: string): Endpoint['ask'] =>
      (path, init) =>
        endpoint.ask(path, {
          ...init,
          headers: {
            ...init?.headers,
            authorization: `Basic ${btoa(`${user}:${token}`)}`,
            'cf-connecting-ip': '10.0.0.7',
          },
        })
    const named = locksmithd(via('a-token-of-machines', 'm1'), group, 'm1')
    const nameless = locksmithd(via('a-token-of-machines', 'any'), group, 'm2')
    const looker = locksmithd(via('a-token-to-look-with', 'm3'), group, 'm3')
    for (const one of [named, nameless]) await one.init()
    for (const one of [named, nameless, looker]) await one.lock()
    expect(await waiting(endpoint)).toEqual([])
    // Somebody looks again by a command, which begins anew.
    await nameless.init()
    pass(endpoint, 1)
    for (const one of [named, nameless, looker]) await one.lock()
    expect(await waiting(endpoint)).toEqual(['m1'])
    pass(endpoint, 1)
    for (const one of [named, nameless, looker]) await one.lock()
    const all = await stored(endpoint)
    expect(all.map(({ id, isAddress }) => [id, isAddress])).toEqual([
      ['m1', undefined],
      ['10.0.0.7', true],
    ])
    // Its address is no machine any more once it has a name.
    await unlockMachine(endpoint.locking, group, { id: 'holder', via: 'operator' })
    expect(await nameless.lock()).toBe('done')
    pass(endpoint, 1)
    await named.lock()
    expect(await waiting(endpoint)).toEqual(['m1'])
  })

  test('that cannot be read or written changes no answer, and shows what its server knows', async () => {
    const endpoint = await openEndpoint({ hasQueue: true })
    await take(endpoint, 'holder')
    await endpoint.store.bucket.create(key, bytesOf('{"format":2}'))
    expect(await machine(endpoint, 'a').lock()).toBe('again')
    pass(endpoint, 2)
    expect(await machine(endpoint, 'b').lock()).toBe('again')
    expect(await measured(endpoint, 'waiting')).toEqual({ [`${group}\nfull`]: 2 })
    expect((await (await endpoint.ask('/healthz')).json()) as object).toMatchObject({ problems: [] })
    // A newer one may have written it: it stays.
    expect(new TextDecoder().decode((await endpoint.store.bucket.get(key, 100))?.bytes)).toBe('{"format":2}')
    endpoint.store.bucket.erase(key)
    pass(endpoint, 2)
    expect(await machine(endpoint, 'a').lock()).toBe('again')
    expect(await waiting(endpoint)).toEqual(['a', 'b'])
  })

  test('of 200 groups is measured', async () => {
    const endpoint = await openEndpoint({ hasQueue: true })
    for (let i = 0; i < 200; i++) {
      await createGroup(endpoint.locking, `g${i}`, 0, 'operator')
      await zincati(endpoint.ask, `g${i}`, 'm').lock()
    }
    const found = await measured(endpoint, 'waiting')
    expect([Object.keys(found).length, found['g199\nfull']]).toEqual([200, 1])
  })
})

describe('what is kept', () => {
  const now = Date.parse('2026-11-24T12:00:00Z')
  const lock = emptyLock(group, now)
  const one = (id: string, first: number, last = first): Waiting => ({
    ...{ id, via: 'fleet-lock', reason: 'full' },
    ...{ first: new Date(now - first * minute).toISOString(), last: new Date(now - last * minute).toISOString() },
  })
  const news = (...asked: readonly Waiting[]) => ({ asked: new Map(asked.map((it) => [it.id, it])), left: new Map() })
  const ids = (all: readonly Waiting[]) => all.map(({ id }) => id)

  test('is the same in whatever order it adds up', () => {
    const parts = [[one('a', 50, 40), one('b', 20)], [one('a', 12, 3)], [one('c', 5), one('b', 25, 1)]]
    const merged = [
      [0, 1, 2],
      [2, 1, 0],
      [1, 0, 2],
    ].map((order) => order.reduce<readonly Waiting[]>((all, i) => merge(all, news(...(parts[i] ?? [])), lock, now), []))
    expect(new Set(merged.map((all) => JSON.stringify(all))).size).toBe(1)
    expect(merged[0]).toEqual([one('a', 50, 3), one('b', 25, 1), one('c', 5)])
  })

  test('is for three days, and a machine that comes back after an hour begins anew', () => {
    const day = 24 * 60
    const all = merge(
      [one('gone', 5 * day, 4 * day), one('silent', 2 * day, day), one('a', 200, 100)],
      news(one('a', 1)),
      lock,
      now,
    )
    expect(all).toEqual([one('silent', 2 * day, day), one('a', 1)])
    const { waiting, silent } = waitersOf(all, lock, now)
    expect([ids(waiting), ids(silent)]).toEqual([['a'], ['silent']])
  })

  test('is nothing that a clock far ahead wrote, and no more machines than the bound, the last that asked', () => {
    const many = Array.from({ length: maxWaiting + 20 }, (_, i) => one(`m${i}`, 2000 - i))
    const all = merge(many, news(one('ahead', -120), one('new', 0)), lock, now)
    expect([all.length, all[0]?.id, all.at(-1)?.id]).toEqual([maxWaiting, 'm21', 'new'])
  })
})
