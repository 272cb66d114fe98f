/** The machines of each channel, by version, state, failure and hour. */
import { type State, states } from '../fleet/machine.ts'
import type { FleetReader, Tally } from '../fleet/reader.ts'
import type { Instant } from '../kernel/clock.ts'
import { isoText } from '../kernel/format.ts'
import { colours, type Series } from './charts.ts'

export const hourMs = 60 * 60 * 1000
export const dayMs = 24 * hourMs

export type Counted = readonly (readonly [name: string, machines: number])[]

export interface ChannelMachines {
  readonly app: string
  readonly channel: string
  readonly machines: number
  readonly states: ReadonlyMap<State, number>
  /** Newest first. */
  readonly versions: Counted
  /** By error, most first. */
  readonly failed: Counted
  /** By reason, most first. */
  readonly waiting: Counted
  readonly tallies: readonly Tally[]
}

/** Most machines first. */
export function readChannels(fleet: FleetReader): readonly ChannelMachines[] {
  const groups = Map.groupBy(fleet.tallies(), ({ app, channel }) => JSON.stringify([app, channel]))
  return [...groups.values()].map(channelOf).sort((a, b) => b.machines - a.machines)
}

function channelOf(tallies: readonly Tally[]): ChannelMachines {
  const { app = '', channel = '' } = tallies[0] ?? {}
  const of = (state: State): Counted =>
    mostFirst(sums(tallies.filter((one) => one.state === state).map((one) => [one.detail, one.machines])))
  const byState = new Map(sums(tallies.map((one) => [one.state, one.machines])))
  return {
    ...{
      app,
      channel,
      machines: total(tallies),
      tallies,
      versions: sums(tallies.map((one) => [one.version, one.machines])),
    },
    states: new Map(states.flatMap((state) => (byState.has(state) ? [[state, byState.get(state) ?? 0]] : []))),
    ...{ failed: of('failed'), waiting: of('waiting') },
  }
}

export const total = (some: readonly { readonly machines: number }[]): number =>
  some.reduce((sum, { machines }) => sum + machines, 0)

function sums<Name extends string>(
  entries: readonly (readonly [Name, number])[],
): readonly (readonly [Name, number])[] {
  const made = new Map<Name, number>()
  for (const [name, n] of entries) made.set(name, (made.get(name) ?? 0) + n)
  return [...made]
}

const mostFirst = (counts: Counted): Counted => counts.toSorted((a, b) => b[1] - a[1])

/** The last hours until now, `count` of them at equal distances. */
export function hoursUntil(now: Instant, lengthMs: number, count: number): readonly number[] {
  const last = Math.floor(now / hourMs)
  const length = lengthMs / hourMs
  return Array.from({ length: count }, (_, i) => Math.round(last - length + (length * i) / (count - 1)))
}

export interface Trend {
  /** Versions with a colour of their own, oldest first, then the others together. */
  readonly series: readonly (Series & { readonly version: string | undefined })[]
  /** Of all versions at once. */
  readonly most: number
}

/** @param rows of `FleetReader.trend`. */
export function trendOf({ app, channel, versions }: ChannelMachines, rows: ReturnType<FleetReader['trend']>): Trend {
  const here = rows.filter((one) => one.app === app && one.channel === channel)
  const places = rows[0]?.machines.map((_, i) => i) ?? []
  // Those that are or were run by most; colours go by the order of versions, so that neighbours differ.
  const peaks = here.map(({ version, machines }) => [version, Math.max(0, ...machines)] as const)
  const shown = mostFirst(peaks.filter(([, peak]) => peak > 0))
    .slice(0, colours - 1)
    .map(([version]) => version)
  const order = [...new Set([...versions.map(([version]) => version), ...shown])]
    .filter((one) => shown.includes(one))
    .reverse()
  const sum = (some: typeof here): readonly number[] =>
    places.map((i) => some.reduce((all, { machines }) => all + Math.max(0, machines[i] ?? 0), 0))
  const named = order.map((version, i) => ({
    ...{ version, className: `v${(order.length - 1 - i) % (colours - 1)}` },
    values: sum(here.filter((one) => one.version === version)),
  }))
  const rest = sum(here.filter(({ version }) => !shown.includes(version)))
  const others = rest.some((n) => n > 0) ? [{ version: undefined, className: `v${colours - 1}`, values: rest }] : []
  return { series: [...others, ...named], most: Math.max(1, ...sum(here)) }
}

/** For scripts. */
export const channelData = ({ app, channel, machines, ...one }: ChannelMachines): object => ({
  ...{ app, channel, machines, states: Object.fromEntries(one.states), versions: named(one.versions, 'version') },
  ...{ failed: named(one.failed, 'error'), waiting: named(one.waiting, 'reason') },
})

const named = (counts: Counted, name: string): readonly object[] =>
  counts.map(([value, machines]) => ({ [name]: value, machines }))

export const instantOfHour = (hour: number): string => isoText(hour * hourMs)
