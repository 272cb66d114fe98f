/** Groups that are kept elsewhere: what the bucket says of them, and how a server without the driver refuses them. */
import { describe, expect, test } from 'vitest'
import { encode } from '../../src/catalog/read.ts'
import { decodeLock, type LockStub } from '../../src/locks/document.ts'
import { moveGroup, placeOf } from '../../src/locks/driver.ts'
import { createGroup, lockMachine, setMax } from '../../src/locks/edits.ts'
import { allGroups, readStored } from '../../src/locks/store.ts'
import type { Fault } from '../faults/faulty.ts'
import { refusal } from '../world.ts'
import { zincati } from './clients.ts'
import { type Endpoint, group, keyPath, openEndpoint } from './endpoint.ts'

const stored = async ({ locking }: Endpoint) => (await readStored(locking, group))?.found
const toObject = ({ locking }: Endpoint) => moveGroup(locking, group, 'durable-object')
const toBucket = ({ locking }: Endpoint) => moveGroup(locking, group, 'bucket')
const words = `group ${group} is kept in a Durable Object, and not in the bucket`
const hint = `ask the Worker that has it, or move it: platte lock driver bucket --group ${group}`

/** As the driver leaves it. */
async function takeOver(endpoint: Endpoint): Promise<void> {
  const { lock: _, ...kept } = (await stored(endpoint)) as LockStub
  await endpoint.store.bucket.overwrite(`locks/${group}.json`, encode(kept))
}

describe('a server without the driver', () => {
  test('refuses in the words of each client, and names what to do', async () => {
    const endpoint = await openEndpoint({ creates: true })
    await toObject(endpoint)
    const denied = { errorCode: 110, message: 'The request requires user authentication', cause: `${words}: ${hint}` }
    for (const path of [keyPath, `${keyPath}?prevExist=false`]) {
      const value = JSON.stringify({ semaphore: 1, max: 1, holders: null })
      const init = path === keyPath ? {} : { method: 'PUT', body: new URLSearchParams({ value }) }
      const answer = await endpoint.ask(path, init)
      expect([answer.status, await answer.json()]).toEqual([401, { ...denied, index: 0 }])
    }
    for (const path of ['/v1/pre-reboot', '/v1/steady-state']) {
      const body = JSON.stringify({ client_params: { id: 'a', group } })
      const answer = await endpoint.ask(path, { method: 'POST', headers: { 'fleet-lock-protocol': 'true' }, body })
      expect([answer.status, await answer.json()]).toEqual([400, { kind: 'other_driver', value: `${words}: ${hint}` }])
    }
    const refusals = (await endpoint.gauges()).find(({ name }) => name === 'platte_lock_refusals')?.values
    expect(refusals?.get('driver')).toBe(4)
  })

  test('says so to operators, makes no second group, and calls it no damage', async () => {
    const endpoint = await openEndpoint()
    await toObject(endpoint)
    expect(await refusal(setMax(endpoint.locking, group, 3))).toBe(`refused: ${words}`)
    expect(await refusal(createGroup(endpoint.locking, group, 3, 'operator'))).toBe(`refused: ${words}`)
    expect(await allGroups(endpoint.locking)).toEqual({ locks: [], damaged: new Map(), elsewhere: [group], unread: 0 })
  })

  test('of an earlier version refuses it, too', async () => {
    const endpoint = await openEndpoint()
    await toObject(endpoint)
    const bytes = await endpoint.store.bucket.read(`locks/${group}.json`)
    expect(() => decodeLock('locks/workers.json', bytes)).toThrow(/type/)
  })
})

describe('a move', () => {
  test('has the document with it until the driver takes it over; before that, it can be taken back', async () => {
    const endpoint = await openEndpoint()
    await lockMachine(endpoint.locking, group, { id: 'a', via: 'fleet-lock' })
    const before = await stored(endpoint)
    expect(await toObject(endpoint)).toEqual({ driver: 'durable-object', state: 'leaves' })
    expect(await stored(endpoint)).toMatchObject({ type: 'lock-stub', driver: 'durable-object', lock: before })
    const first = await stored(endpoint)
    expect(await toObject(endpoint)).toEqual({ driver: 'durable-object', state: 'leaves' })
    expect(await stored(endpoint)).toEqual(first)
    expect(await toBucket(endpoint)).toEqual({ driver: 'bucket', state: 'kept' })
    expect(await stored(endpoint)).toEqual(before)
    expect(await zincati(endpoint.ask, group, 'b').lock()).toBe('again')
    await toObject(endpoint)
    expect(await stored(endpoint)).not.toEqual(first)
  })

  test('back is asked for, and that is taken back, where the driver has it', async () => {
    const endpoint = await openEndpoint()
    await toObject(endpoint)
    await takeOver(endpoint)
    const kept = await stored(endpoint)
    expect(await placeOf(endpoint.locking, group)).toEqual({ driver: 'durable-object', state: 'kept' })
    expect(await toBucket(endpoint)).toEqual({ driver: 'durable-object', state: 'returns' })
    expect(await stored(endpoint)).toEqual({ ...kept, back: true })
    expect(await toObject(endpoint)).toEqual({ driver: 'durable-object', state: 'kept' })
    expect(await stored(endpoint)).toEqual(kept)
  })

  test.each<Fault>(['before', 'after'])('whose answer is lost (%s the write) is one move', async (fault) => {
    const endpoint = await openEndpoint({ plan: { 1: fault } })
    expect(await toObject(endpoint)).toEqual({ driver: 'durable-object', state: 'leaves' })
  })

  test('ends a request that read the group before it', async () => {
    const endpoint = await openEndpoint()
    const { token = '' } = (await readStored(endpoint.locking, group)) ?? {}
    await toObject(endpoint)
    expect(await endpoint.store.bucket.swap(`locks/${group}.json`, new Uint8Array(2), token)).toBe('conflict')
  })
})
