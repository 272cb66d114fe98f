/** The life of a channel: made, described, ended; and what it follows. */
import { withField } from '../core/release-edits.ts'
import { type ChannelManifest, isEnded } from '../documents/channel.ts'
import { PlatteError } from '../errors.ts'
import { loadHead } from './commit-channel.ts'
import { type Edited, type EditOptions, editChannel, refuseFollower, requireChannel } from './edit-channel.ts'
import { channelNames, isLive, offer } from './offering.ts'
import type { Place } from './reading.ts'
import { dateOf, instantText, loadForWriting, type Writing } from './writing.ts'

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
  writing: Writing,
  place: Place,
  said: Description,
  options: EditOptions = {},
): Promise<Edited> {
  const others = await otherChannels(writing, place)
  const edit = (current: ChannelManifest): ChannelManifest => {
    const described = (['description', 'cadence', 'aliases'] as const).reduce<ChannelManifest>(
      (manifest, field) =>
        said[field] === undefined ? manifest : withField(manifest, field, said[field] ?? undefined),
      current,
    )
    for (const name of [place.channel, ...(described.aliases ?? [])]) refuseTaken(name, others)
    return described
  }
  const edited = await editChannel(writing, place, edit, options)
  const claimed = [...(options.create ? [place.channel] : []), ...(said.aliases ?? [])]
  await lookAgain(options, async () => {
    const now = claimed.length === 0 ? [] : await otherChannels(writing, place)
    for (const name of claimed) refuseTaken(name, now)
  })
  return edited
}

/**
 * Looks once more after a change that other channels must allow: of two who changed them in the same moment, one at least
 * is told.
 * @throws PlatteError('conflict')
 */
async function lookAgain({ dryRun }: EditOptions, check: () => Promise<void>): Promise<void> {
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
export async function otherChannels(writing: Writing, { app, channel }: Place): Promise<readonly ChannelManifest[]> {
  const state = await loadForWriting(writing)
  const found: ChannelManifest[] = []
  for (const name of channelNames(state.catalog.catalog, app)) {
    const head = name === channel ? undefined : await loadHead(writing, state, { app, channel: name })
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
  writing: Writing,
  place: Place,
  follow: ChannelManifest['follow'],
  options: EditOptions = {},
): Promise<Edited> {
  const check = async (): Promise<void> => {
    if (follow === undefined) return
    const { app, channel } = place
    if (follow.channel === channel) throw new PlatteError('refused', `${channel} cannot follow itself`)
    const state = await loadForWriting(writing)
    refuseFollower(await requireChannel(writing, state, { app, channel: follow.channel }), 'it cannot be followed')
    const [follower] = await followersOf(writing, place)
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
  const edited = await editChannel(writing, place, (current) => withField(current, 'follow', follow), options)
  await lookAgain(options, check)
  return edited
}

/** The channels that follow one. */
const followersOf = async (writing: Writing, place: Place): Promise<readonly ChannelManifest[]> =>
  (await otherChannels(writing, place)).filter(({ follow }) => follow?.channel === place.channel)

/**
 * Ends a channel: its last manifest has no releases. The catalog goes on naming that, so that nothing brings it back.
 * Safe to repeat: of one that has ended, the catalog goes forward to that.
 * @param options.force although it has releases.
 * @param options.check throws where the newest manifest is not the one that is to end.
 * @throws PlatteError('refused') while another channel follows it, or while it has releases.
 */
export async function endChannel(
  writing: Writing,
  place: Place,
  {
    force = false,
    check,
    ...options
  }: EditOptions & { readonly force?: boolean; readonly check?: (current: ChannelManifest) => void } = {},
): Promise<Edited> {
  await refuseFollowed(writing, place)
  const edit = (current: ChannelManifest): ChannelManifest => {
    check?.(current)
    const { length } = current.releases
    if (length === 0 || force) return endOf(current, writing)
    const words = `${place.channel} has ${length} releases: machines in it would be offered nothing more`
    throw new PlatteError('refused', words, {
      hint: '--force ends it all the same; `platte channel rename` keeps a name working',
    })
  }
  const ended = (await offerEnd(writing, place, options)) ?? (await editChannel(writing, place, edit, options))
  await lookAgain(options, () => refuseFollowed(writing, place))
  return ended
}

/**
 * Rolls the catalog forward to the end of a channel.
 * @returns `undefined` where it has not ended.
 */
export async function offerEnd(writing: Writing, place: Place, { dryRun }: EditOptions): Promise<Edited | undefined> {
  const head = await loadHead(writing, await loadForWriting(writing), place)
  if (head === undefined || !isEnded(head.manifest)) return undefined
  const told = { seq: head.manifest.seq, changes: [] }
  if (dryRun) return { ...told, kind: 'dry-run', inForce: false }
  return { ...told, kind: 'unchanged', inForce: await offer(writing, place, head) }
}

const endOf = ({ format, type, app, channel, seq, issuedAt }: ChannelManifest, writing: Writing): ChannelManifest => ({
  ...{ format, type, app, channel, seq, issuedAt },
  expires: instantText(dateOf(writing)),
  releases: [],
})

/** @throws PlatteError('refused') where a channel follows this one. */
export async function refuseFollowed(writing: Writing, place: Place): Promise<void> {
  const followers = await followersOf(writing, place)
  if (followers.length === 0) return
  const names = followers.map(({ channel }) => channel).join(', ')
  throw new PlatteError('refused', `${names} ${followers.length === 1 ? 'follows' : 'follow'} ${place.channel}`, {
    hint: 'let them follow another channel, or none, first',
  })
}
