/** Carries out orders: what a command and the publish function do alike. */

import { type ChannelRef, channelEntry } from '../catalog/read.ts'
import { dateOf } from '../catalog/write.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { durationMs } from '../documents/fields.ts'
import { PlatteError } from '../kernel/errors.ts'
import { sameJson } from '../release/add-release.ts'
import type { Release, Target, Window } from '../release/channel.ts'
import {
  editRelease,
  isHoldOf,
  markRelease,
  type ReleaseMark,
  rampOver,
  rampRelease,
  rollBack,
  undoRollBack,
  withField,
} from '../release/edits.ts'
import { describeChannel, endChannel, followChannel } from './channel-life.ts'
import type { Action, ChannelCommand, OrderOf } from './commands.ts'
import { type ChannelEdit, type EditOptions, type EditResult, editChannel } from './edit-channel.ts'
import { holdRelease, stopRamps, unholdRelease } from './hold.ts'
import { promote } from './promote.ts'
import { pruneChannel } from './prune.ts'
import type { Publisher } from './publish.ts'
import { renameChannel } from './rename-channel.ts'

/** Orders that change what is said of releases; publishing brings packages, and stands apart. */
export type EditCommand = Exclude<ChannelCommand, OrderOf<'publish'>>

/** What an edit did, or would; pruning also names packages. */
export interface CommandResult extends EditResult {
  readonly packages?: readonly { readonly key: string; readonly size: number }[]
}

/** Where an order is carried out. */
interface Bench {
  readonly publisher: Publisher
  readonly ref: ChannelRef
  readonly more: EditOptions
  /** The date of the order. */
  readonly now: number
}

/** The actions of such orders. */
export type Edit = Exclude<Action, 'publish'>
type Carry<A extends Edit> = (order: OrderOf<A>, bench: Bench) => Promise<CommandResult>

/** An order that edits one manifest. */
const editing =
  <A extends Edit>(editOf: (order: OrderOf<A>, now: number) => ChannelEdit): Carry<A> =>
  (order, { publisher, ref, more, now }) =>
    editChannel(publisher, ref, editOf(order, now), more)

const marking = <A extends 'withdraw' | 'floor' | 'dead-end'>(mark: ReleaseMark): Carry<A> =>
  editing(({ version, reason }) => {
    const because = reason === undefined ? undefined : { reason }
    return (current) => markRelease<ChannelManifest>(current, version, { mark, because })
  })

const carries: { readonly [A in Edit]: Carry<A> } = {
  promote: ({ version, from, boards, rampOver: over }, { publisher, ref, more, now }) => {
    const ramp = over && rampOver({ start: now, overMs: durationMs(over), from: 0 })
    const { app, channel: to } = ref
    return promote(publisher, { app, version, from, to, boards, ...(ramp && { ramp }) }, more)
  },
  ramp: (order, bench) => {
    const { publisher, ref, more } = bench
    if (order.stop || order.resume) return stopRamps(publisher, ref, order.stop ?? false, more)
    return editRamp(order, bench)
  },
  window: editing(({ version, windows, add }) => (current) => {
    const set = <T extends { readonly windows?: readonly Window[] }>(one: T): T =>
      withField(one, 'windows', windows && (add ? joined(one.windows, windows) : windows))
    return version === undefined ? set(current) : editRelease(current, version, set)
  }),
  target: editing(({ version, target }) => (current) => {
    const set = <T extends { readonly target?: Target }>(one: T): T => withField(one, 'target', target)
    return version === undefined ? set(current) : editRelease(current, version, set)
  }),
  hold: ({ version, board, reason }, { publisher, ref, more }) =>
    holdRelease(publisher, ref, { version, reason, ...(board && { board }) }, more),
  unhold: ({ version, board }, { publisher, ref, more }) =>
    unholdRelease(publisher, ref, { version, ...(board && { board }) }, more),
  withdraw: marking('withdrawn'),
  floor: marking('floor'),
  'dead-end': marking('deadEnd'),
  rollback: editing(({ app, channel, version, reason, to }, now) => (current, state) => {
    if (reason === undefined) return undoRollBack(current, version)
    if (to !== undefined && current.follow)
      throw new PlatteError(
        'refused',
        `${channel} follows ${current.follow.channel}, whose releases machines may go to`,
        {
          hint: 'without --to, each machine goes where it would',
        },
      )
    const { holds = [], rampAsOf } = channelEntry(state.catalog.catalog, app, channel) ?? {}
    const asOf = stoppedAt(rampAsOf)
    const isHeld = ({ version }: Release, board: string): boolean => holds.some(isHoldOf(version, [board]))
    return rollBack<ChannelManifest>(current, version, { because: { reason }, now, asOf, isHeld, ...(to && { to }) })
  }),
  follow: ({ source, after, over }, { publisher, ref, more }) => {
    const follow = source && { channel: source, ...(after && { after }), ...(over && { over }) }
    return followChannel(publisher, ref, follow || undefined, more)
  },
  'channel-create': (order, { publisher, ref, more }) =>
    describeChannel(publisher, ref, order, { ...more, create: true }),
  'channel-edit': (order, { publisher, ref, more }) => describeChannel(publisher, ref, order, more),
  'channel-rename': ({ name }, { publisher, ref, more }) => renameChannel(publisher, ref, name, more),
  'channel-delete': ({ force = false }, { publisher, ref, more }) => endChannel(publisher, ref, { ...more, force }),
  prune: ({ keep = 20 }, { publisher, ref, more }) => pruneChannel(publisher, ref, { ...more, keep }),
}

/** One that is there already is not put beside itself. */
const joined = (there: readonly Window[] = [], more: readonly Window[]): readonly Window[] => [
  ...there,
  ...more.filter((window) => !there.some((one) => sameJson(one, window))),
]

/** When ramps were stopped, in milliseconds since 1970. */
const stoppedAt = (rampAsOf: string | undefined): number | undefined => (rampAsOf ? Date.parse(rampAsOf) : undefined)

const editRamp = editing<'ramp'>(
  ({ app, channel, version = '', over, share, start, steps, from = 0, lower = false }, now) => {
    const begin = start === undefined ? now : Date.parse(start)
    const line = over && rampOver({ start: begin, overMs: durationMs(over), steps, from })
    const ramp = share === undefined ? line || undefined : [{ at: new Date(begin).toISOString(), share }]
    return (current, state) => {
      const asOf = stoppedAt(channelEntry(state.catalog.catalog, app, channel)?.rampAsOf)
      return rampRelease(current, version, { ramp, now, asOf, hasStart: start !== undefined, mayLower: lower })
    }
  },
)

/**
 * Carries out an order, as of `publishing.datedAt`. Safe to repeat.
 * @throws PlatteError('refused') by the state of the channel; 'credentials' without the keys that it takes; 'conflict'.
 */
export function executeCommand(publisher: Publisher, order: EditCommand): Promise<CommandResult> {
  const { app, channel, dryRun, action } = order
  const bench = { publisher, ref: { app, channel }, more: { dryRun }, now: dateOf(publisher) }
  return (carries[action] as Carry<Edit>)(order as OrderOf<Edit>, bench)
}
