/** A process that ends at any point of a move: the next one goes on, the document is in one place, and nobody grants from two. */
import type { SyncKvStorage } from '@cloudflare/workers-types'
import { describe, expect, test } from 'vitest'
import { openHeld } from '../../src/lock-objects/held.ts'
import { agreeWith, ownDocuments } from '../../src/lock-objects/own.ts'
import { moveGroup } from '../../src/locks/driver.ts'
import { createGroup, lockMachine, setMax } from '../../src/locks/edits.ts'
import { type Locking, readLock, readStored } from '../../src/locks/store.ts'
import type { Documents } from '../../src/store/documents.ts'
import { type Fault, faultsOf, faultyDocuments } from '../faults/faulty.ts'
import { newStore, refusal } from '../world.ts'

const group = 'workers'
const key = `locks/${group}.json`

/** Storage of an object, which its process does not take with it. @param failAt the write that ends the process. */
function storageOver(values: Map<string, unknown>, failAt = Number.POSITIVE_INFINITY) {
  let writes = 0
  const write = (work: () => void): void => {
    writes += 1
    if (writes >= failAt) throw new Error('the object ended')
    work()
  }
  const kv = {
    get: (name: string) => structuredClone(values.get(name)),
    put: (name: string, value: unknown) => write(() => void values.set(name, structuredClone(value))),
    delete: (name: string) => write(() => void values.delete(name)),
    list: () => [...values],
  } as unknown as SyncKvStorage
  const transactionSync = <T>(work: () => T): T => {
    const before = new Map(values)
    try {
      return work()
    } catch (error) {
      values.clear()
      for (const [name, value] of before) values.set(name, value)
      throw error
    }
  }
  return { kv, transactionSync }
}

async function newGroup() {
  const store = await newStore()
  const bucket: Locking = { ...store.publisher, documents: store.bucket }
  await createGroup(bucket, group, 3, 'operator')
  await lockMachine(bucket, group, { id: 'a', via: 'fleet-lock' })
  const values = new Map<string, unknown>()
  const objectOver = (documents: Documents, failAt?: number): Locking => {
    const held = openHeld(storageOver(values, failAt))
    return { ...bucket, documents: ownDocuments(documents, key, held, () => agreeWith(documents, key, held)) }
  }
  return { store, bucket, values, objectOver, object: () => objectOver(store.bucket) }
}
type Group = Awaited<ReturnType<typeof newGroup>>

const namesIn = async (locking: Locking) => (await readLock(locking, group))?.lock.holders?.map(({ id }) => id)

/** Each request of an object that ends in the middle, and then the next one. */
async function interrupt({ store, objectOver, object }: Group, fault: Fault | number): Promise<void> {
  const faulty = faultyDocuments(store.bucket, faultsOf(typeof fault === 'string' ? { 1: fault } : {}))
  await namesIn(objectOver(faulty, typeof fault === 'number' ? fault : undefined)).catch(() => undefined)
  await namesIn(object()).catch(() => undefined)
}

const faults: readonly (Fault | number)[] = ['before', 'after', 'kill-before', 'kill-after', 1, 2, 3, 4]

describe.each(faults)('with the fault %s', (fault) => {
  test('a group goes into the object, whole', async () => {
    const made = await newGroup()
    const { bucket, object } = made
    await moveGroup(bucket, group, 'durable-object')
    await interrupt(made, fault)
    expect(await refusal(readLock(bucket, group))).toMatch(/^refused/)
    expect((await readStored(bucket, group))?.found).not.toHaveProperty('lock')
    await lockMachine(object(), group, { id: 'b', via: 'fleet-lock' })
    expect(await namesIn(object())).toEqual(['a', 'b'])
  })

  test('and comes back, with what changed', async () => {
    const made = await newGroup()
    const { bucket, object, values } = made
    await moveGroup(bucket, group, 'durable-object')
    await lockMachine(object(), group, { id: 'b', via: 'fleet-lock' })
    await moveGroup(bucket, group, 'bucket')
    await interrupt(made, fault)
    expect(await namesIn(bucket)).toEqual(['a', 'b'])
    // As every other server: by races in the bucket.
    await lockMachine(object(), group, { id: 'c', via: 'fleet-lock' })
    expect(await namesIn(bucket)).toEqual(['a', 'b', 'c'])
    expect([...values.keys()]).toEqual([])
  })
})

test('what an object kept of an earlier move is not taken for the group', async () => {
  const { bucket, object, values } = await newGroup()
  await moveGroup(bucket, group, 'durable-object')
  await setMax(object(), group, 2)
  const stale = new Map(values)
  await moveGroup(bucket, group, 'bucket')
  await namesIn(object())
  await setMax(bucket, group, 1)
  for (const [name, value] of stale) values.set(name, value)
  await moveGroup(bucket, group, 'durable-object')
  expect((await readLock(object(), group))?.lock.max).toBe(1)
})

test('a move that is taken back while the object ends leaves the group where it is', async () => {
  const { store, bucket, objectOver, object } = await newGroup()
  await moveGroup(bucket, group, 'durable-object')
  await namesIn(object())
  await moveGroup(bucket, group, 'bucket')
  const faulty = faultyDocuments(store.bucket, faultsOf({ 1: 'kill-before' }))
  expect(await refusal(namesIn(objectOver(faulty)))).toMatch(/^store-unavailable/)
  await moveGroup(bucket, group, 'durable-object')
  expect(await namesIn(object())).toEqual(['a'])
  expect(await refusal(readLock(bucket, group))).toMatch(/^refused/)
})

test('a document of several pieces is read as it was written, and a shorter one after it', async () => {
  const held = openHeld(storageOver(new Map()))
  for (const size of [2_500_000, 1_048_576, 3]) {
    const bytes = Uint8Array.from({ length: size }, (_, i) => i % 251)
    if (held.head() === undefined) held.take('0'.repeat(32), bytes)
    else expect(held.swap(bytes, held.read().token)).toBe('ok')
    held.become('kept')
    expect(Buffer.compare(held.read().bytes, bytes)).toBe(0)
  }
})
