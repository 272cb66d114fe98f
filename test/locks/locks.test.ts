/** Reboot locks over a store: what a lost answer may not do, ghosts, vetoes, and what update checks tell. */
import { describe, expect, test } from 'vitest'
import { commitChannel } from '../../src/catalog/commit-channel.ts'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import type { LockPolicy } from '../../src/locks/document.ts'
import {
  configureGroup,
  createGroup,
  lockMachine,
  lookAtGroup,
  setMax,
  staleHoldersOf,
  unlockMachine,
} from '../../src/locks/edits.ts'
import { allGroups, readLock } from '../../src/locks/store.ts'
import { holdRelease, unholdRelease } from '../changes.ts'
import type { Fault } from '../faults/faulty.ts'
import { app, bytesOf, day, minute, refusal } from '../world.ts'
import { locksmith, zincati } from './clients.ts'
import { type Endpoint, group, keyPath, openEndpoint } from './endpoint.ts'

const hour = 60 * minute
const policyOf = (endpoint: Endpoint, policy: LockPolicy, max = 1) =>
  configureGroup(endpoint.locking, group, () => ({ max, policy }))
const take = async ({ locking }: Endpoint, id: string, via: 'fleet-lock' | 'operator' = 'fleet-lock') =>
  (await lockMachine(locking, group, { id, via })).result.kind

/** Looks at the group every 5 minutes, as machines that wait do. */
async function wait({ locking, store: { time } }: Endpoint, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 5 * minute) {
    time.now += Math.min(left, 5 * minute)
    await lookAtGroup(locking, group)
  }
}

describe('a lost answer', () => {
  test.each<[string, Readonly<Record<number, Fault>>, number]>([
    ['the first write landed, and nobody said so', { 1: 'after' }, 1],
    ['the first write did not land', { 1: 'before' }, 2],
    ['neither of two writes landed', { 1: 'before', 2: 'before' }, 3],
    ['the second of two landed', { 1: 'before', 2: 'after' }, 2],
  ])('%s: one holder, one line of history', async (_, plan, writes) => {
    const endpoint = await openEndpoint({ plan })
    expect(await take(endpoint, 'a')).toBe('locked')
    expect(await endpoint.history()).toEqual(['create 1', 'lock a'])
    expect(endpoint.faults.writes).toBe(writes)
  })

  test('locksmith gets success for its own swap, and does not wait for itself', async () => {
    const endpoint = await openEndpoint({ plan: { 1: 'after' } })
    const machine = locksmith(endpoint.ask, group, 'a')
    expect(await machine.lock()).toBe('done')
    expect(await endpoint.history()).toEqual(['create 1', 'lock a'])
  })

  test('an unavailable store is reported in the terms of each client', async () => {
    const endpoint = await openEndpoint({ plan: { 1: 'kill-before' } })
    expect(await refusal(take(endpoint, 'a'))).toMatch(/^store-unavailable/)
    const etcd = await endpoint.ask(keyPath)
    expect([etcd.status, await etcd.json()]).toEqual([
      503,
      { errorCode: 300, message: 'Raft Internal Error', cause: expect.stringContaining('see the log'), index: 0 },
    ])
    expect(await zincati(endpoint.ask, group, 'a').lock()).toBe('again')
    expect(await zincati(endpoint.ask, group, 'a').unlock()).toBe('again')
  })
})

test('a damaged document is neither read nor overwritten', async () => {
  const endpoint = await openEndpoint()
  await take(endpoint, 'a')
  const damaged = bytesOf({ ...(await readLock(endpoint.locking, group))?.lock, max: -1 })
  await endpoint.store.bucket.overwrite(`locks/${group}.json`, damaged)
  expect((await endpoint.ask(keyPath)).status).toBe(500)
  expect(await zincati(endpoint.ask, group, 'b').lock()).toBe('again')
  expect(await refusal(setMax(endpoint.locking, group, 5))).toMatch(/^bad-document: .* max/)
  expect(await endpoint.store.bucket.read(`locks/${group}.json`)).toEqual(damaged)
})

test.each(['locksmith', 'zincati'] as const)('30 machines at once: exactly 3 get the 3 slots: %s', async (kind) => {
  const endpoint = await openEndpoint()
  await setMax(endpoint.locking, group, 3)
  const client = kind === 'locksmith' ? locksmith : zincati
  const machines = Array.from({ length: 30 }, (_, i) => client(endpoint.ask, group, `m${i}`))
  let granted = 0
  // locksmith loses a race and comes back; Zincati is tried again inside of its request.
  for (let round = 0; round < (kind === 'locksmith' ? 5 : 1); round++) {
    const tried = await Promise.all(machines.splice(0).map(async (machine) => ({ machine, is: await machine.lock() })))
    granted += tried.filter(({ is }) => is === 'done').length
    machines.push(...tried.flatMap(({ machine, is }) => (is === 'done' ? [] : [machine])))
  }
  expect(granted).toBe(3)
  expect(await endpoint.holders()).toHaveLength(3)
})

test('the number of document operations per request', async () => {
  const endpoint = await openEndpoint({ channels: new Map() })
  const cost = async (work: () => Promise<unknown>): Promise<string> => {
    const { reads, writes } = endpoint.faults
    await work()
    return `${endpoint.faults.reads - reads} reads, ${endpoint.faults.writes - writes} writes`
  }
  const [a, b] = [locksmith(endpoint.ask, group, 'a'), zincati(endpoint.ask, group, 'b')]
  await a.lock()
  await a.unlock()
  expect(await cost(() => a.lock())).toBe('3 reads, 1 writes')
  expect(await cost(() => locksmith(endpoint.ask, group, 'c').lock())).toBe('2 reads, 0 writes')
  expect(await cost(() => b.lock())).toBe('1 reads, 0 writes')
  expect(await cost(() => b.unlock())).toBe('1 reads, 0 writes')
  expect(await cost(() => a.unlock())).toBe('3 reads, 1 writes')
  expect(await cost(() => b.lock())).toBe('1 reads, 1 writes')
})

describe('stale holders', () => {
  test('are reported, and freed only if the operator enables it, up to a daily limit', async () => {
    const endpoint = await openEndpoint()
    const { time } = endpoint.store
    await policyOf(endpoint, { lease: 'PT4H' }, 3)
    for (const id of ['a', 'b', 'c']) await take(endpoint, id)
    const ghosts = async () => {
      const [lock] = (await allGroups(endpoint.locking)).locks
      return staleHoldersOf(lock ?? expect.fail(), time.now).length
    }
    time.now += 4 * hour
    expect(await ghosts()).toBe(0)
    time.now += 1
    expect(await ghosts()).toBe(3)
    expect(await take(endpoint, 'd')).toBe('full')
    await policyOf(endpoint, { lease: 'PT4H', expirePerDay: 2 }, 3)
    await wait(endpoint, 4 * hour)
    expect(await endpoint.holders()).toEqual(['a', 'b', 'c'])
    time.now += minute
    expect(await (await endpoint.ask(keyPath)).json()).toMatchObject({
      node: { value: '{"semaphore":2,"max":3,"holders":["c"]}' },
    })
    expect(await endpoint.history()).toEqual(expect.arrayContaining(['expire a', 'expire b']))
    await wait(endpoint, day - 10 * minute)
    expect(await endpoint.ask(keyPath).then(() => endpoint.holders())).toEqual(['c'])
    await wait(endpoint, 10 * minute)
    expect(await take(endpoint, 'd')).toBe('locked')
    expect(await endpoint.holders()).toEqual(['d'])
  })

  test('are seen again when they ask; this is written at most every 5 minutes', async () => {
    const endpoint = await openEndpoint()
    const { time } = endpoint.store
    await policyOf(endpoint, { lease: 'PT1H', expirePerDay: 5 })
    await take(endpoint, 'a')
    const { writes } = endpoint.faults
    for (let i = 0; i < 90; i++) {
      time.now += minute
      expect(await take(endpoint, 'a')).toBe('held')
    }
    expect(endpoint.faults.writes - writes).toBe(15)
    expect(await take(endpoint, 'b')).toBe('full')
  })
})

describe('a lease', () => {
  const policy: LockPolicy = { lease: 'PT4H', expirePerDay: 2 }

  test('frees machines, but never a slot held by an operator', async () => {
    const endpoint = await openEndpoint()
    await policyOf(endpoint, policy, 2)
    await take(endpoint, 'maintenance', 'operator')
    await take(endpoint, 'a')
    await wait(endpoint, 4 * hour)
    expect(await take(endpoint, 'b')).toBe('full')
    await wait(endpoint, 5 * minute)
    expect(await take(endpoint, 'b')).toBe('locked')
    expect(await endpoint.holders()).toEqual(['b', 'maintenance'])
    expect(await take(endpoint, 'c')).toBe('full')
  })

  test('that ended does not take the slot from a holder that asks again, whatever the policy', async () => {
    const endpoint = await openEndpoint()
    const { time } = endpoint.store
    await policyOf(endpoint, {
      ...policy,
      windows: [{ days: ['Mon'], from: '02:00', to: '03:00', timeZone: 'UTC' }],
    })
    time.now = Date.parse('2026-11-30T02:30:00Z')
    expect(await take(endpoint, 'a')).toBe('locked')
    await wait(endpoint, 4 * hour)
    time.now += 5 * minute
    expect(await take(endpoint, 'a')).toBe('held')
    expect(await zincati(endpoint.ask, group, 'a').lock()).toBe('done')
    expect(await endpoint.holders()).toEqual(['a'])
    expect(await endpoint.history()).not.toContain('expire a')
  })
})

describe('vetoes', () => {
  const closed: LockPolicy = { windows: [{ days: ['Mon'], from: '02:00', to: '03:00', timeZone: 'UTC' }] }

  test('a closed window refuses slots, states when it opens, and still accepts unlocks', async () => {
    const endpoint = await openEndpoint()
    await take(endpoint, 'a')
    await policyOf(endpoint, closed, 2)
    const machine = locksmith(endpoint.ask, group, 'b')
    const swap = endpoint.ask(`${keyPath}?prevIndex=${(await readLock(endpoint.locking, group))?.lock.rev}`, {
      method: 'PUT',
      body: new URLSearchParams({ value: '{"semaphore":0,"max":2,"holders":["a","b"]}' }),
    })
    expect(await (await swap).json()).toMatchObject({
      errorCode: 101,
      cause: expect.stringMatching(/^\[(\d+) != \1\] window closed until \d{4}-\d\d-\d\d 02:00 UTC$/),
    })
    expect(await machine.lock()).toBe('again')
    expect(await zincati(endpoint.ask, group, 'b').lock()).toBe('again')
    expect(await zincati(endpoint.ask, group, 'a').lock()).toBe('done')
    expect(await take(endpoint, 'c', 'operator')).toBe('locked')
    expect(await zincati(endpoint.ask, group, 'a').unlock()).toBe('done')
    expect(await locksmith(endpoint.ask, group, 'c').unlock()).toBe('done')
    const monday = Date.parse('2026-11-30T02:30:00Z')
    endpoint.store.time.now = monday
    expect(await machine.lock()).toBe('done')
  })

  test('a hold in a channel of the group refuses slots until it is lifted', async () => {
    const endpoint = await openEndpoint()
    const { store, ask } = endpoint
    const ref = { app, channel: 'stable' }
    await policyOf(endpoint, { vetoOnHold: true }, 9)
    const post = (id: string) =>
      ask('/v1/pre-reboot', {
        method: 'POST',
        headers: { 'fleet-lock-protocol': 'true' },
        body: JSON.stringify({ client_params: { id, group } }),
      })
    expect((await post('a')).status).toBe(200)
    await holdRelease(store.publisher, ref, { version: '2', reason: 'boot loop' })
    store.time.now += 2 * minute
    expect([(await post('b')).status, await (await post('b')).json()]).toEqual([
      423,
      { kind: 'failed_lock_policy', value: '2 is held in stable: boot loop' },
    ])
    expect(await locksmith(ask, group, 'b').lock()).toBe('again')
    await unholdRelease(store.publisher, ref, { version: '2' })
    store.time.now += 2 * minute
    expect((await post('b')).status).toBe(200)
    store.bucket.erase('catalog.jws')
    store.time.now += 15 * day
    expect(await (await post('c')).json()).toMatchObject({ value: expect.stringMatching(/cannot check/) })
    await policyOf(endpoint, {}, 9)
    expect((await post('c')).status).toBe(200)
  })
})

const check = (machine: string, event: string, track = 'stable'): string =>
  `<request protocol="3.0"><app appid="{${app}}" version="2" track="${track}" board="amd64-usr" machineid="${machine}">${event}<updatecheck/></app></request>`
const rebooted = '<event eventtype="3" eventresult="2" previousversion="1"/>'
const tell = async ({ ask }: Endpoint, body: string) => (await ask('/v1/update/', { method: 'POST', body })).status

describe('update checks', () => {
  const both = async (policy: LockPolicy): Promise<Endpoint> => {
    const endpoint = await openEndpoint()
    await commitChannel(endpoint.store.publisher, { app, channel: 'stable' }, (current) => ({
      ...current,
      aliases: ['9a2deb70-37be-4026-853f-bfdd6b347bbe'],
    }))
    await refresh(endpoint.store.publisher)
    await policyOf(endpoint, policy, 3)
    await locksmith(endpoint.ask, group, 'a').lock()
    await zincati(endpoint.ask, group, 'b').lock()
    return endpoint
  }

  test.each([
    ['a machine that came up in its new version gives its slot back', 'a', rebooted, 'stable', ['b']],
    ['under an alias of the channel', 'a', rebooted, '9a2deb70-37be-4026-853f-bfdd6b347bbe', ['b']],
    [
      'any check of it does not',
      'a',
      '<event eventtype="3" eventresult="2" previousversion=""/>',
      'stable',
      ['a', 'b'],
    ],
    ['nor a check without an event', 'a', '', 'stable', ['a', 'b']],
    ['nor a failure', 'a', '<event eventtype="3" eventresult="0" previousversion="1"/>', 'stable', ['a', 'b']],
    ['nor one of another channel', 'a', rebooted, 'beta', ['a', 'b']],
    ['nor a machine that holds none', 'c', rebooted, 'stable', ['a', 'b']],
    ['nor a holder of FleetLock', 'b', rebooted, 'stable', ['a', 'b']],
    ['nor a machine without an id', '', rebooted, 'stable', ['a', 'b']],
  ])('%s', async (_, machine, event, track, left) => {
    const endpoint = await both({ releaseOnReboot: true })
    await tell(endpoint, check('', ''))
    expect(await tell(endpoint, check(machine, event, track))).toBe(200)
    expect(await endpoint.holders()).toEqual(left)
  })

  test('change nothing unless the operator enables it', async () => {
    const endpoint = await both({})
    await tell(endpoint, check('a', rebooted))
    expect(await endpoint.holders()).toEqual(['a', 'b'])
  })

  test('are answered the same if the lock store is unavailable', async () => {
    const endpoint = await both({ releaseOnReboot: true })
    await tell(endpoint, check('', ''))
    endpoint.faults.killed = true
    expect(await tell(endpoint, check('a', rebooted))).toBe(200)
    expect(endpoint.store.log).toContainEqual(expect.objectContaining({ level: 'warn', event: 'lock', id: 'a' }))
  })

  test('of a machine that fell back pause its group, noted at most once a minute', async () => {
    const endpoint = await both({ vetoAfterRollback: 'PT2H' })
    const { time } = endpoint.store
    const fallback = check('c', '<event eventtype="3" eventresult="0" errorcode="44"/>')
    await tell(endpoint, check('c', '<event eventtype="3" eventresult="0" errorcode="37"/>'))
    expect(await take(endpoint, 'd')).toBe('locked')
    await unlockMachine(endpoint.locking, group, { id: 'd', via: 'operator' })
    for (let i = 0; i < 5; i++) await tell(endpoint, fallback)
    expect((await endpoint.history()).filter((one) => one === 'rollback')).toHaveLength(1)
    expect(await take(endpoint, 'd')).toBe('vetoed')
    time.now += 2 * hour
    expect(await take(endpoint, 'd')).toBe('locked')
  })
})

describe('access', () => {
  const token = 'secret-canary-token'

  test('no log line contains a token', async () => {
    const endpoint = await openEndpoint({ tokens: [{ right: 'lock', token }] })
    endpoint.faults.killed = true
    const paths = [keyPath, `${keyPath}?recursive=true`, '/v1/pre-reboot', '/v2/keys/other', '/healthz']
    for (const path of paths)
      for (const method of ['GET', 'PUT', 'POST', 'DELETE'])
        await endpoint.ask(`/lock/${token}${path}`, { method, ...(method !== 'GET' && { body: 'x' }) })
    const headers = { authorization: `Basic ${btoa(`core:${token}`)}` }
    await endpoint.ask(`${keyPath}?prevExist=false`, { method: 'PUT', body: 'x', headers })
    expect(endpoint.store.log.length).toBeGreaterThan(0)
    expect(JSON.stringify(endpoint.store.log)).not.toContain('canary')
  })

  test('a token is refused if the server has none', async () => {
    const endpoint = await openEndpoint()
    expect((await endpoint.ask(`/lock/${token}${keyPath}`)).status).toBe(401)
  })
})

test('a group that was removed and created again reuses no index', async () => {
  const endpoint = await openEndpoint()
  const numbers = new Set<number>()
  for (let round = 0; round < 3; round++) {
    for (const id of ['a', 'b']) {
      await take(endpoint, id, 'operator')
      await unlockMachine(endpoint.locking, group, { id, via: 'operator' })
      numbers.add((await readLock(endpoint.locking, group))?.lock.rev ?? 0)
    }
    endpoint.store.bucket.erase(`locks/${group}.json`)
    endpoint.store.time.now += 1000
    await createGroup(endpoint.locking, group, 1, 'operator')
  }
  expect(numbers.size).toBe(6)
})
