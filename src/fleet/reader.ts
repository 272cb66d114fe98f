/** What a projection says of the fleet: the one reading that commands and pages share. */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import type { Instant } from '../kernel/clock.ts'
import { compareVersions, parseVersion } from '../release/version.ts'
import { decodeFacts } from './facts-codec.ts'
import { type Change, lifeOf, type State, states } from './machine.ts'
import { shareInterval } from './wilson.ts'
import { openWords, type Words } from './words.ts'

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

export interface MachineRow {
  readonly app: string
  readonly machine: string
  readonly alias: string
  readonly board: string
  readonly oem: string
  readonly oemVersion: string
  readonly channel: string
  readonly version: string
  readonly state: State
  readonly detail: string
  /** The version that it updates to. */
  readonly target: string
  /** When the state began. */
  readonly since: Instant
  readonly first: Instant
  readonly last: Instant
  /** The channel that it was in before. */
  readonly cameFrom: string
}

export interface MachineFilter {
  readonly app?: string | undefined
  readonly channel?: string | undefined
  readonly version?: string | undefined
  readonly state?: State | undefined
  readonly oem?: string | undefined
  /** Without a contact since then. */
  readonly silentSince?: Instant | undefined
  /** A part of the id or the alias. */
  readonly search?: string | undefined
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
  /** From the offer to the new version, ms; the median. */
  readonly medianMs: number | undefined
}

type Row = Readonly<Record<string, SQLOutputValue>>

export interface FleetReader {
  /** Machines by app, channel, version (newest first), state and detail; syncers are counted apart. */
  tallies(): readonly Tally[]
  syncers(): readonly Pick<Tally, 'app' | 'channel' | 'machines'>[]
  /** Lines that are of no machine. */
  counts(): Readonly<Record<string, number>>
  /** How many machines had no contact since then, by app and channel. */
  silent(since: Instant): readonly Pick<Tally, 'app' | 'channel' | 'machines'>[]
  /** Machines that came from another channel. */
  moved(): readonly (Pick<Tally, 'app' | 'channel' | 'machines'> & { readonly cameFrom: string })[]
  machines(filter: MachineFilter, page: { readonly limit: number; readonly offset: number }): readonly MachineRow[]
  howMany(filter: MachineFilter): number
  /** Of every app with a machine of that id or alias. */
  machine(id: string): readonly (MachineRow & { readonly changes: readonly Change[] })[]
  release(version: string, app?: string): readonly ReleaseProgress[]
  /** Machines by version at the end of each of these hours (of Unix time), ascending. */
  trend(
    hours: readonly number[],
  ): readonly (Pick<Tally, 'app' | 'channel' | 'version'> & { machines: readonly number[] })[]
}

export function readFleet(database: DatabaseSync): FleetReader {
  const words = openWords(database)
  const all = (sql: string, ...values: (string | number)[]): readonly Row[] => database.prepare(sql).all(...values)
  const text = (value: SQLOutputValue | undefined): string => words.textOf(Number(value))
  const place = (row: Row) => ({ app: text(row.app), channel: text(row.channel), machines: Number(row.n) })
  const where = (filter: MachineFilter) => conditionsOf(filter, words)
  const selection = 'FROM machines JOIN contacts USING (id) WHERE syncer = 0'
  return {
    tallies: () =>
      all('SELECT * FROM tallies WHERE syncer = 0')
        .map((row) => ({
          ...place(row),
          ...{ version: text(row.version), state: stateOf(row), detail: text(row.detail) },
        }))
        .sort(inOrder),
    syncers: () => all('SELECT app, channel, sum(n) AS n FROM tallies WHERE syncer = 1 GROUP BY 1, 2').map(place),
    counts: () => Object.fromEntries(all('SELECT name, n FROM counts').map(({ name, n }) => [name, Number(n)])),
    silent: (since) =>
      all(`SELECT app, channel, count(*) AS n ${selection} AND last < ? GROUP BY 1, 2`, since).map(place),
    moved: () =>
      all(`SELECT app, channel, came_from, count(*) AS n ${selection} AND came_from > 0 GROUP BY 1, 2, 3`).map(
        (row) => ({
          ...place(row),
          cameFrom: text(row.came_from),
        }),
      ),
    machines(filter, { limit, offset }) {
      const { sql, values } = where(filter)
      const order = filter.state === undefined ? 'id' : 'since DESC, id'
      const rows = all(`SELECT * ${selection}${sql} ORDER BY ${order} LIMIT ? OFFSET ?`, ...values, limit, offset)
      return rows.map((row) => machineOf(row, words))
    },
    howMany(filter) {
      const { sql, values } = where(filter)
      return Number(all(`SELECT count(*) AS n ${selection}${sql}`, ...values)[0]?.n)
    },
    machine: (id) =>
      all(
        'SELECT * FROM machines JOIN contacts USING (id) WHERE machine = ? OR (alias = ? AND alias > ?)',
        id,
        id,
        '',
      ).map((row) => ({ ...machineOf(row, words), changes: changesOf(row, words) })),
    release: (version, app) =>
      appsWith(database, words, version)
        .filter((id) => app === undefined || words.textOf(id) === app)
        .map((id) => releaseOf(all, words, id, version)),
    trend: (hours) => trendOf(all('SELECT * FROM trend ORDER BY hour'), words, hours),
  }
}

const stateOf = (row: Row): State => states[Number(row.state)] ?? 'seen'

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

function machineOf(row: Row, words: Words): MachineRow {
  const text = (name: string): string => words.textOf(Number(row[name]))
  const [board = '', oem = '', oemVersion = ''] = text('identity').split('\t')
  return {
    ...{ app: text('app'), machine: String(row.machine), alias: String(row.alias), board, oem, oemVersion },
    ...{ channel: text('channel'), version: text('version'), state: stateOf(row), detail: text('detail') },
    ...{ target: text('target'), since: Number(row.since), first: Number(row.first), last: Number(row.last) },
    cameFrom: text('came_from'),
  }
}

function changesOf(row: Row, words: Words): readonly Change[] {
  const current = words.meaningOfId(Number(row.current))
  const facts = decodeFacts(row.facts as Uint8Array, words)
  return lifeOf(facts.map((fact) => (fact.meaning === current ? { ...fact, last: Number(row.last) } : fact))).changes
}

function conditionsOf({ search, silentSince, state, oem, ...names }: MachineFilter, words: Words) {
  const conditions: (readonly [string, ...(string | number)[]])[] = []
  for (const [column, name] of Object.entries(names))
    if (name !== undefined) conditions.push([`${column} = ?`, words.known(name) ?? -1])
  // Said literally, the index of the rarer states serves.
  if (state !== undefined) conditions.push([`state = ${states.indexOf(state)}`])
  if (oem !== undefined)
    conditions.push(['identity IN (SELECT id FROM words WHERE word LIKE ? ESCAPE ?)', `%\t${like(oem)}\t%`, '\\'])
  if (silentSince !== undefined) conditions.push(['last < ?', silentSince])
  if (search !== undefined) {
    const part = `%${like(search)}%`
    conditions.push(['(machine LIKE ? ESCAPE ? OR alias LIKE ? ESCAPE ?)', part, '\\', part, '\\'])
  }
  return {
    sql: conditions.map(([sql]) => ` AND ${sql}`).join(''),
    values: conditions.flatMap(([, ...values]) => values),
  }
}

const like = (text: string): string => text.replace(/[\\%_]/g, '\\$&')

const appsWith = (database: DatabaseSync, words: Words, version: string): readonly number[] =>
  database
    .prepare('SELECT DISTINCT app FROM progress WHERE app IN (SELECT DISTINCT app FROM tallies) AND target = ?')
    .all(words.known(version) ?? -1)
    .map(({ app }) => Number(app))

function releaseOf(
  all: (sql: string, ...values: number[]) => readonly Row[],
  words: Words,
  app: number,
  version: string,
) {
  const target = words.known(version) ?? -1
  const of = 'FROM progress WHERE app = ? AND target = ?'
  const [row = {}] = all(
    `SELECT count(offered) AS offered, count(coalesce(begun, installed, done)) AS begun,
     count(coalesce(installed, done)) AS installed, count(done) AS done,
     sum(done IS NULL AND fell_back IS NOT NULL) AS fell_back ${of}`,
    ...[app, target],
  )
  const failures = all(
    `SELECT error, count(*) AS n ${of} AND done IS NULL AND fell_back IS NULL AND failed >= coalesce(installed, 0)
     GROUP BY 1 ORDER BY 2 DESC, 1`,
    ...[app, target],
  )
  const failed = failures.reduce((sum, { n }) => sum + Number(n), 0)
  const [done, fellBack] = [Number(row.done), Number(row.fell_back)]
  const times = `SELECT done - offered AS ms ${of} AND done >= offered ORDER BY 1 LIMIT 1 OFFSET ?`
  const [{ n = 0 } = {}] = all(`SELECT count(*) AS n ${of} AND done >= offered`, app, target)
  const [median] = all(times, app, target, Math.floor((Number(n) - 1) / 2))
  return {
    ...{ app: words.textOf(app), version, offered: Number(row.offered), begun: Number(row.begun) },
    ...{ installed: Number(row.installed), done, fellBack },
    failed: Object.fromEntries(failures.map((one) => [words.textOf(Number(one.error)), Number(one.n)])),
    success: shareInterval(done, done + failed + fellBack),
    medianMs: median && Number(median.ms),
  }
}

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
