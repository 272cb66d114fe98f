/** Whatever two files say: what the second makes of a store does not depend on the first, and nobody is offered a mixture. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { asAgreed } from '../../src/apply/agreed.ts'
import { commitApply } from '../../src/apply/commit.ts'
import { isNothing } from '../../src/apply/summary.ts'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { countWrites, everyFault, withFault } from '../faults/scene.ts'
import { noticing, type TestStore } from '../world.ts'
import { anyFile } from './files.ts'
import { answers, applyFile, baseStore, copyOf, inForce, planFile } from './scene.ts'

const base = await baseStore()
/** For hangs, not for speed. */
const timeout = 1_200_000
const all = process.env.PLATTE_TEST_ROUNDS === 'all'

async function applied(...files: readonly object[]): Promise<TestStore> {
  const store = await copyOf(base)
  // Where nobody else changes anything, what was agreed is carried out.
  for (const file of files) await commitApply(store.publisher, asAgreed(await planFile(store.publisher, file, true)))
  return store
}

test(
  'pruned to the second file, a store is as the second file alone makes it',
  async () => {
    await fc.assert(
      fc.asyncProperty(anyFile, anyFile, async (first, second) => {
        const [both, alone] = [await applied(first, second), await applied(second)]
        expect(await inForce(both)).toEqual(await inForce(alone))
        expect(await answers(both)).toEqual(await answers(alone))
        expect(isNothing(await planFile(both.publisher, second, true))).toBe(true)
      }),
      { numRuns: all ? 1000 : 20, seed: 18, endOnFailure: true },
    )
  },
  timeout,
)

/** As a server with the timestamp key does each minute. */
async function refreshed(store: TestStore): Promise<TestStore> {
  await refresh({ ...store.publisher, log: () => {} })
  return store
}

test(
  'stopped at any write and run again, whatever a schedule refreshes, machines get what they got or what they will get',
  async () => {
    await fc.assert(
      fc.asyncProperty(anyFile, anyFile, async (first, second) => {
        const begun = await applied(first)
        const before = await answers(begun)
        const ended = await copyOf(begun)
        const writes = await countWrites(ended, (writer) => applyFile(writer, second, true))
        const after = await answers(ended)
        const isEither = async (store: TestStore): Promise<void> => {
          for (const [i, answer] of (await answers(store)).entries()) expect([before[i], after[i]]).toContain(answer)
        }
        const watched = await copyOf(begun)
        const documents = noticing(watched.publisher.documents, () => refreshed(watched).then(isEither))
        await applyFile({ ...watched.publisher, documents }, second, true)
        for (const fault of everyFault(writes.length)) {
          const store = await copyOf(begun)
          await withFault(store, fault, (writer) => applyFile(writer, second, true))
          await isEither(store)
          await isEither(await refreshed(store))
          await applyFile(store.publisher, second, true)
          expect(await answers(store)).toEqual(after)
          expect(await inForce(store)).toEqual(await inForce(ended))
        }
      }),
      { numRuns: all ? 40 : 2, seed: 18, endOnFailure: true },
    )
  },
  timeout,
)
