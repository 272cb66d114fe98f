/** What a projection says of the fleet: the one reading that commands and pages share. */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import type { Instant } from '../kernel/clock.ts'
import type { shareInterval } from '../kernel/wilson.ts'
import { compareVersions, parseVersion } from '../release/version.ts'
import { type Change, type State, states } from './machine.ts'
import {
  listMachines,
  type MachineFilter,
  type MachinePage,
  type MachineRow,
  type PageOfMachines,
  type Row,
  stateOf,
} from './machine-list.ts'
import { releasesOf } from './release-steps.ts'
import { spanMs } from './slots.ts'
import { openWords, type Words } from './words.ts'

export type { MachineFilter, MachinePage, MachineRow } from './machine-list.ts'

/** How many machines; names are those of machines, states of `machine.ts`. */
export interface Tally {
  readonly app: string
  readonly channel: string
  readonly version: string
  readonly state: State
  /** The reason of `waiting`, the error of `failed`. */
  readonly detail: string
  readonly machines: number
}

export interface ReleaseProgress {
  readonly app: string
  readonly version: string
  readonly offered: number
  readonly begun: number
  readonly installed: number
  readonly done: number
  /** Machines whose last try failed, by error. */
  readonly failed: Readonly<Record<string, number>>
  readonly fellBack: number
  /** Done, of those that are done, failed or fell back; with its 95 % interval. */
  readonly success: ReturnType<typeof shareInterval>
  /** From the offer to the new version, ms, to three digits; the median. */
  readonly medianMs: number | undefined
}

export interface FleetReader {
  /** Machines by app, channel, version (newest first), state and detail; syncers are counted apart. */
  tallies(): readonly Tally[]
  syncers(): readonly Pick<Tally, 'app' | 'channel' | 'machines'>[]
  /** Lines that are of no machine. */
  counts(): Readonly<Record<string, number>>
  /** How many machines had no contact since then, to ten minutes, by app and channel. */
  silent(since: Instant): readonly Pick<Tally, 'app' | 'channel' | 'machines'>[]
  /** Machines that came from another channel. */
  moved(): readonly (Pick<Tally, 'app' | 'channel' | 'machines'> & { readonly cameFrom: string })[]
  machines(filter: MachineFilter, page: MachinePage): readonly MachineRow[]
  /** Machines with what leads to the pages around them: as quick at the end of a million as at its start. */
  page(filter: MachineFilter, page: MachinePage): PageOfMachines
  howMany(filter: MachineFilter): number
  /** Of every app with a machine of that id or alias. */
  machine(id: string): readonly (MachineRow & { readonly changes: readonly Change[] })[]
  release(version: string, app?: string): readonly ReleaseProgress[]
  /** Machines by version at the end of each of these hours (of Unix time). @param channels without them, all. */
  trend(
    hours: readonly number[],
    channels?: readonly Pick<Tally, 'app' | 'channel'>[],
  ): readonly (Pick<Tally, 'app' | 'channel' | 'version'> & { machines: readonly number[] })[]
}

export function readFleet(database: DatabaseSync): FleetReader {
  const words = openWords(database)
  const all = (sql: string, ...values: (string | number)[]): readonly Row[] => {
    words.refresh()
    return database.prepare(sql).all(...values)
  }
  const text = (value: SQLOutputValue | undefined): string => words.textOf(Number(value))
  const place = (row: Row) => ({ app: text(row.app), channel: text(row.channel), machines: Number(row.n) })
  const list = listMachines(database, words)
  return {
    tallies: () =>
      all(
        `SELECT app, channel, version, state, detail, sum(n) AS n FROM tallies WHERE syncer = 0 GROUP BY 1, 2, 3, 4, 5`,
      )
        .map((row) => ({
          ...place(row),
          ...{ version: text(row.version), state: stateOf(row), detail: text(row.detail) },
        }))
        .sort(inOrder),
    syncers: () => all('SELECT app, channel, sum(n) AS n FROM tallies WHERE syncer = 1 GROUP BY 1, 2').map(place),
    counts: () => Object.fromEntries(all('SELECT name, n FROM counts').map(({ name, n }) => [name, Number(n)])),
    silent: (since) =>
      all('SELECT app, channel, sum(n) AS n FROM silence WHERE span < ? GROUP BY 1, 2', Math.floor(since / spanMs)).map(
        place,
      ),
    moved: () =>
      all(
        `SELECT app, channel, came_from, sum(n) AS n FROM tallies WHERE syncer = 0 AND came_from > 0 GROUP BY 1, 2, 3`,
      ).map((row) => ({ ...place(row), cameFrom: text(row.came_from) })),
    ...list,
    machines: (filter, page) => list.page(filter, page).machines,
    release(version, app) {
      words.refresh()
      const rows = all('SELECT * FROM releases WHERE target = ? ORDER BY app, step, detail', words.known(version) ?? -1)
      const apps = [...new Set(rows.map((row) => row.app))].filter((id) => app === undefined || text(id) === app)
      return apps.map((id) => ({
        ...{ app: text(id), version },
        ...releasesOf(
          rows.filter((row) => row.app === id),
          words.textOf,
        ),
      }))
    },
    trend(hours, channels) {
      words.refresh()
      const of = ({ app, channel }: Pick<Tally, 'app' | 'channel'>) =>
        all('SELECT * FROM trend WHERE app = ? AND channel = ?', words.known(app) ?? -1, words.known(channel) ?? -1)
      return trendOf(channels?.flatMap(of) ?? all('SELECT * FROM trend'), words, hours)
    },
  }
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
const newestFirst = (a: string, b: string): number =>
  compareVersions(parseVersion(b), parseVersion(a)) || compareText(a, b)

const inOrder = (a: Tally, b: Tally): number =>
  compareText(a.app, b.app) ||
  compareText(a.channel, b.channel) ||
  newestFirst(a.version, b.version) ||
  states.indexOf(a.state) - states.indexOf(b.state) ||
  b.machines - a.machines ||
  compareText(a.detail, b.detail)

function trendOf(rows: readonly Row[], words: Words, hours: readonly number[]) {
  const found = new Map<string, number[]>()
  for (const { app, channel, version, hour, n } of rows) {
    const name = [app, channel, version].join(' ')
    const counts = found.get(name) ?? hours.map(() => 0)
    found.set(name, counts)
    hours.forEach((at, i) => {
      if (Number(hour) <= at) counts[i] = (counts[i] ?? 0) + Number(n)
    })
  }
  return [...found].map(([name, machines]) => {
    const [app = '', channel = '', version = ''] = name.split(' ').map((id) => words.textOf(Number(id)))
    return { app, channel, version, machines }
  })
}
