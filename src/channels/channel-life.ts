/** The life of a channel: created, described, deleted; and which channel it follows. */
import { unknownChannel } from '../catalog/point-catalog.ts'
import type { ChannelRef } from '../catalog/read.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { PlatteError } from '../kernel/errors.ts'
import { withField } from '../release/edits.ts'
import type { EditState, ManifestEdit } from './plan.ts'

/** `null` removes a field; an omitted one stays. */
export interface Description {
  readonly description?: string | null | undefined
  readonly cadence?: NonNullable<ChannelManifest['cadence']> | null | undefined
  readonly aliases?: readonly string[] | null | undefined
}

/** Refused for a name or an alias that another channel of the app has. */
export const describeEdit = (
  ref: ChannelRef,
  { description, cadence, aliases }: Description,
  create = false,
): ManifestEdit => ({
  ref,
  create,
  others: 'all',
  isRechecked: create || (aliases?.length ?? 0) > 0,
  check: ({ head, others }) => {
    const claimed = aliases === undefined ? head?.manifest.aliases : aliases
    for (const name of [ref.channel, ...(claimed ?? [])]) refuseTaken(name, [...others.values()])
  },
  apply: (current) => {
    const set = <K extends keyof ChannelManifest>(
      manifest: ChannelManifest,
      field: K,
      value: ChannelManifest[K] | null | undefined,
    ) => (value === undefined ? manifest : withField(manifest, field, value ?? undefined))
    const described = set(set(current, 'description', description), 'cadence', cadence)
    return set(described, 'aliases', aliases && [...aliases])
  },
})

export function refuseTaken(name: string, others: readonly ChannelManifest[]): void {
  const taken = others.find(({ channel, aliases }) => channel === name || aliases?.includes(name))
  if (taken === undefined) return
  throw new PlatteError('refused', `${JSON.stringify(name)} is already a name of channel ${taken.channel}`, {
    hint: 'choose another name, or remove it from that channel first',
  })
}

/** Refused for itself, for a channel that follows, and for one that is followed. */
export const followEdit = (ref: ChannelRef, follow: ChannelManifest['follow']): ManifestEdit => ({
  ref,
  ...(follow && { others: 'all', isRechecked: true, check: (state) => checkFollow(ref, follow.channel, state) }),
  apply: (current) => withField(current, 'follow', follow),
})

function checkFollow({ app, channel }: ChannelRef, name: string, { catalog, others }: EditState): void {
  if (name === channel) throw new PlatteError('refused', `${channel} cannot follow itself`)
  const source = others.get(name)
  if (source === undefined) throw unknownChannel(catalog, { app, channel: name }, '`platte channel list` shows them')
  if (source.follow)
    throw new PlatteError('refused', `${name} follows ${source.follow.channel}: it cannot be followed`, {
      hint: `one level only: follow ${source.follow.channel}, or run platte follow --none --channel ${name}`,
    })
  const [follower] = followersOf(channel, others)
  if (follower === undefined) return
  throw new PlatteError('refused', `${follower.channel} follows ${channel}: ${channel} cannot follow ${name}`, {
    hint: `one level only: let ${follower.channel} follow ${name} itself`,
  })
}

export const followersOf = (channel: string, others: EditState['others']): readonly ChannelManifest[] =>
  [...others.values()].filter(({ follow }) => follow?.channel === channel)

/** Deletes a channel. The catalog keeps naming its last manifest, which has no releases, so that nothing brings it back. */
export const endEdit = (
  ref: ChannelRef,
  { force = false, refuse }: { readonly force?: boolean; readonly refuse?: (current: ChannelManifest) => void } = {},
): ManifestEdit => ({
  ref,
  orEnded: true,
  others: 'all',
  isRechecked: true,
  check: ({ others }) => refuseFollowed(ref.channel, others),
  apply: (current, _, at) => {
    refuse?.(current)
    const { format, type, app, channel, seq, issuedAt, releases } = current
    if (releases.length === 0 || force) return { format, type, app, channel, seq, issuedAt, expires: at, releases: [] }
    throw new PlatteError(
      'refused',
      `${channel} has ${releases.length} releases: its machines would get no more updates`,
      {
        hint: '--force deletes it anyway; `platte channel rename` keeps the old name working',
      },
    )
  },
})

export function refuseFollowed(channel: string, others: EditState['others']): void {
  const followers = followersOf(channel, others)
  if (followers.length === 0) return
  const names = followers.map((one) => one.channel).join(', ')
  throw new PlatteError('refused', `${names} ${followers.length === 1 ? 'follows' : 'follow'} ${channel}`, {
    hint: 'let them follow another channel, or none, first',
  })
}
