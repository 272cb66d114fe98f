/** The one compare-and-swap loop: what it tries again, what it throws, and whose write it recognises. */
import { expect, test } from 'vitest'
import { PlatteError } from '../../src/kernel/errors.ts'
import type { Documents } from '../../src/store/documents.ts'
import { maxAttempts, update } from '../../src/store/update.ts'
import { memoryDocuments } from '../memory.ts'
import { bytesOf, refusal } from '../world.ts'

const key = 'catalog.jws'
const cap = 1000
const random = () => 0
const down = () => new PlatteError('store-unavailable', 'no answer')

/** Adds a name to the list that is stored. @returns how many there are then. */
const addOne =
  (documents: Documents, name = 'one') =>
  async () => {
    const stored = await documents.get(key, cap)
    const names = [...(stored ? JSON.parse(new TextDecoder().decode(stored.bytes)) : []), name]
    return { result: names.length, write: { key, bytes: bytesOf(names), token: stored?.token } }
  }

test('40 concurrent writers lose no update', async () => {
  const documents = memoryDocuments()
  const sums = await Promise.all(
    Array.from({ length: 40 }, (_, i) => update({ documents, random }, key, addOne(documents, `${i}`))),
  )
  expect(sums.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1))
})

test('an edit without a write ends; after a conflict it is called again', async () => {
  const documents = memoryDocuments()
  expect(await update({ documents, random }, key, async () => ({ result: 'as before' }))).toBe('as before')
  let calls = 0
  const edit = async () => (++calls < 3 ? undefined : { result: calls })
  expect(await update({ documents, random }, key, edit)).toBe(3)
  expect(await documents.get(key, cap)).toBeUndefined()
})

test('a writer that loses every race gets an error', async () => {
  const documents: Documents = { ...memoryDocuments(), create: async () => 'taken' }
  let calls = 0
  const edit = () => {
    calls++
    return addOne(documents)()
  }
  expect(await refusal(update({ documents, random }, key, edit))).toMatch(/^conflict: catalog.jws: lost \d+ races/)
  expect(calls).toBe(maxAttempts)
})

test.each([
  [false, 1, /^store-unavailable/],
  [true, 2, /^accepted/],
])('a write with a lost answer: recognises itself %s, calls %i', async (recognisesItself, want, outcome) => {
  const inner = memoryDocuments()
  const create: Documents['create'] = async (at, bytes) => {
    await inner.create(at, bytes)
    throw down()
  }
  let calls = 0
  const edit = async () => {
    calls++
    const isOurs = (await inner.get(key, cap)) !== undefined
    return isOurs ? { result: 'ours' } : { result: 'written', write: { key, bytes: bytesOf(1), token: undefined } }
  }
  const work = update({ documents: { ...inner, create }, random }, key, edit, { recognisesItself })
  expect(await refusal(work)).toMatch(outcome)
  expect(calls).toBe(want)
})

test('a read error before the first write is thrown at once', async () => {
  let calls = 0
  const edit = async () => {
    calls++
    throw down()
  }
  const work = update({ documents: memoryDocuments(), random }, key, edit, { recognisesItself: true })
  expect(await refusal(work)).toMatch(/^store-unavailable/)
  expect(calls).toBe(1)
})
