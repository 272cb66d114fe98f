/** The channels of a pass: what is lacking is listed, then the current manifest is copied. */
import { type ChannelEntry, packagesOf, storeFailures, viewOf } from '../catalog/channels.ts'
import type { CatalogState, ChannelRef } from '../catalog/read.ts'
import { channelEntry, channelRefsOf, loadChannel } from '../catalog/read.ts'
import { naming } from '../catalog/walk-roots.ts'
import { inUse, newestOf } from '../channels/prune.ts'
import { type Catalog, maxCatalogBytes } from '../documents/catalog.ts'
import { isEnded } from '../documents/channel.ts'
import { catalogKey, channelKey, notesKey } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { Package, Release } from '../release/channel.ts'
import {
  asProblem,
  copyNotes,
  copyPackage,
  inParallel,
  keepRead,
  noteAbsent,
  noteProblem,
  type Pass,
} from './mirror-pass.ts'
import { editList } from './missing-list.ts'

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
  /** Packages that may still be copied, and whether the bounds have left something out. */
  readonly left: { packages: number; isCut: boolean }
  /** Packages that the own store lacks, by key. */
  readonly lacking: Map<string, Lacking>
  /** Digests of the notes that it lacks, where they come after the catalog. */
  readonly notes: Set<string>
}

export const entryOf = ({ state }: Work, { app, channel }: ChannelRef) =>
  channelEntry(state.catalog.catalog, app, channel)

/** Begins the work of a pass. @throws PlatteError('refused') for an unknown channel, or a store that cannot list. */
export async function beginWork(pass: Pass, state: CatalogState): Promise<Work> {
  const { bounds, channels } = pass.options
  const held = await listHeld(pass)
  const left = { packages: bounds?.packages ?? Number.POSITIVE_INFINITY, isCut: false }
  const maps = { previous: new Map(), lacking: new Map(), notes: new Set<string>() }
  return { ...pass, ...maps, state, held, left, channels: channelsToCopy(state.catalog.catalog, channels) }
}

async function listHeld({ to, options }: Pass): Promise<Set<string>> {
  const held = new Set<string>()
  const prefixes = ['apps/', 'notes/'].map((prefix) => to.documents.list?.(prefix))
  const lists = [...prefixes, ...(options.packages === 'none' ? [] : [to.packages.list?.('packages/')])]
  for (const list of lists) {
    if (list === undefined) throw new PlatteError('refused', 'a mirror needs a store that can be written and listed')
    for await (const key of list) held.add(key)
  }
  return held
}

/** All channels, or those of these names. @throws PlatteError('refused') for a name that the catalog does not have. */
export function channelsToCopy(catalog: Catalog, names: readonly string[] = []): readonly ChannelRef[] {
  const channels = channelRefsOf(catalog)
  if (names.length === 0) return channels
  const isMeant = (name: string, { app, channel }: ChannelRef) => name === channel || name === `${app}/${channel}`
  const unknown = names.find((name) => !channels.some((ref) => isMeant(name, ref)))
  if (unknown === undefined) return channels.filter((ref) => names.some((name) => isMeant(name, ref)))
  const known = channels.map(({ channel }) => channel).slice(0, 10)
  throw new PlatteError('refused', `the upstream has no channel ${JSON.stringify(unknown)}`, {
    hint: `there are ${known.join(', ') || 'none'}`,
  })
}

/**
 * Copies the current manifest of each channel. One that is missing at the upstream, wrong or expired is left out: its
 * channel offers nothing here, since an earlier manifest may lack a withdrawal.
 * @returns the channels with those that they follow; or `more` where the bounds were reached.
 * @throws PlatteError where the upstream is down; the first failure of the own store, after all other channels were copied.
 */
export async function copyChannels(work: Work): Promise<readonly ChannelRef[] | 'more'> {
  const { failed, options, copied } = work
  const queue = [...work.channels]
  const problems: PlatteError[] = []
  const skipped: string[] = []
  const failedBefore = failed.size
  for (const ref of queue) {
    const key = channelKey(ref.app, ref.channel, entryOf(work, ref)?.seq ?? 0)
    if (skip(work, key)) {
      skipped.push(key)
      continue
    }
    if (options.bounds?.isSpent()) return 'more'
    const followed = await copyChannel(work, ref).catch((error: unknown) => {
      if (!(error instanceof PlatteError) || storeFailures.includes(error.code)) throw error
      problems.push(error)
    })
    if (work.left.isCut) return 'more'
    if (followed && !queue.some(({ app, channel }) => app === ref.app && channel === followed))
      queue.push({ app: ref.app, channel: followed })
  }
  // The next pass tries them again.
  if (failed.size === failedBefore) for (const key of skipped) failed.delete(key)
  // All of an upstream that went down meanwhile would be withheld here.
  if (copied.missing.length > 0) await work.original.from.documents.get(catalogKey, maxCatalogBytes)
  const [first, ...others] = problems
  if (first === undefined) return queue
  const more = others.length === 0 ? '' : `; and ${others.length} more of its channels cannot be copied`
  throw new PlatteError(first.code, first.message + more, { ...(first.hint && { hint: first.hint }), cause: first })
}

/** What failed in the pass before, under bounds: it might take all of their time, again and again. */
function skip(work: Work, key: string): boolean {
  const problem = work.options.bounds && work.failed.get(key)
  if (problem !== undefined) noteProblem(work, key, problem)
  return problem !== undefined
}

/** @param isSource whether another channel follows it; following goes one level only. @returns what it follows. */
async function copyChannel(work: Work, ref: ChannelRef, isSource = false): Promise<string | undefined> {
  const { options, held, left } = work
  const entry = entryOf(work, ref)
  if (entry === undefined) return undefined
  const key = channelKey(ref.app, ref.channel, entry.seq)
  // What it lacks is listed before a manifest is copied, so a schedule need not read it again.
  // Where all channels are copied, the followed one has its own turn.
  if (held.has(key) && options.bounds && (isSource || !options.channels?.length)) return undefined
  const kept = held.has(key) ? await heldManifest(work, ref) : undefined
  const isHeld = kept !== undefined
  const own = kept ?? (await naming(key, () => current(work, ref)).catch(asProblem))
  if (own instanceof PlatteError)
    return void (own.code === 'missing' ? noteAbsent(work, key) : noteProblem(work, key, own.message))
  if (own === undefined) return void work.copied.absent.push(key)
  const { manifest } = own
  const source = manifest.follow?.channel
  const copySource = async () =>
    source && options.bounds && !isSource ? copyChannel(work, { ...ref, channel: source }, true) : undefined
  // The channel that it follows may have moved on.
  if (isHeld && options.bounds) return copySource().then(() => undefined)
  work.previous.set(key, manifest.previous)
  const isLater = options.bounds === undefined && !options.bundle
  if (isLater)
    for (const { notes } of manifest.releases)
      if (notes && !held.has(notesKey(notes.sha256))) work.notes.add(notes.sha256)
  if (!isLater && !(await copyAllNotes(work, manifest.releases))) {
    left.isCut = true
    return undefined
  }
  await noteLacking(work, own, ref)
  if (isHeld) return source
  // The followed channel comes first: a schedule that finds the follower skips both.
  await copySource()
  if (left.isCut) return source
  await keepRead(work, key, work.state.root)
  held.add(key)
  work.failed.delete(key)
  return source
}

/** Copies what is lacking at once for a bundle; a schedule lists it before the manifest, which it does not read again. */
async function noteLacking(work: Work, own: ChannelEntry, { channel }: ChannelRef): Promise<void> {
  const { options, held, lacking } = work
  const wanted = [...(await packagesWanted(work, own))].filter(([key]) => !held.has(key))
  const ownKeys = packagesOf(own.manifest)
  const lackingOf = (key: string, file: Package): Lacking => {
    const names = ownKeys.has(key) ? channel : (own.manifest.follow?.channel ?? channel)
    return { file, packages: key.slice(0, key.lastIndexOf('/') + 1), channel: names }
  }
  if (options.bundle)
    return inParallel(wanted, options.packagesAtOnce ?? 8, async ([key, file]) => {
      const problem = await attempt(work, key, file)
      if (problem !== undefined) lacking.set(key, { ...lackingOf(key, file), problem })
    })
  const added = wanted.map(([key, file]) => {
    const one = lackingOf(key, file)
    lacking.set(key, one)
    return [one.packages, { packages: one.packages, channel: one.channel }] as const
  })
  if (options.bounds === undefined || added.length === 0) return
  await editList(work, (listed) => {
    const known = new Set(listed.map(({ packages }) => packages))
    return [...listed, ...new Map(added.filter(([folder]) => !known.has(folder))).values()]
  })
}

/** @returns why the package is not here. */
export async function attempt(work: Work, key: string, file: Package): Promise<string | undefined> {
  const problem = await copyPackage(work, key, file)
  if (problem === undefined) work.held.add(key)
  else noteProblem(work, key, problem.message)
  return problem?.message
}

/** @returns `undefined` for an expired manifest, which checks report from the catalog. */
async function current(work: Work, ref: ChannelRef, reader = work.from): Promise<ChannelEntry | undefined> {
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

/** @returns whether the bounds left time for all. */
export async function copyAllNotes(work: Work, releases: readonly Release[]): Promise<boolean> {
  for (const { notes } of releases) {
    const key = notesKey(notes?.sha256 ?? '')
    if (notes === undefined || work.held.has(key) || skip(work, key)) continue
    if (work.options.bounds?.isSpent()) return false
    await copyNotes(work, notes.sha256)
    work.held.add(key)
  }
  return true
}

/** By key, with what a follower may offer of its source. */
async function packagesWanted(work: Work, own: ChannelEntry): Promise<ReadonlyMap<string, Package>> {
  const { manifest } = own
  if (work.options.packages === 'none' || isEnded(manifest)) return new Map()
  if (work.options.packages === 'all') return packagesOf(manifest)
  const { app, follow } = manifest
  // A wrong one is reported in its own turn.
  const source = follow && (await current(work, { app, channel: follow.channel }).catch(() => undefined))
  const kept = new Set([...newestOf(manifest, 1), ...inUse(viewOf(own, source), work.from.clock())])
  const parts = [manifest, ...(source ? [source.manifest] : [])].map((one) =>
    packagesOf({ ...one, releases: one.releases.filter((release) => kept.has(release)) }),
  )
  return new Map(parts.flatMap((part) => [...part]))
}
