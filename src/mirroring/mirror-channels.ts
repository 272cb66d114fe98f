/** The channels of a pass: what is lacking is listed, then the current manifest is copied. */
import { storeFailures } from '../catalog/channels.ts'
import { type CatalogState, type ChannelRef, channelRefsOf } from '../catalog/read.ts'
import { naming } from '../catalog/walk-roots.ts'
import { type Catalog, maxCatalogBytes } from '../documents/catalog.ts'
import { catalogKey, channelKey } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { copyAllDetails } from './mirror-details.ts'
import { noteLacking } from './mirror-lacking.ts'
import { asProblem, keepRead, noteAbsent, noteProblem, type Pass } from './mirror-pass.ts'
import { current, entryOf, heldManifest, skip, type Work } from './mirror-work.ts'

/** Failures of the upstream to give details, after which a pass asks for no more of them. */
const maxFailures = 8

/** Begins the work of a pass. @throws PlatteError('refused') for an unknown channel, or a store that cannot list. */
export async function beginWork(pass: Pass, state: CatalogState): Promise<Work> {
  const { bounds, channels } = pass.options
  const held = await listHeld(pass)
  const left = { packages: bounds?.packages ?? Number.POSITIVE_INFINITY, failures: maxFailures, isCut: false }
  const maps = { previous: new Map(), lacking: new Map(), lost: new Map(), detailed: new Map() }
  const notes = new Set<string>()
  return { ...pass, ...maps, notes, state, held, left, channels: channelsToCopy(state.catalog.catalog, channels) }
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
  if (!(await copyAllDetails(work, ref, manifest.releases))) {
    left.isCut = true
    return undefined
  }
  await noteLacking(work, own, ref)
  work.detailed.clear()
  if (isHeld) return source
  // The followed channel comes first: a schedule that finds the follower skips both.
  await copySource()
  if (left.isCut) return source
  await keepRead(work, key, work.state.root)
  held.add(key)
  work.failed.delete(key)
  return source
}
