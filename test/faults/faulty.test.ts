import { describe, expect, test } from 'vitest'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { documentRows } from '../conformance/documents.ts'
import { packageRows } from '../conformance/packages.ts'
import { suite } from '../conformance/register.ts'
import { memoryDocuments, memoryPackages } from '../memory.ts'
import { type Fault, faultsOf, faultyDocuments, faultyPackages } from './faulty.ts'

suite('faultyDocuments', documentRows, () => faultyDocuments(memoryDocuments(), faultsOf()))
suite('faultyPackages', packageRows(nodeHasher), () => faultyPackages(memoryPackages(nodeHasher), faultsOf()))

const bytes = new TextEncoder().encode('{}')

describe('the second write', () => {
  test.each<[Fault, landed: boolean, alive: boolean]>([
    ['before', false, true],
    ['after', true, true],
    ['kill-before', false, false],
    ['kill-after', true, false],
  ])('%s: landed %s, alive %s', async (fault, landed, alive) => {
    const below = memoryDocuments()
    const faults = faultsOf({ 2: fault })
    const store = faultyDocuments(below, faults)
    expect(await store.create('a', bytes)).toBe('created')
    await expect(store.create('b', bytes)).rejects.toMatchObject({ code: 'store-unavailable' })
    expect((await below.get('b', 10)) !== undefined).toBe(landed)
    const next = store.get('a', 10)
    if (alive) await expect(next).resolves.toBeDefined()
    else await expect(next).rejects.toMatchObject({ code: 'store-unavailable' })
    expect(faults).toMatchObject({ writes: 2, reads: alive ? 1 : 0, calls: ['create a', 'create b', 'get a'] })
  })
})

test('documents and packages share one count, and an unused body is cancelled', async () => {
  const faults = faultsOf({ 2: 'before' })
  const documents = faultyDocuments(memoryDocuments(), faults)
  const packages = faultyPackages(memoryPackages(nodeHasher), faults)
  await documents.create('a', bytes)
  let cancelled = false
  const body = new ReadableStream<Uint8Array>({
    cancel() {
      cancelled = true
    },
  })
  await expect(packages.put('p', body, { size: 1, sha256: '' })).rejects.toMatchObject({ code: 'store-unavailable' })
  expect(cancelled).toBe(true)
  expect(faults.calls).toEqual(['create a', 'put p'])
})
