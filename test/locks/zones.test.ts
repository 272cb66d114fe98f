/** Zones of a group, in both protocols: by the operator's list, and by the name of the group. */
import { expect, test } from 'vitest'
import { zoneRows } from '../../src/locks/cli/zones.ts'
import type { LockPolicy } from '../../src/locks/document.ts'
import { configureGroup, createGroup, lockMachine } from '../../src/locks/edits.ts'
import { readLock } from '../../src/locks/store.ts'
import { locksmith, zincati } from './clients.ts'
import { type Endpoint, group, keyPath, openEndpoint } from './endpoint.ts'

type Zones = NonNullable<LockPolicy['zones']>
const minute = 60_000

const setZones = (endpoint: Endpoint, zones: Zones, more: LockPolicy = {}) =>
  configureGroup(endpoint.locking, group, () => ({ max: 9, policy: { ...more, zones } }))

const list = { perZone: 1, machines: { a: 'a1 a2 a3', b: 'b1 b2' } }

const preReboot = (endpoint: Endpoint, id: string, of = group): Promise<Response> =>
  endpoint.ask('/v1/pre-reboot', {
    method: 'POST',
    headers: { 'fleet-lock-protocol': 'true' },
    body: JSON.stringify({ client_params: { id, group: of } }),
  })

/** The answer of etcd to a machine that takes a slot. */
async function swap(endpoint: Endpoint, id: string): Promise<Response> {
  const read = (await (await endpoint.ask(keyPath)).json()) as { node: { value: string; modifiedIndex: number } }
  const { semaphore, max, holders } = JSON.parse(read.node.value)
  const value = JSON.stringify({ semaphore: semaphore - 1, max, holders: [...(holders ?? []), id].sort() })
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const body = new URLSearchParams({ value }).toString()
  return endpoint.ask(`${keyPath}?prevIndex=${read.node.modifiedIndex}`, { method: 'PUT', headers, body })
}

test.each([locksmith, zincati])('%o: as many of a zone as it has slots, and others beside them', async (client) => {
  const endpoint = await openEndpoint()
  await setZones(endpoint, list)
  const [a1, a2, b1] = ['a1', 'a2', 'b1'].map((id) => client(endpoint.ask, group, id))
  expect([await a1?.lock(), await a2?.lock(), await b1?.lock()]).toEqual(['done', 'again', 'done'])
  expect([await a1?.unlock(), await a2?.lock()]).toEqual(['done', 'done'])
  expect(await endpoint.holders()).toEqual(['a2', 'b1'])
})

test('the reason is in the answer of each protocol', async () => {
  const endpoint = await openEndpoint()
  await setZones(endpoint, list)
  expect((await preReboot(endpoint, 'a1')).status).toBe(200)
  const full = await preReboot(endpoint, 'a2')
  expect([full.status, await full.json()]).toEqual([
    423,
    { kind: 'failed_lock_policy', value: 'zone a has 1 of 1 slots taken' },
  ])
  const answer = await swap(endpoint, 'a2')
  expect([answer.status, await answer.json()]).toEqual([
    412,
    expect.objectContaining({ errorCode: 101, cause: expect.stringMatching(/ zone a has 1 of 1 slots taken$/) }),
  ])
  const gauge = (await endpoint.gauges()).find(({ name }) => name === 'platte_lock_refusals')
  expect(gauge?.values.get('zone')).toBe(2)
})

test('a machine whose zone is not known gets no slot, until the list has it', async () => {
  const endpoint = await openEndpoint()
  await setZones(endpoint, list)
  expect(await (await preReboot(endpoint, 'c1')).json()).toMatchObject({ value: expect.stringMatching(/not known/) })
  expect(await (await swap(endpoint, 'c1')).json()).toMatchObject({ cause: expect.stringMatching(/not known/) })
  await setZones(endpoint, { ...list, machines: { ...list.machines, c: 'c0 c1' } })
  expect((await preReboot(endpoint, 'c1')).status).toBe(200)
  // Part of an id, or several ids, are none.
  for (const id of ['a', '1', 'a1 a2', ' a1', 'a1 ']) expect((await preReboot(endpoint, id)).status).toBe(423)
})

test('one zone at a time', async () => {
  const endpoint = await openEndpoint()
  await setZones(endpoint, { oneAtATime: true, machines: list.machines })
  const [a1, a2, b1] = ['a1', 'a2', 'b1'].map((id) => zincati(endpoint.ask, group, id))
  expect([await a1?.lock(), await a2?.lock(), await b1?.lock()]).toEqual(['done', 'done', 'again'])
  expect([await a1?.unlock(), await b1?.lock()]).toEqual(['done', 'again'])
  expect([await a2?.unlock(), await b1?.lock(), await a1?.lock()]).toEqual(['done', 'done', 'again'])
})

test('a slot that soaks is taken in its zone, and keeps nobody from itself', async () => {
  const endpoint = await openEndpoint()
  await setZones(endpoint, list, { soak: 'PT10M' })
  const [a1, a2, b1] = ['a1', 'a2', 'b1'].map((id) => zincati(endpoint.ask, group, id))
  expect([await a1?.lock(), await a1?.unlock()]).toEqual(['done', 'done'])
  expect([await a2?.lock(), await b1?.lock()]).toEqual(['again', 'done'])
  expect([await a1?.lock(), await a1?.unlock()]).toEqual(['done', 'done'])
  for (let i = 0; i < 3; i++) {
    expect(await a2?.lock()).toBe('again')
    endpoint.store.time.now += 4 * minute
  }
  expect(await a2?.lock()).toBe('done')
})

test('holders from before there were zones: the list has their zone, and the others may be in any', async () => {
  const endpoint = await openEndpoint()
  await configureGroup(endpoint.locking, group, () => ({ max: 9, policy: {} }))
  for (const id of ['a1', 'stranger']) expect((await preReboot(endpoint, id)).status).toBe(200)
  await lockMachine(endpoint.locking, group, { id: 'by hand', via: 'operator' })
  await setZones(endpoint, { perZone: 2, machines: list.machines })
  const zones = (await readLock(endpoint.locking, group))?.lock.holders?.map(({ id, zone }) => [id, zone])
  expect(zones).toEqual([
    ['a1', 'a'],
    ['by hand', undefined],
    ['stranger', undefined],
  ])
  expect((await preReboot(endpoint, 'a2')).status).toBe(423)
  expect((await preReboot(endpoint, 'b1')).status).toBe(200)
  expect((await preReboot(endpoint, 'b2')).status).toBe(423)
})

test.each([locksmith, zincati])('%o: zones in the name of the group share its slots', async (client) => {
  const endpoint = await openEndpoint()
  await setZones(endpoint, { perZone: 1, bySuffix: true })
  const of = (zone: string, id: string) => client(endpoint.ask, `${group}.${zone}`, id)
  expect(await of('a', 'm1').lock()).toBe('done')
  expect(await of('a', 'm2').lock()).toBe('again')
  expect(await of('b', 'm3').lock()).toBe('done')
  expect(await client(endpoint.ask, group, 'm4').lock()).toBe('again')
  expect(await endpoint.holders()).toEqual(['m1', 'm3'])
  expect(await of('a', 'm1').unlock()).toBe('done')
  expect(await of('a', 'm2').lock()).toBe('done')
  // The operator's list wins over what a machine says.
  await setZones(endpoint, { perZone: 1, bySuffix: true, machines: { a: 'm5' } })
  expect(await of('c', 'm5').lock()).toBe('again')
})

test('names make no group, and change none that exists', async () => {
  const endpoint = await openEndpoint({ creates: true })
  const own = `${group}.own`
  await createGroup(endpoint.locking, own, 1, 'operator')
  await setZones(endpoint, { perZone: 1, bySuffix: true })
  for (const client of [locksmith, zincati]) {
    expect(await client(endpoint.ask, own, 'm1').lock()).toBe('done')
    expect(await client(endpoint.ask, own, 'm1').unlock()).toBe('done')
    expect(await client(endpoint.ask, `${group}.a`, 'm2').lock()).toBe('done')
    expect(await client(endpoint.ask, `${group}.a`, 'm2').unlock()).toBe('done')
    expect(await client(endpoint.ask, `other.${client.name}`, 'm3').lock()).toBe('done')
  }
  const groups: string[] = []
  for await (const key of endpoint.store.bucket.list('locks/')) groups.push(key)
  const names = ['other.locksmith', 'other.zincati', group, own]
  expect(groups).toEqual(names.map((name) => `locks/${name}.json`))
})

test('a machine may name its zone as a member of every object', async () => {
  const endpoint = await openEndpoint()
  await setZones(endpoint, { ...list, bySuffix: true })
  expect((await preReboot(endpoint, 'c1', `${group}.constructor`)).status).toBe(200)
  const { lock } = (await readLock(endpoint.locking, group)) ?? {}
  expect(lock && zoneRows(lock, 0)).toEqual([
    { zone: 'a', listed: 3, taken: 0 },
    { zone: 'b', listed: 2, taken: 0 },
    { zone: 'constructor', listed: 0, taken: 1 },
  ])
})

test('without zones by name, such a group is unknown', async () => {
  const endpoint = await openEndpoint()
  await setZones(endpoint, list)
  for (const client of [locksmith, zincati]) expect(await client(endpoint.ask, `${group}.a`, 'a1').lock()).toBe('again')
  expect(await (await preReboot(endpoint, 'a1', `${group}.a`)).json()).toMatchObject({ kind: 'unknown_group' })
})

test('a token of a group is for its zones, and one of a zone is for nothing', async () => {
  const tokens = [
    { right: 'lock' as const, group, token: 'a-token-of-the-group' },
    { right: 'lock' as const, group: `${group}.a`, token: 'a-token-of-the-zone' },
  ]
  const endpoint = await openEndpoint({ tokens })
  await setZones(endpoint, { perZone: 1, bySuffix: true })
  const by = (token: string) => zincati((path, init) => endpoint.ask(`/lock/${token}${path}`, init), `${group}.a`, 'm1')
  expect(await by('a-token-of-the-zone').lock()).toBe('again')
  expect(await by('a-token-of-the-group').lock()).toBe('done')
})
