/** What the fault tables share: a work with a fault in it, what readers are told, and how it must end. */
import { expect } from 'vitest'
import { inspectStore } from '../../src/catalog/audit.ts'
import { reload } from '../../src/catalog/cache.ts'
import type { Publisher } from '../../src/channels/publish.ts'
import { channelKey } from '../../src/documents/paths.ts'
import { app, ask, newReader, refusal, storedCatalog, type TestStore } from '../world.ts'
import { type Fault, faultsOf, faultyDocuments, faultyPackages } from './faulty.ts'

/** One write that goes wrong. */
export interface Failing {
  /** Which write, counted from 1 over both stores. */
  readonly at: number
  readonly face: Fault
}

/** Every fault of a work that makes `writes` writes. */
export const everyFault = (writes: number): Failing[] =>
  Array.from({ length: writes }, (_, i) =>
    (['before', 'after', 'kill-before', 'kill-after'] as const).map((face) => ({ at: i + 1, face })),
  ).flat()

/** Both stores with one fault in them; without a fault they count. */
export function faulty({ documents, packages }: Publisher, fault?: Failing) {
  const faults = faultsOf(fault && { [fault.at]: fault.face })
  return {
    faults,
    documents: faultyDocuments(documents, faults),
    packages: faultyPackages(packages, faults),
  }
}

/** Runs a work with a fault in its stores. @returns what it was refused with, or `accepted`. */
export const withFault = (
  store: TestStore,
  fault: Failing | undefined,
  work: (writer: Publisher) => Promise<unknown>,
) => {
  const { documents, packages } = faulty(store.publisher, fault)
  return refusal(work({ ...store.publisher, documents, packages }))
}

/** How many writes a work makes where nothing fails. */
export async function countWrites(
  store: TestStore,
  work: (writer: Publisher) => Promise<unknown>,
): Promise<readonly string[]> {
  const { faults, documents, packages } = faulty(store.publisher)
  await work({ ...store.publisher, documents, packages })
  return faults.written.map((call) => call.split(' ')[1] ?? '')
}

/** What a reader that remembers and one that starts are told. */
export async function askAll(store: TestStore, warm: ReturnType<typeof newReader>, query: Parameters<typeof ask>[1]) {
  await reload(warm.cache, warm.reader)
  return [await ask(warm, query), await ask(newReader(store), query)]
}

export const errorsOf = async ({ publisher }: TestStore) =>
  (await inspectStore(publisher)).findings.filter(({ level }) => level === 'error')

/** The catalog names these seqs, their manifests are all there are, and all of it is as it was signed. */
export async function endsWell(store: TestStore, seqs: Record<string, number>, counts: object): Promise<void> {
  const channels = (await storedCatalog(store)).apps[app]?.channels ?? {}
  expect(Object.fromEntries(Object.entries(channels).map(([name, { seq }]) => [name, seq]))).toEqual(seqs)
  for (const [channel, seq] of Object.entries(seqs))
    expect(await store.bucket.get(channelKey(app, channel, seq + 1), 1e6)).toBeUndefined()
  expect(await inspectStore(store.publisher)).toMatchObject({ findings: [], ...counts })
}
