/** The life of a channel: made, described, ended; and what it follows. */

import { loadHead } from '../catalog/commit-channel.ts'
import { channelNames, isLive, pointCatalogAt } from '../catalog/point-catalog.ts'
import type { ChannelRef } from '../catalog/read.ts'
import { dateOf, instantText, loadForWriting, type StoreWriter } from '../catalog/write.ts'
import { type ChannelManifest, isEnded } from '../documents/channel.ts'
import { PlatteError } from '../kernel/errors.ts'
import { withField } from '../release/edits.ts'
import { type EditOptions, type EditResult, editChannel, refuseFollower, requireChannel } from './edit-channel.ts'

/** What is said of a channel beside its releases; `null` takes it away, an absent field leaves it as it is. */
export interface Description {
  readonly description?: string | null
  readonly cadence?: NonNullable<ChannelManifest['cadence']> | null
  readonly aliases?: string[] | null
}

/**
 * Makes a channel without releases, or describes one that is there.
 * @param options.create makes it; without, it must be there.
 * @throws PlatteError('refused') for a name or an alias that another channel of the app has.
 */
export async function describeChannel(
  writer: StoreWriter,
  ref: ChannelRef,
  said: Description,
  options: EditOptions = {},
): Promise<EditResult> {
  const others = await otherChannels(writer, ref)
  const edit = (current: ChannelManifest): ChannelManifest => {
    const described = (['description', 'cadence', 'aliases'] as const).reduce<ChannelManifest>(
      (manifest, field) =>
        said[field] === undefined ? manifest : withField(manifest, field, said[field] ?? undefined),
      current,
    )
    for (const name of [ref.channel, ...(described.aliases ?? [])]) refuseTaken(name, others)
    return described
  }
  const edited = await editChannel(writer, ref, edit, options)
  const claimed = [...(options.create ? [ref.channel] : []), ...(said.aliases ?? [])]
  await recheckAfterCommit(options, async () => {
    const now = claimed.length === 0 ? [] : await otherChannels(writer, ref)
    for (const name of claimed) refuseTaken(name, now)
  })
  return edited
}

/**
 * Looks once more after a change that other channels must allow: of two who changed them in the same moment, one at least
 * is told.
 * @throws PlatteError('conflict')
 */
async function recheckAfterCommit({ dryRun }: EditOptions, check: () => Promise<void>): Promise<void> {
  if (dryRun) return
  try {
    await check()
  } catch (error) {
    if (!(error instanceof PlatteError) || error.code !== 'refused') throw error
    throw new PlatteError('conflict', `${error.message}: somebody made that change in the same moment`, {
      hint: 'both changes are made: look with `platte show`, and take back the one that is not meant',
    })
  }
}

/**
 * The newest manifests of the channels of an app that have not ended.
 * @param place its channel is left out.
 */
export async function otherChannels(
  writer: StoreWriter,
  { app, channel }: ChannelRef,
): Promise<readonly ChannelManifest[]> {
  const state = await loadForWriting(writer)
  const found: ChannelManifest[] = []
  for (const name of channelNames(state.catalog.catalog, app)) {
    const head = name === channel ? undefined : await loadHead(writer, state, { app, channel: name })
    if (isLive(head?.manifest)) found.push(head.manifest)
  }
  return found
}

/** @throws PlatteError('refused') where one of them has the name, or an alias of that name. */
export function refuseTaken(name: string, others: readonly ChannelManifest[]): void {
  const taken = others.find(({ channel, aliases }) => channel === name || aliases?.includes(name))
  if (taken === undefined) return
  throw new PlatteError('refused', `${JSON.stringify(name)} is a name of channel ${taken.channel}`, {
    hint: 'a client would not know which one it means: choose another, or take it from that channel first',
  })
}

/**
 * Lets a channel follow another one of its app, or none.
 * @throws PlatteError('refused') for itself, for a channel that follows, and for one that is followed.
 */
export async function followChannel(
  writer: StoreWriter,
  ref: ChannelRef,
  follow: ChannelManifest['follow'],
  options: EditOptions = {},
): Promise<EditResult> {
  const check = async (): Promise<void> => {
    if (follow === undefined) return
    const { app, channel } = ref
    if (follow.channel === channel) throw new PlatteError('refused', `${channel} cannot follow itself`)
    const state = await loadForWriting(writer)
    refuseFollower(await requireChannel(writer, state, { app, channel: follow.channel }), 'it cannot be followed')
    const [follower] = await followersOf(writer, ref)
    if (follower)
      throw new PlatteError(
        'refused',
        `${follower.channel} follows ${channel}, which so cannot follow ${follow.channel}`,
        {
          hint: `one level only: let ${follower.channel} follow ${follow.channel} itself`,
        },
      )
  }
  await check()
  const edited = await editChannel(writer, ref, (current) => withField(current, 'follow', follow), options)
  await recheckAfterCommit(options, check)
  return edited
}

/** The channels that follow one. */
const followersOf = async (writer: StoreWriter, ref: ChannelRef): Promise<readonly ChannelManifest[]> =>
  (await otherChannels(writer, ref)).filter(({ follow }) => follow?.channel === ref.channel)

/**
 * Ends a channel: its last manifest has no releases. The catalog goes on naming that, so that nothing brings it back.
 * Safe to repeat: of one that has ended, the catalog goes forward to that.
 * @param options.force although it has releases.
 * @param options.check throws where the newest manifest is not the one that is to end.
 * @throws PlatteError('refused') while another channel follows it, or while it has releases.
 */
export async function endChannel(
  writer: StoreWriter,
  ref: ChannelRef,
  {
    force = false,
    check,
    ...options
  }: EditOptions & { readonly force?: boolean; readonly check?: (current: ChannelManifest) => void } = {},
): Promise<EditResult> {
  await refuseFollowed(writer, ref)
  const edit = (current: ChannelManifest): ChannelManifest => {
    check?.(current)
    const { length } = current.releases
    if (length === 0 || force) return endOf(current, writer)
    const words = `${ref.channel} has ${length} releases: machines in it would be offered nothing more`
    throw new PlatteError('refused', words, {
      hint: '--force ends it all the same; `platte channel rename` keeps a name working',
    })
  }
  const ended = (await offerEnd(writer, ref, options)) ?? (await editChannel(writer, ref, edit, options))
  await recheckAfterCommit(options, () => refuseFollowed(writer, ref))
  return ended
}

/**
 * Rolls the catalog forward to the end of a channel.
 * @returns `undefined` where it has not ended.
 */
export async function offerEnd(
  writer: StoreWriter,
  ref: ChannelRef,
  { dryRun }: EditOptions,
): Promise<EditResult | undefined> {
  const head = await loadHead(writer, await loadForWriting(writer), ref)
  if (head === undefined || !isEnded(head.manifest)) return undefined
  const told = { seq: head.manifest.seq, changes: [] }
  if (dryRun) return { ...told, kind: 'dry-run', inForce: false }
  return { ...told, kind: 'unchanged', inForce: await pointCatalogAt(writer, ref, head) }
}

const endOf = (
  { format, type, app, channel, seq, issuedAt }: ChannelManifest,
  writer: StoreWriter,
): ChannelManifest => ({
  ...{ format, type, app, channel, seq, issuedAt },
  expires: instantText(dateOf(writer)),
  releases: [],
})

/** @throws PlatteError('refused') where a channel follows this one. */
export async function refuseFollowed(writer: StoreWriter, ref: ChannelRef): Promise<void> {
  const followers = await followersOf(writer, ref)
  if (followers.length === 0) return
  const names = followers.map(({ channel }) => channel).join(', ')
  throw new PlatteError('refused', `${names} ${followers.length === 1 ? 'follows' : 'follow'} ${ref.channel}`, {
    hint: 'let them follow another channel, or none, first',
  })
}
