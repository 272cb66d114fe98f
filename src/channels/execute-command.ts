/** Turns commands into edits: the command line, the publish function and a pipeline's signature share them. */
import { type ChannelRef, channelEntry, type StoreReader } from '../catalog/read.ts'
import { checkHold } from '../documents/catalog.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { durationMs } from '../documents/fields.ts'
import { defined } from '../kernel/json.ts'
import { requirePayloadKey } from '../payload/keys.ts'
import { findRelease, refusal, sameJson, withFollowed } from '../release/add-release.ts'
import type { BoardContent, Channel, Conditions, Hold, RampStep, Release, Window } from '../release/channel.ts'
import * as edit from '../release/edits.ts'
import { isSameVersion } from '../release/version.ts'
import { adoptEdit } from './adopt-edit.ts'
import { describeEdit, endEdit, followEdit, renameEdit } from './channel-life.ts'
import type { Action, ChannelCommand, CommandOf } from './commands.ts'
import { draftChange, requirePackages, type Signing } from './commit.ts'
import { judgeAdded } from './payload.ts'
import type { BrakeEdit, Edit, EditState, ManifestEdit, Plan } from './plan.ts'
import { promoteEdit } from './promote.ts'
import { pruneEdit } from './prune.ts'
import { checkPlanned, type Publisher, planRelease, withOptional } from './publish.ts'
import type { StoredOrder } from './release-edit.ts'

export type EditCommand = Exclude<ChannelCommand, CommandOf<'publish'>>
export type EditAction = Exclude<Action, 'publish'>

/** @param at milliseconds since 1970: the date of the command. */
type EditOf<A extends EditAction> = (command: CommandOf<A>, at: number) => Edit

const refOf = ({ app, channel }: EditCommand) => ({ app, channel })

const editing =
  <A extends EditAction>(applyOf: (command: CommandOf<A>, at: number) => ManifestEdit['apply']): EditOf<A> =>
  (command, at) => ({ ref: refOf(command as EditCommand), apply: applyOf(command, at) })

const braking =
  <A extends EditAction>(applyOf: (command: CommandOf<A>, at: number) => ManifestEdit['apply']): EditOf<A> =>
  (command, at) => ({ ...editing(applyOf)(command, at), isBrake: true })

const marking = <A extends 'withdraw' | 'floor' | 'dead-end'>(mark: edit.ReleaseMark): EditOf<A> =>
  braking(({ version, reason }) => {
    const because = reason === undefined ? undefined : { reason }
    return (current) => edit.markRelease(current, version, { mark, because })
  })

/** A ramp to everybody, from an instant. */
export const risingOver = (over: string | undefined, start: number): readonly RampStep[] | undefined =>
  over === undefined ? undefined : edit.rampOver({ start, overMs: durationMs(over) })

/** Sets a condition of one release, or of the whole channel. */
const onReleaseOrAll =
  (version: string | undefined, set: <T extends Conditions>(one: T) => T): ManifestEdit['apply'] =>
  (current) =>
    version === undefined ? set(current) : edit.editRelease(current, version, set)

const edits: { readonly [A in EditAction]: EditOf<A> } = {
  adopt: adoptEdit,
  promote: ({ channel: to, rampOver: over, ...given }, at) => promoteEdit({ ...given, to, ramp: risingOver(over, at) }),
  ramp: (command, at) =>
    command.stop || command.resume
      ? stopRampsEdit(refOf(command), command.stop ?? false, command.version)
      : rampEdit(command, at),
  window: editing(({ version, windows, add }) =>
    onReleaseOrAll(version, (one) =>
      edit.withField(one, 'windows', add && windows ? joined(one.windows, windows) : windows),
    ),
  ),
  target: editing(({ version, target }) => onReleaseOrAll(version, (one) => edit.withField(one, 'target', target))),
  hold: (command) => holdEdit(refOf(command), command),
  unhold: (command) => {
    const { version, board, reason } = command
    return version === undefined
      ? endHoldsEdit(refOf(command), { board, reason })
      : unholdEdit(refOf(command), { version, board })
  },
  withdraw: marking('withdrawn'),
  floor: marking('floor'),
  'dead-end': marking('deadEnd'),
  rollback: braking(({ channel, version, reason, to }, now) => (current, state) => {
    if (reason === undefined) return edit.undoRollBack(current, version)
    if (to !== undefined && current.follow)
      throw refusal(
        `${channel} follows ${current.follow.channel}: machines may go to its releases`,
        'without --to, each machine gets the newest release that it is eligible for',
      )
    const { holds = [], asOf } = brakesOf(state, current)
    const isHeld = (release: Release, board: string): boolean => holds.some(edit.isHoldOf(release.version, [board]))
    return edit.rollBack(current, version, { because: { reason }, now, asOf, isHeld, ...(to && { to }) })
  }),
  follow: (command) => {
    const { source, after, over } = command
    return followEdit(refOf(command), source === undefined ? undefined : defined({ channel: source, after, over }))
  },
  'channel-create': (command) => describeEdit(refOf(command), command, true),
  'channel-edit': (command) => describeEdit(refOf(command), command),
  'channel-rename': (command) => renameEdit(refOf(command), command.name),
  'channel-delete': (command) => endEdit(refOf(command), { force: command.force ?? false }),
  prune: (command) => pruneEdit(refOf(command), command.keep),
}

const joined = (there: readonly Window[] = [], more: readonly Window[]): readonly Window[] => [
  ...there,
  ...more.filter((window) => !there.some((one) => sameJson(one, window))),
]

function brakesOf({ catalog }: EditState, { app, channel }: ChannelRef) {
  const { holds, rampAsOf } = channelEntry(catalog.catalog.catalog, app, channel) ?? {}
  return { holds, asOf: rampAsOf === undefined ? undefined : Date.parse(rampAsOf) }
}

const rampEdit = braking<'ramp'>(({ version = '', over, share, start, steps, from = 0, lower = false }, now) => {
  const begin = start === undefined ? now : Date.parse(start)
  const line = over === undefined ? undefined : edit.rampOver({ start: begin, overMs: durationMs(over), steps, from })
  const ramp = share === undefined ? line : [{ at: new Date(begin).toISOString(), share }]
  return (current, state) => {
    const { asOf } = brakesOf(state, current)
    return edit.rampRelease(current, version, { ramp, now, asOf, hasStart: start !== undefined, mayLower: lower })
  }
})

const sourceOf = (current: ChannelManifest | undefined): readonly string[] =>
  current?.follow ? [current.follow.channel] : []

/** Refused for a version or a board that neither the channel nor its source has. */
export const holdEdit = (ref: ChannelRef, { reason, ...held }: edit.HeldVersion & Pick<Hold, 'reason'>): BrakeEdit => ({
  ref,
  others: sourceOf,
  brake: ({ entry, manifest }, state, at) => {
    const release = edit.requireRelease(withSource(manifest, state), held.version)
    const { board } = held
    if (board !== undefined && !Object.hasOwn(release.boards, board))
      throw refusal(
        `${release.version} has no board ${JSON.stringify(board)}`,
        `it has ${Object.keys(release.boards).join(', ')}`,
      )
    const { holds = [] } = entry
    const known = holds.find((hold) => edit.isSameHold(hold, held))
    if (known?.reason === reason) return entry
    const hold = checkHold({ version: release.version, ...(board && { board }), reason, at })
    return { ...entry, holds: [...holds.filter((one) => one !== known), hold] }
  },
})

/** Refused for an unknown version, and for one of which another board is held. */
export const unholdEdit = (ref: ChannelRef, held: edit.HeldVersion): BrakeEdit => ({
  ref,
  others: sourceOf,
  brake: ({ entry, manifest }, state) => {
    const { holds = [] } = entry
    const kept = holds.filter((hold) => !edit.isSameHold(hold, held))
    if (kept.length < holds.length) return { ...entry, holds: kept }
    const others = holds.filter(({ version }) => isSameVersion(version, held.version))
    if (others.length > 0) throw refusal(`${nameOf(held)} is not held`, `on hold: ${others.map(nameOf).join(', ')}`)
    edit.requireRelease(withSource(manifest, state), held.version)
    const release = findRelease(manifest, held.version)
    if (release?.withdrawn)
      throw refusal(`${release.version} is withdrawn, not held`, `platte withdraw ${release.version} --undo offers it`)
    return entry
  },
})

/** Lifts all holds of a reason, such as those of one import. */
const endHoldsEdit = (
  ref: ChannelRef,
  { board, reason }: { board?: string | undefined; reason?: string | undefined },
): BrakeEdit => ({
  ref,
  brake: ({ entry }) => {
    const { holds = [] } = entry
    const kept = holds.filter((one) => one.reason !== reason || (board !== undefined && one.board !== board))
    if (kept.length < holds.length || holds.length === 0) return { ...entry, holds: kept }
    throw refusal(`no hold has this reason`, `reasons: ${[...new Set(holds.map((one) => one.reason))].join('; ')}`)
  },
})

const nameOf = ({ version, board }: edit.HeldVersion): string => (board ? `${version} for ${board}` : version)

/** Stops the clock of the ramps of a channel, or lets it run on. @param only the one release that it may concern. */
export const stopRampsEdit = (ref: ChannelRef, isStopped: boolean, only?: string): BrakeEdit => ({
  ref,
  brake: ({ entry: { holds = [], rampAsOf }, manifest }, _, at) => {
    const asOf = rampAsOf === undefined ? undefined : Date.parse(rampAsOf)
    if (only !== undefined) edit.requireOnlyRamp(manifest, only, { now: Date.parse(at), asOf, isStopped })
    return { holds, ...(isStopped && { rampAsOf: rampAsOf ?? at }) }
  },
})

const withSource = (manifest: ChannelManifest, { others }: EditState): Channel =>
  withFollowed(manifest, manifest.follow && others.get(manifest.follow.channel))

/** @throws PlatteError('refused', 'usage') by the state of the channel; 'missing' for a package that it needs. */
export async function planCommand(writer: Publisher, command: ChannelCommand, signing: Signing = {}): Promise<Plan> {
  for (const key of ('payloadKeys' in command && command.payloadKeys) || []) await requirePayloadKey(key, 'payloadKeys')
  const planned = await draftCommand(writer, command, signing)
  // The packages of a publish may still be uploading: the commit checks them.
  if (command.action === 'publish') await checkPlanned(writer, storedOrder(command, planned.issue.at), planned)
  else if (command.action !== 'adopt') await requirePackages(writer, planned.packages)
  if (command.action === 'promote' && !command.raw) await judgeAdded(writer, planned)
  return planned
}

/** The same for a pipeline, which reads the documents of a store and cannot tell which packages are there. */
export function draftCommand(reader: StoreReader, command: ChannelCommand, signing: Signing = {}): Promise<Plan> {
  const at = signing.at ?? reader.clock()
  if (command.action === 'publish') return planRelease(reader, storedOrder(command, at), { ...signing, at })
  const editOf = edits[command.action] as EditOf<EditAction>
  const { message } = { message: undefined, ...command }
  return draftChange(reader, editOf(command as CommandOf<EditAction>, at), { ...signing, at, message })
}

function storedOrder(command: CommandOf<'publish'>, at: number): StoredOrder {
  const { action: _, packages: __, image: ___, notes, rampOver: over, create = false, ...order } = command
  const bytes = notes === undefined ? undefined : new TextEncoder().encode(notes)
  const start = order.from === undefined ? at : Date.parse(order.from)
  return { ...order, create, content: published(command), ...defined({ notes: bytes, ramp: risingOver(over, start) }) }
}

/** What a board gets. */
export const published = ({ packages, image }: CommandOf<'publish'>): BoardContent =>
  packages ? { codebases: [], packages: withOptional(packages) } : { ...image }
