/** What one pass of a mirror works on, and the current manifests of both stores. */
import { type ChannelEntry, storeFailures } from '../catalog/channels.ts'
import { type CatalogState, type ChannelRef, channelEntry, loadChannel } from '../catalog/read.ts'
import type { MissingPackages } from '../documents/missing.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { DetailedRelease, Package } from '../release/channel.ts'
import { copyPackage, noteProblem, type Pass } from './mirror-pass.ts'

/** A package; its folder, and a channel whose manifest names it. */
export type Lacking = Readonly<{ file: Package; packages: string; channel: string; problem?: string }>

/** What a pass works on. */
export interface Work extends Pass {
  readonly state: CatalogState
  readonly channels: readonly ChannelRef[]
  /** The keys that the own store has: a pass goes on from there. */
  readonly held: Set<string>
  /** Digests of the manifests before those that were read, by the key of the latter. */
  readonly previous: Map<string, string | undefined>
  /** Packages that may still be copied, failures to read details, and whether the bounds have left something out. */
  readonly left: { packages: number; failures: number; isCut: boolean }
  /** Packages that the own store lacks, by key. */
  readonly lacking: Map<string, Lacking>
  /** Digests of the notes that it lacks, where they come after the catalog. */
  readonly notes: Set<string>
  /** Details that cannot be had, by key, with the folders of their packages. */
  readonly lost: Map<string, readonly MissingPackages[]>
  /** Releases of the channel that is copied, by the key of their details. */
  readonly detailed: Map<string, DetailedRelease>
}

export const entryOf = ({ state }: Work, { app, channel }: ChannelRef) =>
  channelEntry(state.catalog.catalog, app, channel)

/** What failed in the pass before, under bounds: it might take all of their time, again and again. */
export function skip(work: Work, key: string): boolean {
  const problem = work.options.bounds && work.failed.get(key)
  if (problem !== undefined) noteProblem(work, key, problem)
  return problem !== undefined
}

/** @returns why the package is not here. */
export async function attempt(work: Work, key: string, file: Package): Promise<string | undefined> {
  const problem = await copyPackage(work, key, file)
  if (problem === undefined) work.held.add(key)
  else noteProblem(work, key, problem.message)
  return problem?.message
}

/** @returns `undefined` for an expired manifest, which checks report from the catalog. */
export async function current(work: Work, ref: ChannelRef, reader = work.from): Promise<ChannelEntry | undefined> {
  const entry = entryOf(work, ref)
  try {
    return entry && { entry, manifest: (await loadChannel(reader, work.state, { ...ref, entry })).manifest }
  } catch (error) {
    if (error instanceof PlatteError && error.code === 'expired') return undefined
    throw error
  }
}

/** @returns `undefined` for a damaged copy, which is read from the upstream again. */
export async function heldManifest(work: Work, ref: ChannelRef): Promise<ChannelEntry | undefined> {
  try {
    return await current(work, ref, { ...work.from, documents: work.to.documents })
  } catch (error) {
    if (error instanceof PlatteError && !storeFailures.includes(error.code)) return undefined
    throw error
  }
}
