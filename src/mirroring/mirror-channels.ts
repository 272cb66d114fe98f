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
import { verifyPast } from '../trust/verify-documents.ts'
import { copyByDigest, copyPackage, inParallel, keepRead, type Pass } from './mirror-pass.ts'

/** Past manifests that are written while others are read. */
const writesAtOnce = 8

/** What a pass works on. */
export interface Work {
  readonly state: CatalogState
  readonly channels: readonly ChannelRef[]
  /** The keys that the own store has: a pass goes on from there. */
  readonly held: Set<string>
  /** Digests of the manifests before those that were read, by the key of the latter. */
  readonly previous: Map<string, string | undefined>
}

/** @throws PlatteError('refused') for a store that cannot list. */
export async function listHeld({ to, options }: Pass): Promise<Set<string>> {
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
  throw new PlatteError('refused', `no channel there is called ${JSON.stringify(unknown)}`, {
    hint: `there are ${known.join(', ') || 'none'}`,
  })
}

/**
 * Copies the current manifest of each channel, after its notes and packages. Leaves out a channel whose manifest is
 * missing at the upstream or expired.
 * @returns the channels with those that they follow; or `more` where the bounds were reached.
 * @throws the first failure, after all other channels were copied.
 */
export async function copyChannels(pass: Pass, work: Work): Promise<readonly ChannelRef[] | 'more'> {
  const queue = [...work.channels]
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
  /** Packages that may still be copied; below 0 the bounds leave some out. */
  readonly left: { packages: number }
  /** A channel that another one follows; following goes one level only. */
  readonly isSource?: boolean
}

/** @returns the channel that it follows. */
async function copyChannel(pass: Pass, work: Work, { ref, left, isSource }: One): Promise<string | undefined> {
  const entry = channelEntry(work.state.catalog.catalog, ref.app, ref.channel)
  if (entry === undefined) return undefined
  const key = channelKey(ref.app, ref.channel, entry.seq)
  const isHeld = work.held.has(key)
  // A manifest is copied after its packages, so a schedule need not read it again.
  // Where all channels are copied, the followed one has its own turn.
  if (isHeld && pass.options.bounds && (isSource || !pass.options.channels?.length)) return undefined
  const reader = isHeld ? { ...pass.from, documents: pass.to.documents } : pass.from
  const manifest = await naming(isHeld ? `this store's ${key}` : key, () => current(reader, work.state, ref))
  if (manifest === undefined) return void pass.copied.absent.push(key)
  if (isHeld && pass.options.bounds) {
    // The channel that it follows may have moved on.
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
  // The followed channel comes first: a schedule that finds the follower skips both.
  if (follow && pass.options.bounds && !isSource)
    await copyChannel(pass, work, { ref: { ...ref, channel: follow.channel }, left, isSource: true })
  if (left.packages < 0) return follow?.channel
  await keepRead(pass, key)
  work.held.add(key)
  return follow?.channel
}

/** @returns `undefined` for a missing or expired manifest, which checks report from the catalog. */
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

/** @returns whether the bounds left time for all. */
async function copyNotes(pass: Pass, held: Set<string>, releases: readonly Release[]): Promise<boolean> {
  for (const { notes } of releases) {
    if (notes === undefined || held.has(notesKey(notes.sha256))) continue
    if (pass.options.bounds?.isSpent()) return false
    await copyByDigest(pass, notesKey(notes.sha256), { sha256: notes.sha256, maxBytes: maxNotesBytes })
    held.add(notesKey(notes.sha256))
  }
  return true
}

/** By key, with what a follower may offer of its source. */
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
 * Copies the manifests before the current ones, newest first, each verified by the digest in the next one. A gap in the
 * upstream's history ends that channel without failure: answering does not need history.
 */
export async function copyHistory(pass: Pass, work: Work): Promise<'done' | 'more'> {
  const writes: Promise<void>[] = []
  const finish = async (): Promise<'done'> => {
    await Promise.all(writes.splice(0))
    return 'done'
  }
  for (const ref of work.channels) {
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
      // `finish` awaits it; it may fail before.
      write.catch(() => undefined)
      writes.push(write)
      work.held.add(key)
      previous = manifest.previous
    }
  }
  return finish()
}

/** From the own copy, which was verified when it was copied. */
async function previousIn({ to }: Pass, { app, channel }: ChannelRef, seq: number): Promise<string | undefined> {
  const stored = await to.documents.get(channelKey(app, channel, seq), maxChannelBytes)
  if (stored === undefined) return undefined
  return (await verifyPast(stored.bytes, await sha256Hex(stored.bytes), { app, channel, seq })).manifest.previous
}

async function readPast(
  pass: Pass,
  key: string,
  { sha256, ...ref }: ChannelRef & { readonly seq: number; readonly sha256: string },
): Promise<ChannelManifest | undefined> {
  const stored = await pass.from.documents.get(key, maxChannelBytes)
  if (stored === undefined) return void pass.copied.absent.push(key)
  return (await naming(key, () => verifyPast(stored.bytes, sha256, ref))).manifest
}
