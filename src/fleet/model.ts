/** Counts what a fleet did, from the lines of its events. Pure. Clients are not authenticated: any line may be false. */
import type { Reported } from '../checks/omaha/omaha.ts'
import { compareVersions, parseVersion } from '../release/version.ts'
import { followUpdate, hasEndedUnsaid, isReboot, type Seen } from './updates.ts'

/** Machines that are counted one by one, over all channels; beyond that, counts are "at least". */
const maxMachines = 500_000
/** Channels that are counted one by one; clients can make up more. */
const maxChannels = 1_000
/** Versions, reasons, errors and moves that are counted one by one in a channel. */
const maxNames = 200

const others = 'other'

export interface Line {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  readonly at: number
  readonly app: string
  readonly channel: string
  readonly version: string
  /** Empty where the client did not say. */
  readonly machine: string
  readonly isSyncer: boolean
  /** Of a check: the reason, or `update`. */
  readonly answer?: string | undefined
  readonly reported: readonly Reported[]
}

/** A name and how often. */
export type Counts = Readonly<Record<string, number>>

interface Tally {
  readonly app: string
  readonly channel: string
  /** Whether there were more machines than `machines` counts. */
  isAtLeast: boolean
  checks: number
  /**
   * Downloads that began, updates that were written to disk, machines that came back in the new version: by what they
   * report, or, without that, by the version that they have after an update began.
   */
  begun: number
  finished: number
  rebooted: number
  failed: number
  /** Machines that came back in their old version: error 44. */
  rollbacks: number
  readonly machines: Map<string, Seen>
  /** Servers that copy releases: different ids, and their checks, which count nowhere else. */
  readonly syncers: Set<string>
  syncerChecks: number
  /** Checks by their reason, or `update`. */
  readonly answers: Map<string, number>
  /** Failures by number and name. */
  readonly errors: Map<string, number>
}

export interface ChannelReport extends Readonly<Omit<Tally, 'machines' | 'syncers' | 'answers' | 'errors'>> {
  /** Different machine ids. */
  readonly machines: number
  readonly syncers: number
  readonly answers: Counts
  readonly errors: Counts
  /** Machines by the version that they had last, newest first. */
  readonly versions: Counts
  /** Machines that were in this channel last, by the one that they were in before. */
  readonly movedFrom: Counts
}

/** Takes lines in any order, one at a time; reports by app and channel. */
export function newReporter() {
  const tallies = new Map<string, Tally>()
  const room = { left: maxMachines }
  return {
    add: (line: Line): void => addLine(tallyOf(tallies, line.app, line.channel), line, room),
    report: (): readonly ChannelReport[] => {
      const moves = movesOf(tallies)
      const order = (a: Tally, b: Tally): number => compareText(a.app, b.app) || compareText(a.channel, b.channel)
      return [...tallies.values()].sort(order).map((tally) => reportOf(tally, moves.get(tally)))
    },
  }
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function tallyOf(tallies: Map<string, Tally>, app: string, channel: string): Tally {
  const name = JSON.stringify([app, channel])
  const known = tallies.get(name)
  if (known) return known
  if (tallies.size >= maxChannels && app !== others) return tallyOf(tallies, others, others)
  const tally: Tally = {
    ...{ app, channel, machines: new Map(), isAtLeast: false, syncers: new Set(), syncerChecks: 0 },
    ...{ checks: 0, begun: 0, finished: 0, rebooted: 0, failed: 0, rollbacks: 0 },
    ...{ answers: new Map(), errors: new Map() },
  }
  tallies.set(name, tally)
  return tally
}

/** @param room how many machines may still be counted one by one. */
function addLine(tally: Tally, line: Line, room: { left: number }): void {
  if (line.isSyncer) {
    if (line.answer !== undefined) tally.syncerChecks += 1
    if (tally.syncers.size < maxNames) tally.syncers.add(line.machine)
    return
  }
  const seen = seeMachine(tally, line, room)
  if (line.answer !== undefined) {
    tally.checks += 1
    count(tally.answers, line.answer)
  }
  for (const event of line.reported) {
    addEvent(tally, event)
    if (seen) followUpdate(seen, line, event)
  }
}

function addEvent(tally: Tally, event: Reported): void {
  const { type, result, error = 'unnamed', previous = '' } = event
  if (type === 13 && result === 1) tally.begun += 1
  if (type === 3 && result === 1) tally.finished += 1
  if (isReboot(event) && previous !== '') tally.rebooted += 1
  if (result !== 0) return
  tally[error.startsWith('44 ') ? 'rollbacks' : 'failed'] += 1
  count(tally.errors, error)
}

function seeMachine(tally: Tally, { machine, version, at }: Line, room: { left: number }): Seen | undefined {
  if (machine === '') return undefined
  const seen = tally.machines.get(machine)
  if (seen === undefined && room.left === 0) {
    tally.isAtLeast = true
    return undefined
  }
  if (seen) return at >= seen.at ? Object.assign(seen, { version, at }) : seen
  room.left -= 1
  const first: Seen = { version, at }
  tally.machines.set(machine, first)
  return first
}

function count(counts: Map<string, number>, name: string): void {
  const known = counts.has(name) || counts.size < maxNames ? name : others
  counts.set(known, (counts.get(known) ?? 0) + 1)
}

/** By channel: how many machines came from which other channel of the same app. */
function movesOf(tallies: ReadonlyMap<string, Tally>): ReadonlyMap<Tally, Map<string, number>> {
  const last = new Map<string, Tally>()
  const moves = new Map<Tally, Map<string, number>>()
  const sightings = [...tallies.values()].flatMap((tally) =>
    [...tally.machines].map(([machine, { at }]) => ({ tally, at, name: JSON.stringify([tally.app, machine]) })),
  )
  for (const { tally, name } of sightings.sort((a, b) => a.at - b.at)) {
    const before = last.get(name)
    if (before) {
      const from = moves.get(tally) ?? new Map<string, number>()
      count(from, before.channel)
      moves.set(tally, from)
    }
    last.set(name, tally)
  }
  return moves
}

function reportOf(tally: Tally, moves: ReadonlyMap<string, number> = new Map()): ChannelReport {
  const { machines, syncers, answers, errors, ...numbers } = tally
  const versions = new Map<string, number>()
  let { rebooted } = tally
  for (const seen of machines.values()) {
    count(versions, seen.version)
    if (hasEndedUnsaid(seen)) rebooted += 1
  }
  const newestFirst = [...versions].sort(([a], [b]) => compareVersions(parseVersion(b), parseVersion(a)))
  return {
    ...{ ...numbers, rebooted, machines: machines.size, syncers: syncers.size },
    ...{ answers: byCount(answers), versions: record(newestFirst) },
    ...{ errors: byCount(errors), movedFrom: byCount(moves) },
  }
}

const byCount = (counts: ReadonlyMap<string, number>): Counts => record([...counts].sort(([, a], [, b]) => b - a))

/** Without a prototype: clients choose the names. */
const record = (entries: readonly (readonly [string, number])[]): Counts =>
  Object.assign(Object.create(null), Object.fromEntries(entries))
