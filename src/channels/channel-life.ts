/** The life of a channel: created, described, renamed, deleted; and which channel it follows. */
import { withBrakesOf, withCatalog } from '../catalog/catalog-log.ts'
import { isLive, unknownChannel } from '../catalog/channels.ts'
import type { Issue } from '../catalog/commit-channel.ts'
import { editCatalog } from '../catalog/edit-catalog.ts'
import type { ChannelRef } from '../catalog/read.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { defined } from '../kernel/json.ts'
import { refusal, sameJson } from '../release/add-release.ts'
import { withField } from '../release/edits.ts'
import type { CommandOf } from './commands.ts'
import { change } from './commit.ts'
import type { Committer, EditResult, EditState, ManifestEdit } from './plan.ts'

/** `null` removes a field; an omitted one stays. */
export type Description = Pick<CommandOf<'channel-edit'>, (typeof describing)[number]>
const describing = ['description', 'cadence', 'aliases', 'payloadKeys', 'guard', 'defaultRamp', 'keep'] as const

/** Refused for a name or an alias that another channel of the app has. */
export const describeEdit = (ref: ChannelRef, given: Description, create = false): ManifestEdit => ({
  ref,
  create,
  others: 'all',
  isRechecked: create || (given.aliases?.length ?? 0) > 0,
  check: ({ head, others }) => {
    if (!create && !isLive(head?.manifest)) return
    const claimed = given.aliases === undefined ? head?.manifest.aliases : given.aliases
    for (const name of [ref.channel, ...(claimed ?? [])]) refuseTaken(name, [...others.values()])
  },
  apply: (current) => {
    const edited = describing.map((name) => [name, given[name] === null ? undefined : (given[name] ?? current[name])])
    return defined<ChannelManifest>({ ...current, ...Object.fromEntries(edited) })
  },
})

function refuseTaken(name: string, others: readonly ChannelManifest[]): void {
  const taken = others.find(({ channel, aliases }) => channel === name || aliases?.includes(name))
  if (taken === undefined) return
  throw refusal(
    `${JSON.stringify(name)} is already a name of channel ${taken.channel}`,
    'choose another name, or remove it from that channel first',
  )
}

/** Refused for itself, for a channel that follows, and for one that is followed. */
export const followEdit = (ref: ChannelRef, follow: ChannelManifest['follow']): ManifestEdit => ({
  ref,
  ...(follow && { others: 'all', isRechecked: true, check: (state) => checkFollow(ref, follow.channel, state) }),
  apply: (current) => withField(current, 'follow', follow),
})

function checkFollow({ app, channel }: ChannelRef, name: string, { catalog, others }: EditState): void {
  if (name === channel) throw refusal(`${channel} cannot follow itself`)
  const source = others.get(name)
  if (source === undefined) throw unknownChannel(catalog, { app, channel: name }, '`platte channel list` shows them')
  if (source.follow)
    throw refusal(
      `${name} follows ${source.follow.channel}: it cannot be followed`,
      `one level only: follow ${source.follow.channel}, or run platte follow --stop --channel ${name}`,
    )
  const [follower] = followersOf(channel, others)
  if (follower === undefined) return
  throw refusal(
    `${follower.channel} follows ${channel}: ${channel} cannot follow ${name}`,
    `one level only: let ${follower.channel} follow ${name} itself`,
  )
}

export const followersOf = (channel: string, others: EditState['others']): readonly ChannelManifest[] =>
  [...others.values()].filter(({ follow }) => follow?.channel === channel)

/** The catalog keeps naming the last manifest, which has no releases, so that nothing brings the channel back. */
export const endEdit = (
  ref: ChannelRef,
  { force = false, refuse }: { readonly force?: boolean; readonly refuse?: (current: ChannelManifest) => void } = {},
): ManifestEdit => ({
  ref,
  orEnded: true,
  isBrake: true,
  others: 'all',
  isRechecked: true,
  check: ({ catalog, head, others }) => {
    const isRenamed = [...others.values()].some(({ aliases = [] }) => aliases.includes(ref.channel))
    if (isRenamed && !refuse && !isLive(head?.manifest)) throw unknownChannel(catalog, ref, '')
    refuseFollowed(ref.channel, others)
  },
  apply: (current, _, at) => {
    refuse?.(current)
    const { format, type, app, channel, seq, issuedAt, releases } = current
    if (releases.length === 0 || force) return { format, type, app, channel, seq, issuedAt, expires: at, releases: [] }
    throw refusal(
      `${channel} has ${releases.length} releases: its machines would get no more updates`,
      '--force deletes it anyway; `platte channel rename` keeps the old name working',
    )
  },
})

function refuseFollowed(channel: string, others: EditState['others']): void {
  const followers = followersOf(channel, others)
  if (followers.length === 0) return
  const names = followers.map((one) => one.channel).join(', ')
  const message = `${names} ${followers.length === 1 ? 'follows' : 'follow'} ${channel}`
  throw refusal(message, 'let them follow another channel, or none, first')
}

/** The old name becomes an alias; holds go along. Safe to repeat: the new channel exists before the old one ends. */
export function renameEdit(old: ChannelRef, name: string): ManifestEdit {
  const { app, channel } = old
  const ref = { app, channel: name }
  return {
    ref,
    partOf: `rename of ${channel}`,
    together: (writer, state, { issue, state: { others } }) =>
      others.has(channel) ? withBrakesOf(writer, state, { from: old, to: ref }, issue) : state.catalog.catalog,
    create: true,
    isBrake: true,
    needsTimestamp: true,
    others: 'all',
    check: (state) => checkRename(old, name, state),
    apply: (current, { others }) => {
      const copied = others.get(channel)
      if (copied === undefined) return current
      const edited = moved(copied, current, channel)
      if (isRenamed(current, channel) && !sameJson(edited, current)) throw differ(name, channel)
      return edited
    },
    finish: (writer, result, { state, issue }) =>
      endOld(writer, { old, ref, result, issue, seq: state.others.get(channel)?.seq }),
  }
}

const isRenamed = (made: ChannelManifest | undefined, channel: string): made is ChannelManifest =>
  isLive(made) && (made.aliases?.includes(channel) ?? false)

function checkRename({ app, channel }: ChannelRef, name: string, { catalog, head, others }: EditState): void {
  if (name === channel) throw refusal(`${channel} has that name already`)
  const isMade = isRenamed(head?.manifest, channel)
  if (!others.has(channel) && !isMade)
    throw unknownChannel(catalog, { app, channel }, '`platte channel list` shows them')
  refuseFollowed(channel, others)
  if (isMade) return
  const live = [...(isLive(head?.manifest) ? [head.manifest] : []), ...others.values()]
  const rest = live.filter((one) => one.channel !== channel)
  refuseTaken(name, rest)
}

/** `seq`: revision of the old channel that was copied; `undefined`: it has ended. */
type Renamed = Readonly<{ old: ChannelRef; ref: ChannelRef; result: EditResult; issue: Issue; seq: number | undefined }>

async function endOld(writer: Committer, { old, ref, result, issue, seq }: Renamed): Promise<EditResult> {
  const refuse = (current: ChannelManifest): void => {
    if (current.seq !== seq) throw differ(ref.channel, old.channel)
  }
  const ended = await change(writer, endEdit(old, { force: true, refuse }))
  // Holds that were placed meanwhile.
  await editCatalog(writer, (catalog, state) =>
    withBrakesOf(writer, withCatalog(state, catalog), { from: old, to: ref }, issue),
  )
  return seq === undefined ? { ...ended, seq: result.seq } : { ...result, kind: 'changed' }
}

const differ = (name: string, channel: string) =>
  refusal(
    `${name} has the alias ${channel} already, and the two channels differ`,
    `repeat in ${name} the edits and holds that machines of both need, then run platte channel delete ${channel} --force`,
  )

function moved(old: ChannelManifest, current: ChannelManifest, alias: string): ChannelManifest {
  const { channel, seq, issuedAt, previous, provenance } = current
  const { previous: _, provenance: __, ...content } = old
  const aliases = [...new Set([...(old.aliases ?? []), alias])].filter((one) => one !== channel)
  return { ...content, channel, seq, issuedAt, aliases, ...defined({ previous, provenance }) }
}
