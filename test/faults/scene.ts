/** What the fault tables share: a work with a fault in it, what readers are told, and how it must end. */
import { expect } from 'vitest'
import { channelKey } from '../../src/documents/paths.ts'
import { reload } from '../../src/service/catalog-cache.ts'
import { inspectStore } from '../../src/service/inspect.ts'
import type { Publishing } from '../../src/service/publish.ts'
import { app, ask, newReader, refusal, storedCatalog, type TestStore } from '../world.ts'
import { type Fault, faces, faulty } from './faulty.ts'

/** Every fault of a work that makes `writes` writes. */
export const faultsOf = (writes: number): Fault[] =>
  Array.from({ length: writes }, (_, i) => faces.map((face) => ({ at: i + 1, face }))).flat()

/** Runs a work with a fault in its stores. @returns what it was refused with, or `accepted`. */
export const withFault = (
  store: TestStore,
  fault: Fault | undefined,
  work: (writing: Publishing) => Promise<unknown>,
) => {
  const broken = faulty(store.publishing, fault)
  return refusal(work({ ...store.publishing, documents: broken.documents, packages: broken.packages }))
}

/** How many writes a work makes where nothing fails. */
export async function countWrites(
  store: TestStore,
  work: (writing: Publishing) => Promise<unknown>,
): Promise<readonly string[]> {
  const counting = faulty(store.publishing)
  await work({ ...store.publishing, documents: counting.documents, packages: counting.packages })
  return counting.written
}

/** What a reader that remembers and one that starts are told. */
export async function askAll(store: TestStore, warm: ReturnType<typeof newReader>, query: Parameters<typeof ask>[1]) {
  await reload(warm.cache, warm.reading)
  return [await ask(warm, query), await ask(newReader(store), query)]
}

export const errorsOf = async ({ publishing }: TestStore) =>
  (await inspectStore(publishing)).findings.filter(({ level }) => level === 'error')

/** The catalog names these seqs, their manifests are all there are, and all of it is as it was signed. */
export async function endsWell(store: TestStore, seqs: Record<string, number>, counts: object): Promise<void> {
  const channels = (await storedCatalog(store)).apps[app]?.channels ?? {}
  expect(Object.fromEntries(Object.entries(channels).map(([name, { seq }]) => [name, seq]))).toEqual(seqs)
  for (const [channel, seq] of Object.entries(seqs))
    expect(await store.bucket.get(channelKey(app, channel, seq + 1), 1e6)).toBeUndefined()
  expect(await inspectStore(store.publishing)).toMatchObject({ findings: [], ...counts })
}
