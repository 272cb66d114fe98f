/** The channels of a pass: packages and manifests in the order of a publish, then their history. */

import { packagesOf, storeFailures, viewOf } from '../catalog/channels.ts'
import {
  type CatalogState,
  type ChannelRef,
  channelEntry,
  channelRefsOf,
  loadChannel,
  naming,
} from '../catalog/read.ts'
import type { Catalog } from '../documents/catalog.ts'
import { type ChannelManifest, isEnded, maxChannelBytes } from '../documents/channel.ts'
import { channelKey, maxNotesBytes, notesKey } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { Package, Release } from '../release/channel.ts'
import { inUse, newestOf } from '../release/retention.ts'
import { sha256Hex } from '../trust/digest.ts'
import { verifyPast } from '../trust/verify-channel.ts'
import { copyByDigest, copyPackage, inParallel, keepRead, type Pass } from './mirror-pass.ts'

/** So many manifests of the past are written while others are read. */
const writesAtOnce = 8

/** The keys that the own store has: listing is the cursor that a pass goes on from. */
export type CopiedKeys = Set<string>

/** What a pass works on. */
export interface Work {
  readonly state: CatalogState
  readonly places: readonly ChannelRef[]
  readonly held: CopiedKeys
  /** What manifests that were looked at say of the one before, by key. */
  readonly previous: Map<string, string | undefined>
}

/** @throws PlatteError('refused') for a store that cannot list: nobody could say what it has. */
export async function listHeld({ to, options }: Pass): Promise<CopiedKeys> {
  const held: CopiedKeys = new Set()
  const prefixes = ['apps/', 'notes/'].map((prefix) => to.documents.list?.(prefix))
  const lists = [...prefixes, ...(options.packages === 'none' ? [] : [to.packages.list?.('packages/')])]
  for (const list of lists) {
    if (list === undefined) throw new PlatteError('refused', 'a mirror needs a store that can be written and listed')
    for await (const key of list) held.add(key)
  }
  return held
}

/**
 * The channels of the catalog that are to be copied.
 * @throws PlatteError('refused') for a name that the catalog does not have.
 */
export function placesToCopy(catalog: Catalog, names: readonly string[] | undefined): readonly ChannelRef[] {
  const places = channelRefsOf(catalog)
  if (names === undefined || names.length === 0) return places
  const isMeant = (name: string, { app, channel }: ChannelRef) => name === channel || name === `${app}/${channel}`
  const unknown = names.find((name) => !places.some((ref) => isMeant(name, ref)))
  if (unknown === undefined) return places.filter((ref) => names.some((name) => isMeant(name, ref)))
  const known = places.map(({ channel }) => channel).slice(0, 10)
  throw new PlatteError('refused', `no channel there is called ${JSON.stringify(unknown)}`, {
    hint: `there are ${known.join(', ') || 'none'}`,
  })
}

/**
 * Copies the current manifest of each channel, after its notes and packages. A channel that cannot be verified holds up
 * no other; one whose manifest is not at the upstream, or has expired, is left out.
 * @returns the channels that were looked at, with those that they follow; or `more` where the bounds were reached.
 * @throws what is wrong, after all others were copied.
 */
export async function copyChannels(pass: Pass, work: Work): Promise<readonly ChannelRef[] | 'more'> {
  const queue = [...work.places]
  const problems: PlatteError[] = []
  const left = { packages: pass.options.bounds?.packages ?? Number.POSITIVE_INFINITY }
  for (const ref of queue) {
    if (pass.options.bounds?.isSpent()) return 'more'
    const followed = await copyChannel(pass, work, { ref, left }).catch((error: unknown) => {
      if (!(error instanceof PlatteError) || storeFailures.includes(error.code)) throw error
      problems.push(error)
    })
    if (left.packages < 0) return 'more'
    const source = followed && { app: ref.app, channel: followed }
    if (source && !queue.some(({ app, channel }) => app === source.app && channel === source.channel))
      queue.push(source)
  }
  const [first, ...others] = problems
  if (first === undefined) return queue
  const more = others.length === 0 ? '' : `; and ${others.length} more of its channels cannot be copied`
  throw new PlatteError(first.code, first.message + more, { ...(first.hint && { hint: first.hint }), cause: first })
}

interface One {
  readonly ref: ChannelRef
  /** How many packages may still be copied; below 0 there is more to do than the bounds allow. */
  readonly left: { packages: number }
  /** One level only. */
  readonly isSource?: boolean
}

/** @returns the channel that it follows. */
async function copyChannel(pass: Pass, work: Work, { ref, left, isSource }: One): Promise<string | undefined> {
  const entry = channelEntry(work.state.catalog.catalog, ref.app, ref.channel)
  if (entry === undefined) return undefined
  const key = channelKey(ref.app, ref.channel, entry.seq)
  const isHeld = work.held.has(key)
  // A schedule looks at no manifest twice: it was copied after its packages.
  // Where all channels are copied, what this one follows is looked at for itself.
  if (isHeld && pass.options.bounds && (isSource || !pass.options.channels?.length)) return undefined
  const reader = isHeld ? { ...pass.from, documents: pass.to.documents } : pass.from
  const manifest = await naming(isHeld ? `this store's ${key}` : key, () => current(reader, work.state, ref))
  if (manifest === undefined) return void pass.copied.absent.push(key)
  if (isHeld && pass.options.bounds) {
    // It was copied after its packages; what it follows may have moved on.
    const source = manifest.follow?.channel
    if (source) await copyChannel(pass, work, { ref: { ...ref, channel: source }, left, isSource: true })
    return undefined
  }
  work.previous.set(key, manifest.previous)
  if (!(await copyNotes(pass, work.held, manifest.releases))) {
    left.packages = -1
    return undefined
  }
  const lacking = [...(await packagesWanted(pass, work.state, manifest))].filter(([one]) => !work.held.has(one))
  const now = lacking.slice(0, left.packages)
  left.packages -= lacking.length
  await inParallel(now, pass.options.packagesAtOnce ?? 8, async ([one, file]) => {
    await copyPackage(pass, one, file)
    work.held.add(one)
  })
  const { follow } = manifest
  if (isHeld || left.packages < 0) return follow?.channel
  // What it follows comes first: who finds the follower does not look at it again.
  if (follow && pass.options.bounds && !isSource)
    await copyChannel(pass, work, { ref: { ...ref, channel: follow.channel }, left, isSource: true })
  if (left.packages < 0) return follow?.channel
  await keepRead(pass, key)
  work.held.add(key)
  return follow?.channel
}

/** @returns `undefined` for one that is not there, or has expired: machines are told so by whoever reads the catalog. */
async function current(
  reader: Pass['from'],
  state: CatalogState,
  ref: ChannelRef,
): Promise<ChannelManifest | undefined> {
  const entry = channelEntry(state.catalog.catalog, ref.app, ref.channel)
  try {
    return entry && (await loadChannel(reader, state, { ...ref, entry })).manifest
  } catch (error) {
    if (error instanceof PlatteError && ['missing', 'expired'].includes(error.code)) return undefined
    throw error
  }
}

/** @returns whether all are there, or not at the upstream; else the bounds were reached. */
async function copyNotes(pass: Pass, held: CopiedKeys, releases: readonly Release[]): Promise<boolean> {
  for (const { notes } of releases) {
    if (notes === undefined || held.has(notesKey(notes.sha256))) continue
    if (pass.options.bounds?.isSpent()) return false
    await copyByDigest(pass, notesKey(notes.sha256), { sha256: notes.sha256, maxBytes: maxNotesBytes })
    held.add(notesKey(notes.sha256))
  }
  return true
}

/** By key. What a follower may offer of its source is wanted with it. */
async function packagesWanted(
  { from, options }: Pass,
  state: CatalogState,
  manifest: ChannelManifest,
): Promise<ReadonlyMap<string, Package>> {
  if (options.packages === 'none' || isEnded(manifest)) return new Map()
  if (options.packages === 'all') return packagesOf(manifest)
  const { app, channel, follow } = manifest
  const entryOf = (name: string) => channelEntry(state.catalog.catalog, app, name)
  const [entry, followed] = [entryOf(channel), follow && entryOf(follow.channel)]
  const source = follow && followed && (await current(from, state, { app, channel: follow.channel }))
  const own = entry && { entry, manifest }
  const view = own && viewOf(own, source && followed && { entry: followed, manifest: source })
  const kept = new Set([...newestOf(manifest, 1), ...(view ? inUse(view, from.clock()) : [])])
  const parts = [manifest, ...(source ? [source] : [])].map((one) =>
    packagesOf({ ...one, releases: one.releases.filter((release) => kept.has(release)) }),
  )
  return new Map(parts.flatMap((part) => [...part]))
}

/**
 * Copies what came before the current manifests, newest first, each vouched for by the digest in the one after it. An end
 * of the upstream's history is no failure: it is needed for looking back, and not for answering.
 */
export async function copyHistory(pass: Pass, work: Work): Promise<'done' | 'more'> {
  const writes: Promise<void>[] = []
  const finish = async (): Promise<'done'> => {
    await Promise.all(writes.splice(0))
    return 'done'
  }
  for (const ref of work.places) {
    const entry = channelEntry(work.state.catalog.catalog, ref.app, ref.channel)
    let previous: string | undefined
    for (let seq = (entry?.seq ?? 0) - 1; seq > 0; seq--) {
      const [key, after] = [channelKey(ref.app, ref.channel, seq), channelKey(ref.app, ref.channel, seq + 1)]
      if (!work.held.has(after)) break
      if (work.held.has(key)) {
        previous = undefined
        continue
      }
      if (writes.length >= writesAtOnce) await finish()
      if (pass.options.bounds?.isSpent()) return finish().then(() => 'more')
      previous ??= work.previous.get(after) ?? (await previousIn(pass, ref, seq + 1))
      const manifest = previous && (await readPast(pass, key, { ...ref, seq, sha256: previous }))
      if (!manifest) break
      if (!(await copyNotes(pass, work.held, manifest.releases))) return finish().then(() => 'more')
      const write = keepRead(pass, key)
      // It is waited for in `finish`; it may fail before.
      write.catch(() => undefined)
      writes.push(write)
      work.held.add(key)
      previous = manifest.previous
    }
  }
  return finish()
}

/** What the own copy names: it was verified when it was copied. */
async function previousIn({ to }: Pass, { app, channel }: ChannelRef, seq: number): Promise<string | undefined> {
  const stored = await to.documents.get(channelKey(app, channel, seq), maxChannelBytes)
  if (stored === undefined) return undefined
  return (await verifyPast(stored.bytes, await sha256Hex(stored.bytes), { app, channel, seq })).manifest.previous
}

async function readPast(
  pass: Pass,
  key: string,
  { sha256, ...place }: ChannelRef & { readonly seq: number; readonly sha256: string },
): Promise<ChannelManifest | undefined> {
  const stored = await pass.from.documents.get(key, maxChannelBytes)
  if (stored === undefined) return void pass.copied.absent.push(key)
  return (await naming(key, () => verifyPast(stored.bytes, sha256, place))).manifest
}
