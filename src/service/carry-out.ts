/** Carries out orders: what a command and the publish function do alike. */
import type { Release, Target, Window } from '../core/channel.ts'
import { sameJson } from '../core/edit.ts'
import {
  editRelease,
  isHoldOf,
  type Mark,
  markRelease,
  rampOver,
  rampRelease,
  rollBack,
  undoRollBack,
  withField,
} from '../core/release-edits.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { durationMs } from '../documents/fields.ts'
import type { Action, Order, OrderOf } from '../documents/orders.ts'
import { PlatteError } from '../errors.ts'
import { describeChannel, endChannel, followChannel } from './channel-life.ts'
import { type ChannelEdit, type Edited, type EditOptions, editChannel } from './edit-channel.ts'
import { holdRelease, stopRamps, unholdRelease } from './hold.ts'
import { promote } from './promote.ts'
import { pruneChannel } from './prune.ts'
import type { Publishing } from './publish.ts'
import { channelEntry, type Place } from './reading.ts'
import { renameChannel } from './rename-channel.ts'
import { dateOf } from './writing.ts'

/** Orders that change what is said of releases; publishing brings packages, and stands apart. */
export type EditOrder = Exclude<Order, OrderOf<'publish'>>

/** What an edit did, or would; pruning also names packages. */
export interface CarriedOut extends Edited {
  readonly packages?: readonly { readonly key: string; readonly size: number }[]
}

/** Where an order is carried out. */
interface Bench {
  readonly publishing: Publishing
  readonly place: Place
  readonly more: EditOptions
  /** The date of the order. */
  readonly now: number
}

/** The actions of such orders. */
export type Edit = Exclude<Action, 'publish'>
type Carry<A extends Edit> = (order: OrderOf<A>, bench: Bench) => Promise<CarriedOut>

/** An order that edits one manifest. */
const editing =
  <A extends Edit>(editOf: (order: OrderOf<A>, now: number) => ChannelEdit): Carry<A> =>
  (order, { publishing, place, more, now }) =>
    editChannel(publishing, place, editOf(order, now), more)

const marking = <A extends 'withdraw' | 'floor' | 'dead-end'>(mark: Mark): Carry<A> =>
  editing(({ version, reason }) => {
    const because = reason === undefined ? undefined : { reason }
    return (current) => markRelease<ChannelManifest>(current, version, { mark, because })
  })

const carries: { readonly [A in Edit]: Carry<A> } = {
  promote: ({ version, from, boards, rampOver: over }, { publishing, place, more, now }) => {
    const ramp = over && rampOver({ start: now, overMs: durationMs(over), from: 0 })
    const { app, channel: to } = place
    return promote(publishing, { app, version, from, to, boards, ...(ramp && { ramp }) }, more)
  },
  ramp: (order, bench) => {
    const { publishing, place, more } = bench
    if (order.stop || order.resume) return stopRamps(publishing, place, order.stop ?? false, more)
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
  hold: ({ version, board, reason }, { publishing, place, more }) =>
    holdRelease(publishing, place, { version, reason, ...(board && { board }) }, more),
  unhold: ({ version, board }, { publishing, place, more }) =>
    unholdRelease(publishing, place, { version, ...(board && { board }) }, more),
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
  follow: ({ source, after, over }, { publishing, place, more }) => {
    const follow = source && { channel: source, ...(after && { after }), ...(over && { over }) }
    return followChannel(publishing, place, follow || undefined, more)
  },
  'channel-create': (order, { publishing, place, more }) =>
    describeChannel(publishing, place, order, { ...more, create: true }),
  'channel-edit': (order, { publishing, place, more }) => describeChannel(publishing, place, order, more),
  'channel-rename': ({ name }, { publishing, place, more }) => renameChannel(publishing, place, name, more),
  'channel-delete': ({ force = false }, { publishing, place, more }) =>
    endChannel(publishing, place, { ...more, force }),
  prune: ({ keep = 20 }, { publishing, place, more }) => pruneChannel(publishing, place, { ...more, keep }),
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
export function carryOut(publishing: Publishing, order: EditOrder): Promise<CarriedOut> {
  const { app, channel, dryRun, action } = order
  const bench = { publishing, place: { app, channel }, more: { dryRun }, now: dateOf(publishing) }
  return (carries[action] as Carry<Edit>)(order as OrderOf<Edit>, bench)
}
