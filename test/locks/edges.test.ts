/** Where reboot locks meet what is not there, not allowed, not readable or not patient. */
import { describe, expect, test } from 'vitest'
import { encode } from '../../src/catalog/read.ts'
import type { LockPolicy } from '../../src/locks/document.ts'
import {
  acknowledgeRollback,
  configureGroup,
  createGroup,
  lockMachine,
  lookAtGroup,
  setMax,
  unlockMachine,
} from '../../src/locks/edits.ts'
import { maxHolders } from '../../src/locks/semaphore.ts'
import { parseLockTokens } from '../../src/locks/settings.ts'
import { allGroups, maxGroups, readLock } from '../../src/locks/store.ts'
import { holdRelease } from '../changes.ts'
import { app, minute, refusal } from '../world.ts'
import { locksmith, locksmithd, zincati } from './clients.ts'
import { type Endpoint, group, keyPath, openEndpoint } from './endpoint.ts'

const hour = 60 * minute
const json = (answer: Response): Promise<unknown> => answer.json()
const put = (value: object, headers: Record<string, string> = {}): RequestInit => ({
  ...{ method: 'PUT', headers },
  body: new URLSearchParams({ value: JSON.stringify(value) }),
})
const first = { semaphore: 1, max: 1, holders: null }
const fleetLock = (id: string, of = group): RequestInit => ({
  ...{ method: 'POST', headers: { 'fleet-lock-protocol': 'true' } },
  body: JSON.stringify({ client_params: { id, group: of } }),
})
const setPolicy = ({ locking }: Endpoint, policy: LockPolicy, max = 1) =>
  configureGroup(locking, group, () => ({ max, policy }))

describe('a group that nobody made', () => {
  const noGroup = `there is no lock group ${group}; platte lock create --group ${group}`
  const denied = { errorCode: 110, message: 'The request requires user authentication', cause: noGroup, index: 0 }

  test.each<[string, { readonly creates?: true }, readonly string[]]>([
    ['by default', {}, ['PUT', 'GET', 'POST']],
    ['in an empty store, even if clients may make groups', { creates: true }, ['GET']],
  ])('gives no slot: %s', async (_, more, methods) => {
    const endpoint = await openEndpoint({ ...more, isBare: true })
    if (more.creates) endpoint.store.bucket.erase('catalog.jws')
    const asked = await endpoint.ask(`${keyPath}?prevExist=false`, put(first))
    if (methods.includes('PUT')) expect([asked.status, await json(asked)]).toEqual([401, denied])
    else expect(asked.status).toBe(500)
    const read = await endpoint.ask(keyPath)
    expect([read.status, await json(read)]).toEqual([401, denied])
    for (const path of ['/v1/pre-reboot', '/v1/steady-state']) {
      const answer = await endpoint.ask(path, fleetLock('a'))
      if (methods.includes('POST'))
        expect([answer.status, await json(answer)]).toEqual([400, { kind: 'unknown_group', value: noGroup }])
      else expect(answer.ok).toBe(false)
    }
    expect(await readLock(endpoint.locking, group)).toBeUndefined()
    const counts = (await endpoint.gauges()).find(({ name }) => name === 'platte_lock_refusals')?.values
    expect([counts?.get('no-group'), counts?.get('damaged')]).toEqual([4, 0])
  })

  test('is made by its first machine where that is on', async () => {
    const endpoint = await openEndpoint({ creates: true, isBare: true })
    expect(await zincati(endpoint.ask, group, 'a').lock()).toBe('done')
    expect(await endpoint.history()).toEqual(['create 1', 'lock a'])
    expect(await locksmith(endpoint.ask, 'others', 'b').lock()).toBe('done')
  })

  test('that goes while a server runs gives no slot', async () => {
    const endpoint = await openEndpoint()
    expect(await zincati(endpoint.ask, group, 'a').lock()).toBe('done')
    endpoint.store.bucket.erase(`locks/${group}.json`)
    expect(await zincati(endpoint.ask, group, 'b').lock()).toBe('again')
    expect(await locksmith(endpoint.ask, group, 'c').lock()).toBe('again')
    expect(await refusal(setMax(endpoint.locking, group, 2))).toMatch(/^refused: there is no lock group/)
  })
})

describe('a machine whose answer was lost between the server and itself', () => {
  const named = (id: string): RequestInit => ({ headers: { authorization: `Basic ${btoa(`${id}:any`)}` } })
  const named2 = (endpoint: Endpoint, id: string, prefix = '') => {
    const ask: Endpoint['ask'] = (path, init) =>
      endpoint.ask(prefix + path, { ...init, headers: { ...init?.headers, ...(prefix ? {} : named(id).headers) } })
    return locksmithd(ask, group, id)
  }

  test('finds itself the holder where it names itself, and gives its slot back', async () => {
    const endpoint = await openEndpoint()
    expect(await named2(endpoint, 'a').lock()).toBe('done')
    // It never heard of it: once more.
    expect(await named2(endpoint, 'a').lock()).toBe('done')
    expect(await named2(endpoint, 'b').lock()).toBe('again')
    expect(await locksmithd(endpoint.ask, group, 'a').lock()).toBe('again')
    expect(await endpoint.holders()).toEqual(['a'])
    expect(await named2(endpoint, 'a').unlock()).toBe('done')
    expect(await endpoint.holders()).toEqual([])
    expect((await readLock(endpoint.locking, group))?.lock.max).toBe(1)
  })

  test('in the path of its endpoint, too', async () => {
    const token = 'a-token-of-machines'
    const endpoint = await openEndpoint({ tokens: parseLockTokens(`lock:${token}`) })
    const machine = named2(endpoint, 'a', `/lock/${token}/machine/a`)
    expect([await machine.lock(), await machine.lock()]).toEqual(['done', 'done'])
    expect(await machine.unlock()).toBe('done')
    expect(await endpoint.holders()).toEqual([])
  })

  test('is known by its address for minutes, if only one machine locks from there', async () => {
    const endpoint = await openEndpoint()
    const from =
      (address: string): Endpoint['ask'] =>
      (path, init) =>
        endpoint.ask(path, { ...init, headers: { ...init?.headers, 'cf-connecting-ip': address } })
    const [here, there] = [locksmithd(from('10.0.0.1'), group, 'a'), locksmithd(from('10.0.0.2'), group, 'b')]
    expect(await here.lock()).toBe('done')
    expect(await here.lock()).toBe('done')
    expect(await there.lock()).toBe('again')
    // A neighbour behind the same address is shown a slot, and does not get it.
    expect(await locksmithd(from('10.0.0.1'), group, 'c').lock()).toBe('again')
    expect(await endpoint.holders()).toEqual(['a'])
    endpoint.store.time.now += 11 * minute
    expect(await here.lock()).toBe('again')
    expect(await here.unlock()).toBe('done')
  })
})

describe('a machine that is shown a slot of its own', () => {
  const basic = (id: string, address: string) => ({
    ...{ authorization: `Basic ${btoa(`${id}:any`)}`, 'cf-connecting-ip': address },
  })
  const asked = (endpoint: Endpoint, headers: Record<string, string>, path: string, init: RequestInit = {}) =>
    endpoint.ask(path, { ...init, headers: { ...init.headers, ...headers } })

  test('can set max to what it was shown', async () => {
    const endpoint = await openEndpoint()
    await lockMachine(endpoint.locking, group, { id: 'a', via: 'locksmith' })
    const { node } = (await json(await asked(endpoint, basic('a', '10.0.0.1'), keyPath))) as {
      node: { value: string; modifiedIndex: number }
    }
    expect(JSON.parse(node.value)).toEqual({ semaphore: 1, max: 2, holders: ['a'] })
    const path = `${keyPath}?prevIndex=${node.modifiedIndex}`
    expect((await asked(endpoint, basic('a', '10.0.0.1'), path, put(JSON.parse(node.value)))).status).toBe(200)
    expect((await readLock(endpoint.locking, group))?.lock.max).toBe(2)
  })

  test('gives it back under any user name, as its address tells', async () => {
    const endpoint = await openEndpoint()
    const ask: Endpoint['ask'] = (path, init) => asked(endpoint, basic('any', '10.0.0.1'), path, init)
    const machine = locksmithd(ask, group, 'a')
    for (const step of [machine.lock, machine.lock, machine.unlock]) expect(await step()).toBe('done')
    expect(await endpoint.holders()).toEqual([])
    expect((await readLock(endpoint.locking, group))?.lock.max).toBe(1)
  })
})

describe('tokens', () => {
  const tokens = parseLockTokens(
    'read:workers:read-workers-token,lock:workers:lock-workers-token,admin:workers:admin-workers-token,write:write-every-token',
  )
  const set = { semaphore: 2, max: 2, holders: null }
  const take = { semaphore: 0, max: 1, holders: ['a'] }

  test.each([
    ['read-workers-token', group, 200, 401, 401],
    ['lock-workers-token', group, 200, 200, 401],
    ['admin-workers-token', group, 200, 200, 200],
    ['write-every-token', group, 200, 200, 401],
    ['lock-workers-token', 'other', 401, 401, 401],
    ['write-every-token', 'other', 200, 200, 401],
  ])('%s in group %s: look %i, lock %i, set-max %i', async (token, of, look, lock, max) => {
    const endpoint = await openEndpoint({ tokens })
    await createGroup(endpoint.locking, 'other', 1, 'operator')
    const path = `/lock/${token}${keyPath.replace(`/${group}/`, `/${of}/`)}`
    const index = async () => (await readLock(endpoint.locking, of))?.lock.rev
    expect((await endpoint.ask(path)).status).toBe(look)
    expect((await endpoint.ask(`${path}?prevIndex=${await index()}`, put(set))).status).toBe(max)
    await setMax(endpoint.locking, of, 1)
    expect((await endpoint.ask(`${path}?prevIndex=${await index()}`, put(take))).status).toBe(lock)
    const asked = await endpoint.ask(`/lock/${token}/v1/pre-reboot`, fleetLock('a', of))
    expect(asked.status).toBe(lock)
  })
})

describe('paths', () => {
  test('a doubled slash, as locksmith 0.3 asks, is answered', async () => {
    const token = 'a-token-of-machines'
    const endpoint = await openEndpoint({ tokens: parseLockTokens(`lock:${token}`) })
    expect((await endpoint.ask(`/lock/${token}/${keyPath}`)).status).toBe(200)
    const bare = await openEndpoint()
    expect((await bare.ask(`/${keyPath}`)).status).toBe(200)
  })

  test.each([
    ['locksmith', '/v2/machines', {}, { errorCode: 100 }],
    ['locksmith elsewhere', '/nothing', { 'user-agent': 'Go-http-client/1.1' }, { errorCode: 100 }],
    ['Zincati', '/v1/nothing', { 'fleet-lock-protocol': 'true' }, { kind: 'invalid_request' }],
    ['people', '/nothing', {}, { code: 'not-found' }],
  ])('404 as %s reads it', async (_, path, headers: Record<string, string>, body) => {
    const endpoint = await openEndpoint({ tokens: parseLockTokens('lock:a-token-of-machines') })
    const answer = await endpoint.ask(`/lock/a-token-of-machines${path}`, { headers })
    expect([answer.status, await json(answer)]).toEqual([404, expect.objectContaining(body)])
  })
})

describe('time', () => {
  const policy: LockPolicy = { lease: 'PT4H', expirePerDay: 9 }
  const look = ({ locking }: Endpoint) => lookAtGroup(locking, group)

  test.each([5 * hour, 400 * 24 * hour, -5 * hour])('a clock that jumps by %i ms frees nobody', async (jump) => {
    const endpoint = await openEndpoint()
    await setPolicy(endpoint, policy)
    await lockMachine(endpoint.locking, group, { id: 'a', via: 'fleet-lock' })
    for (let i = 0; i < 10; i++) {
      endpoint.store.time.now += jump
      await look(endpoint)
      endpoint.store.time.now += 5 * minute
      await look(endpoint)
    }
    expect(await endpoint.holders()).toEqual(['a'])
    for (let i = 0; i < 42; i++) {
      endpoint.store.time.now += 6 * minute
      await look(endpoint)
    }
    expect(await endpoint.holders()).toEqual([])
  })

  test('servers whose clocks differ by minutes free nobody early', async () => {
    const endpoint = await openEndpoint()
    await setPolicy(endpoint, policy)
    await lockMachine(endpoint.locking, group, { id: 'a', via: 'fleet-lock' })
    for (let i = 0; i < 60; i++) {
      endpoint.store.time.now += 11 * minute
      await look(endpoint)
      endpoint.store.time.now -= 11 * minute - 1000
      await look(endpoint)
    }
    expect(await endpoint.holders()).toEqual(['a'])
  })

  test('a holder that asks is seen, though the clock was ahead when it got its slot', async () => {
    const endpoint = await openEndpoint()
    await setPolicy(endpoint, policy, 2)
    const a = zincati(endpoint.ask, group, 'a')
    expect(await a.lock()).toBe('done')
    endpoint.store.time.now -= 24 * hour
    for (let i = 0; i < 60; i++) {
      endpoint.store.time.now += 6 * minute
      expect(await a.lock()).toBe('done')
      await look(endpoint)
    }
    expect(await endpoint.history()).not.toContain('expire a')
  })

  test('a slot soaks after its holder came back, and not for that machine itself', async () => {
    const endpoint = await openEndpoint()
    await setPolicy(endpoint, { soak: 'PT15M' })
    const [a, b] = [locksmith(endpoint.ask, group, 'a'), zincati(endpoint.ask, group, 'b')]
    expect([await a.lock(), await a.unlock()]).toEqual(['done', 'done'])
    const answer = await endpoint.ask('/v1/pre-reboot', fleetLock('b'))
    expect([answer.status, await json(answer)]).toEqual([
      423,
      { kind: 'failed_lock_policy', value: 'a machine came back; its slot is free in 15 min' },
    ])
    expect(await locksmith(endpoint.ask, group, 'c').lock()).toBe('again')
    for (const want of ['again', 'again', 'done']) {
      endpoint.store.time.now += 5 * minute
      expect(await b.lock()).toBe(want)
    }
    expect(await b.unlock()).toBe('done')
    expect(await b.lock()).toBe('done')
  })

  test('of two slots one soaks, and the other is given', async () => {
    const endpoint = await openEndpoint()
    await setPolicy(endpoint, { soak: 'PT15M' }, 2)
    const [a, b, c] = ['a', 'b', 'c'].map((id) => zincati(endpoint.ask, group, id))
    for (const one of [a, b]) expect(await one?.lock()).toBe('done')
    expect(await a?.unlock()).toBe('done')
    expect(await c?.lock()).toBe('again')
    expect(await b?.unlock()).toBe('done')
    endpoint.store.time.now += 11 * minute
    expect(await c?.lock()).toBe('again')
    endpoint.store.time.now += 5 * minute
    expect(await c?.lock()).toBe('done')
  })

  test('a machine that soaks and has its slot again takes one slot', async () => {
    const endpoint = await openEndpoint()
    await setPolicy(endpoint, { soak: 'PT15M' }, 2)
    const [a, b] = [zincati(endpoint.ask, group, 'a'), zincati(endpoint.ask, group, 'b')]
    for (const step of [a.lock, a.unlock, a.lock, b.lock]) expect(await step()).toBe('done')
  })

  test('a slot that an operator frees does not soak: its machine is not back', async () => {
    const endpoint = await openEndpoint()
    await setPolicy(endpoint, { soak: 'PT15M' })
    expect(await locksmith(endpoint.ask, group, 'a').lock()).toBe('done')
    await unlockMachine(endpoint.locking, group, { id: 'a', via: 'operator' })
    expect(await zincati(endpoint.ask, group, 'b').lock()).toBe('done')
  })

  test('a slot that an update check frees soaks', async () => {
    const endpoint = await openEndpoint()
    await setPolicy(endpoint, { soak: 'PT15M', releaseOnReboot: true })
    const [a, b] = [locksmith(endpoint.ask, group, 'a'), zincati(endpoint.ask, group, 'b')]
    expect(await a.lock()).toBe('done')
    const event = '<event eventtype="3" eventresult="2" previousversion="1"/>'
    const body = `<request protocol="3.0"><app appid="{e96281a6-d1af-4bde-9a0a-97b76e56dc57}" version="2" track="stable" board="amd64-usr" machineid="a">${event}<updatecheck/></app></request>`
    await endpoint.ask('/v1/update/', { method: 'POST', body })
    expect(await endpoint.holders()).toEqual([])
    expect(await b.lock()).toBe('again')
    for (let i = 0; i < 3; i++) {
      endpoint.store.time.now += 6 * minute
      await look(endpoint)
    }
    expect(await b.lock()).toBe('done')
  })
})

test('a pause after a machine fell back ends where an operator acknowledges it', async () => {
  const endpoint = await openEndpoint()
  await setPolicy(endpoint, { vetoAfterRollback: 'P7D' })
  const event = '<event eventtype="3" eventresult="0" errorcode="44"/>'
  const body = `<request protocol="3.0"><app appid="{e96281a6-d1af-4bde-9a0a-97b76e56dc57}" version="2" track="stable" board="amd64-usr" machineid="m">${event}<updatecheck/></app></request>`
  for (let i = 0; i < 2; i++) await endpoint.ask('/v1/update/', { method: 'POST', body })
  expect(await zincati(endpoint.ask, group, 'a').lock()).toBe('again')
  expect((await acknowledgeRollback(endpoint.locking, group)).result).toBeDefined()
  expect(await zincati(endpoint.ask, group, 'a').lock()).toBe('done')
  expect((await acknowledgeRollback(endpoint.locking, group)).result).toBeUndefined()
})

test('locksmith has its turn among clients of FleetLock that ask all the time', async () => {
  const endpoint = await openEndpoint()
  const daemon = locksmithd(endpoint.ask, group, 'slow')
  const others = Array.from({ length: 20 }, (_, i) => zincati(endpoint.ask, group, `m${i}`))
  let holder: ReturnType<typeof zincati> | undefined
  let turns = 0
  for (let second = 0; ; second += 5) {
    endpoint.store.time.now += 5_000
    // Who holds the slot gives it back, and the others ask before locksmith does.
    if (second % 20 === 0) {
      await holder?.unlock()
      holder = undefined
    }
    for (const one of others)
      if (holder === undefined && (await one.lock()) === 'done') [holder, turns] = [one, turns + 1]
    if (second % 10 === 0 && (await daemon.lock()) === 'done') break
    if (second > 3600) throw new Error('locksmith never had its turn')
  }
  expect(turns).toBeLessThan(5)
})

test('of several free slots one is kept for locksmith', async () => {
  const endpoint = await openEndpoint()
  await setPolicy(endpoint, {}, 3)
  const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map((id) => zincati(endpoint.ask, group, id))
  for (const one of [a, b, c]) expect(await one?.lock()).toBe('done')
  const daemon = locksmithd(endpoint.ask, group, 'slow')
  expect(await daemon.lock()).toBe('again')
  endpoint.store.time.now += 10_000
  expect(await daemon.lock()).toBe('again')
  for (const one of [a, b]) expect(await one?.unlock()).toBe('done')
  expect([await d?.lock(), await e?.lock(), await daemon.lock()]).toEqual(['done', 'again', 'done'])
})

test('a document of the most and longest ids is read again', async () => {
  const endpoint = await openEndpoint()
  await setPolicy(endpoint, { soak: 'PT15M' }, maxHolders)
  const { lock } = (await readLock(endpoint.locking, group)) ?? expect.fail()
  const ids = Array.from({ length: maxHolders }, (_, i) => '\u{1f680}'.repeat(251) + String(1000 + i))
  const holders = ids.map((id) => ({ id, via: 'fleet-lock', since: lock.ticks?.at, seen: lock.ticks?.at, tick: 1e12 }))
  const soaking = ids.map((id) => ({ id: `${id.slice(0, -4)}x${id.slice(-3)}`, tick: 1e12 }))
  const history = ids.slice(0, 99).map((id) => ({ at: lock.ticks?.at, what: 'lock', via: 'fleet-lock', id }))
  const key = `locks/${group}.json`
  await endpoint.store.bucket.overwrite(key, encode({ ...lock, holders, soaking, history }))
  expect(await zincati(endpoint.ask, group, ids[0] ?? '').unlock()).toBe('done')
  expect(await locksmith(endpoint.ask, group, ids[1] ?? '').unlock()).toBe('done')
  expect(await endpoint.holders()).toHaveLength(maxHolders - 2)
})

describe('monitoring', () => {
  const metrics = async (endpoint: Endpoint) => new Map((await endpoint.gauges()).map((one) => [one.name, one.values]))
  const health = async (endpoint: Endpoint) =>
    (await endpoint.ask('/healthz')).json() as Promise<{ problems: string[] }>

  test('a damaged group is counted and told, and the others are measured', async () => {
    const endpoint = await openEndpoint()
    await createGroup(endpoint.locking, 'broken', 1, 'operator')
    expect((await health(endpoint)).problems).toEqual([])
    endpoint.store.time.now += 2 * minute
    await endpoint.store.bucket.overwrite('locks/broken.json', new TextEncoder().encode('{"format":1}'))
    const found = await metrics(endpoint)
    expect(found.get('platte_lock_slots')).toEqual(new Map([[group, 1]]))
    expect(found.get('platte_lock_damaged_groups')).toEqual(new Map([['', 1]]))
    expect((await health(endpoint)).problems).toEqual([expect.stringContaining('locks/broken.json')])
  })

  test('a document that is too large is damage of its group alone, until it is removed', async () => {
    const endpoint = await openEndpoint()
    await createGroup(endpoint.locking, 'broken', 1, 'operator')
    await endpoint.store.bucket.overwrite('locks/broken.json', new Uint8Array(8 * 1024 * 1024))
    const found = await metrics(endpoint)
    expect(found.get('platte_lock_slots')).toEqual(new Map([[group, 1]]))
    expect(found.get('platte_lock_damaged_groups')).toEqual(new Map([['', 1]]))
    expect((await health(endpoint)).problems).toEqual([expect.stringContaining('locks/broken.json')])
    endpoint.store.bucket.erase('locks/broken.json')
    endpoint.store.time.now += 2 * minute
    expect((await health(endpoint)).problems).toEqual([])
  })

  test('a store that could not be read for a while is told until it is read, though nothing is written', async () => {
    const endpoint = await openEndpoint()
    const [a, b] = [zincati(endpoint.ask, group, 'a'), zincati(endpoint.ask, group, 'b')]
    expect(await a.lock()).toBe('done')
    endpoint.faults.killed = true
    expect(await b.lock()).toBe('again')
    expect((await health(endpoint)).problems).toContainEqual(expect.stringMatching(/^locks: /))
    endpoint.faults.killed = false
    expect(await b.lock()).toBe('again')
    expect((await health(endpoint)).problems).not.toContainEqual(expect.stringMatching(/^locks: /))
  })

  test('a hold in a channel of the group counts as a veto', async () => {
    const endpoint = await openEndpoint()
    await setPolicy(endpoint, { vetoOnHold: true })
    const vetoed = async () => (await metrics(endpoint)).get('platte_lock_vetoed')
    expect(await vetoed()).toEqual(new Map([[group, 0]]))
    await holdRelease(endpoint.store.publisher, { app, channel: 'stable' }, { version: '2', reason: 'boot loop' })
    endpoint.store.time.now += 2 * minute
    expect(await vetoed()).toEqual(new Map([[group, 1]]))
  })

  test('all groups are measured, and those beyond the bound are counted', async () => {
    const endpoint = await openEndpoint()
    const { lock } = (await readLock(endpoint.locking, group)) ?? expect.fail()
    for (let i = 0; i < maxGroups + 5; i++) {
      const bytes = new TextEncoder().encode(JSON.stringify({ ...lock, group: `g${i}` }))
      await endpoint.store.bucket.create(`locks/g${i}.json`, bytes)
    }
    const found = await allGroups(endpoint.locking)
    expect([found.locks.length, found.unread]).toEqual([maxGroups, 6])
  })

  test('a store that cannot be written is told, until it can; refusals are counted by reason', async () => {
    const endpoint = await openEndpoint()
    const machine = zincati(endpoint.ask, group, 'a')
    endpoint.faults.killed = true
    expect(await machine.lock()).toBe('again')
    expect((await health(endpoint)).problems).toContainEqual(expect.stringMatching(/^locks: /))
    endpoint.faults.killed = false
    expect(await machine.lock()).toBe('done')
    expect((await health(endpoint)).problems).not.toContainEqual(expect.stringMatching(/^locks: /))
    expect(await zincati(endpoint.ask, group, 'b').lock()).toBe('again')
    const counts = (await metrics(endpoint)).get('platte_lock_refusals')
    expect([counts?.get('store'), counts?.get('full'), counts?.get('window')]).toEqual([1, 1, 0])
  })
})
