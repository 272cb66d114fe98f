/** The fleet in lines for people. */
import { table } from '../../cli/terminal.ts'
import type { Instant } from '../../kernel/clock.ts'
import { isoText, lengthText, percent, timeText } from '../../kernel/format.ts'
import type { Change, State } from '../machine.ts'
import type { MachineRow, ReleaseProgress, Tally } from '../reader.ts'
import type { OpenFleet } from './open.ts'

const dayMs = 24 * 60 * 60 * 1000
const hourMs = 60 * 60 * 1000

type Counts = Readonly<Record<string, number>>

export interface ChannelStatus {
  readonly app: string
  readonly channel: string
  readonly machines: number
  readonly states: Readonly<Partial<Record<State, number>>>
  /** Machines by version, newest first. */
  readonly versions: Counts
  /** The same a day and a week ago. */
  readonly dayAgo: Counts
  readonly weekAgo: Counts
  readonly waiting: Counts
  readonly failed: Counts
  /** Machines without a contact for a day. */
  readonly silent: number
  readonly cameFrom: Counts
  readonly syncers: number
}

export interface Status {
  /** RFC 3339. */
  readonly at: string
  readonly channels: readonly ChannelStatus[]
  /** Lines that are of no machine, by what they are. */
  readonly lines: Counts
}

interface Only {
  readonly app?: string | undefined
  readonly channel?: string | undefined
}

/** Without a prototype: clients choose the names. */
const sums = (entries: readonly (readonly [string, number])[]): Record<string, number> => {
  const made: Record<string, number> = Object.create(null)
  for (const [name, n] of entries) if (n > 0) made[name] = (made[name] ?? 0) + n
  return made
}

export function statusOf({ fleet, now }: Pick<OpenFleet, 'fleet' | 'now'>, only: Only): Status {
  const isWanted = (one: Pick<Tally, 'app' | 'channel'>): boolean =>
    (only.app ?? one.app) === one.app && (only.channel ?? one.channel) === one.channel
  const hours = [now - dayMs, now - 7 * dayMs].map((at) => Math.floor(at / hourMs))
  const [tallies, trend, silent, moved, syncers] = [
    ...[fleet.tallies(), fleet.trend(hours), fleet.silent(now - dayMs), fleet.moved(), fleet.syncers()],
  ] as const
  const names = new Map(
    [...tallies, ...syncers].filter(isWanted).map((one) => [JSON.stringify([one.app, one.channel]), one]),
  )
  const channels = [...names.values()].map(({ app, channel }) => {
    const isHere = (one: Pick<Tally, 'app' | 'channel'>): boolean => one.app === app && one.channel === channel
    const here = tallies.filter(isHere)
    const of = (state: State) =>
      sums(here.filter((one) => one.state === state).map((one) => [one.detail, one.machines]))
    const past = (index: number) => sums(trend.filter(isHere).map((one) => [one.version, one.machines[index] ?? 0]))
    const total = (some: readonly { readonly machines: number }[]): number =>
      some.reduce((sum, one) => sum + one.machines, 0)
    return {
      ...{ app, channel, machines: total(here), states: sums(here.map((one) => [one.state, one.machines])) },
      ...{ versions: sums(here.map((one) => [one.version, one.machines])), dayAgo: past(0), weekAgo: past(1) },
      ...{ waiting: of('waiting'), failed: of('failed'), silent: total(silent.filter(isHere)) },
      cameFrom: sums(moved.filter(isHere).map((one) => [one.cameFrom, one.machines])),
      syncers: total(syncers.filter(isHere)),
    }
  })
  return { at: isoText(now), channels, lines: fleet.counts() }
}

const columns: readonly (readonly [string, (one: ChannelStatus) => number])[] = [
  ['MACHINES', (one) => one.machines],
  ['UP-TO-DATE', ({ states }) => (states['up-to-date'] ?? 0) + (states.rebooted ?? 0)],
  ['OFFERED', ({ states }) => states.offered ?? 0],
  ['WAITING', ({ states }) => states.waiting ?? 0],
  ['DOWNLOADING', ({ states }) => (states.downloading ?? 0) + (states.downloaded ?? 0)],
  ['INSTALLED', ({ states }) => states.installed ?? 0],
  ['FAILED', ({ states }) => states.failed ?? 0],
  ['FELL-BACK', ({ states }) => states['fell-back'] ?? 0],
  ['SILENT', (one) => one.silent],
]

const meanings: Readonly<Record<string, string>> = {
  lost: 'events that servers could not keep',
  refused: 'refused requests (lines with "refused" in the log say why)',
  unreadable: 'lines or files that are cut or damaged',
  foreign: 'lines of other programs',
  nameless: 'contacts without the id of a machine',
  beyond: 'contacts of machines beyond the bound',
  ahead: 'contacts dated in the future: the clock of a server is wrong',
}

export function statusLines({ channels, lines }: Status): readonly string[] {
  const isOneApp = new Set(channels.map(({ app }) => app)).size <= 1
  const cells = channels.map((one) => [one.app, one.channel, ...columns.map(([, count]) => String(count(one)))])
  const rows = [['APP', 'CHANNEL', ...columns.map(([name]) => name)], ...cells]
  return [
    ...(channels.length === 0 ? ['no machines'] : table(isOneApp ? rows.map(([, ...row]) => row) : rows)),
    ...channels.flatMap(detailsOf),
    ...(Object.keys(lines).length > 0 ? ['lines of no machine'] : []),
    ...Object.entries(lines).map(([name, n]) => `  ${meanings[name] ?? name}: ${n}`),
  ]
}

function detailsOf(one: ChannelStatus): readonly string[] {
  const share = (n: number): string => `${n} (${percent(n / Math.max(1, one.machines))})`
  const line = (label: string, counts: Counts, text: (n: number) => string = String): readonly string[] => {
    const parts = Object.entries(counts).map(([name, n]) => `${name || '-'} ${text(n)}`)
    return parts.length === 0 ? [] : [`  ${label}: ${parts.join(', ')}`]
  }
  return [
    `${one.app} ${one.channel}`,
    ...line('versions', one.versions, share),
    ...line('a day ago', one.dayAgo),
    ...line('a week ago', one.weekAgo),
    ...line('waiting', one.waiting),
    ...line('failed', one.failed),
    ...line('came from', one.cameFrom),
    ...(one.syncers > 0 ? [`  syncers: ${one.syncers}, not counted above`] : []),
  ]
}

const stateText = ({ state, detail, target }: Pick<Change, 'state' | 'detail' | 'target'>): string =>
  [state, detail && `(${detail})`, target && state !== 'rebooted' && `→ ${target}`].filter(Boolean).join(' ')

export const machineLines = (machines: readonly MachineRow[]): readonly (readonly string[])[] => [
  ['MACHINE', 'ALIAS', 'CHANNEL', 'VERSION', 'STATE', 'SINCE', 'LAST CONTACT', 'BOARD', 'OEM'],
  ...machines.map((one) => [
    ...[one.machine, one.alias || '-', one.channel, one.version, stateText(one)],
    ...[time(one.since), time(one.last), one.board || '-', [one.oem, one.oemVersion].filter(Boolean).join(' ') || '-'],
  ]),
]

/** For JSON, with instants as RFC 3339. */
export const machineJson = ({ since, first, last, ...one }: MachineRow): object => ({
  ...one,
  ...{ since: isoText(since), first: isoText(first), last: isoText(last) },
})
export const changeJson = ({ at, ...change }: Change): object => ({ at: isoText(at), ...change })

const time = (at: Instant): string => timeText(at, 'minute')

export const changeLine = (change: Change): string =>
  `  ${timeText(change.at)}  ${change.channel} ${change.version}: ${stateText(change)}`

export function releaseLines(one: ReleaseProgress): readonly string[] {
  const failed = Object.entries(one.failed).map(([error, n]) => `${error} ${n}`)
  const { success, medianMs } = one
  return [
    `${one.app} ${one.version}`,
    `  offered ${one.offered}, began ${one.begun}, installed ${one.installed}, done ${one.done}`,
    `  failed: ${failed.join(', ') || 'none'}; fell back: ${one.fellBack}`,
    ...(success
      ? [`  success: ${percent(success.share)} (95 % interval: ${percent(success.low)} to ${percent(success.high)})`]
      : []),
    ...(medianMs === undefined ? [] : [`  half of those that are done took at most ${lengthText(medianMs)}`]),
  ]
}
