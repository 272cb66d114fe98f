/**
 * The fleet as numbers for metrics, read from a projection in short steps: a server answers between them. Texts are those of
 * clients, so every label is bounded; the largest numbers keep their names, and the rest counts as `other`.
 */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import type { Instant } from '../kernel/clock.ts'
import { reasonSentences } from '../release/decide.ts'
import { openForReading } from './database.ts'
import { errorLabel } from './error-label.ts'
import { type State, states } from './machine.ts'

/** Numbers of one kind. */
export interface Family {
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
  /** Values of the labels, and the number. */
  readonly series: readonly Series[]
}

type Series = readonly [labels: readonly string[], value: number]

export interface Known {
  /** Whether the verified catalog names the app, or this channel of it. */
  isKnown(app: string, channel?: string): boolean
  /** Versions that the channel's signed manifest has, as far as it was read. They keep their names before others do. */
  releasesOf(app: string, channel: string): ReadonlySet<string>
}

/** Of one kind, in a scrape. */
const maxSeries = 5_000
/** Of a channel. */
const maxVersions = 20
/** Whose progress is measured. */
const maxReleases = 20
/** A machine without a contact for this long is silent; clients ask every 45 minutes. */
const silentMs = 24 * 60 * 60 * 1000
/** Rows of one step: a few milliseconds. */
const stepRows = 2_000
const other = 'other'

interface Place {
  readonly app: string
  readonly channel: string
}

/** Adds up numbers by labels. */
interface Sums {
  add(labels: readonly string[], n: number): void
  /** The largest; the rest is one number, all of whose labels are `other`. */
  most(): readonly Series[]
}

function newSums(): Sums {
  const sums = new Map<string, [readonly string[], number]>()
  return {
    add(labels, n) {
      const key = labels.join('\n')
      const sum = sums.get(key)
      if (sum) sum[1] += n
      else sums.set(key, [labels, n])
    },
    most() {
      const all = [...sums.values()]
      if (all.length <= maxSeries) return all
      const kept = new Set(largest(all, maxSeries - 1, ([, n]) => n))
      const rest = all.filter((one) => !kept.has(one))
      return [...kept, [(all[0]?.[0] ?? []).map(() => other), rest.reduce((sum, [, n]) => sum + n, 0)]]
    },
  }
}

/** @throws Error of SQLite, PlatteError('usage') while there is no file */
export async function readNumbers(file: string, now: Instant, known: Known): Promise<readonly Family[]> {
  const database = openForReading(file)
  try {
    // One state of the file for all steps.
    database.exec('BEGIN')
    const read = { database, known, textOf: wordsOf(database) }
    const tallies = await readTallies(read)
    return [
      ...familiesOf(tallies, known),
      await readSilent(read, now),
      ...(await readReleases(read, targetsOf(read, tallies))),
      lineCounts(database),
    ]
  } finally {
    database.close()
  }
}

interface Reading {
  readonly database: DatabaseSync
  readonly known: Known
  readonly textOf: (id: SQLOutputValue | undefined) => string
}

function wordsOf(database: DatabaseSync): Reading['textOf'] {
  const words = new Map<unknown, string>()
  const get = database.prepare('SELECT word FROM words WHERE id = ?')
  return (id = 0) => {
    const found = words.get(id) ?? String(get.get(id)?.word ?? other)
    words.set(id, found)
    return found
  }
}

function placeOf({ known, textOf }: Reading, row: Record<string, SQLOutputValue>): Place {
  const [app, channel] = [textOf(row.app), textOf(row.channel)]
  return known.isKnown(app, channel) ? { app, channel } : { app: other, channel: other }
}

interface Version extends Place {
  readonly version: string
  machines: number
  readonly byState: Map<State, number>
}

interface Tallies {
  readonly versions: Map<string, Version>
  readonly waiting: Sums
  readonly failed: Sums
}

async function readTallies(read: Reading): Promise<Tallies> {
  const tallies: Tallies = { versions: new Map(), waiting: newSums(), failed: newSums() }
  const key = ['app', 'channel', 'version', 'state', 'detail', 'syncer'] as const
  const step = read.database.prepare(
    `SELECT * FROM tallies WHERE (${key.join(', ')}) > (?, ?, ?, ?, ?, ?) ORDER BY ${key.join(', ')} LIMIT ${stepRows}`,
  )
  let from: readonly SQLOutputValue[] = key.map(() => -1)
  for (;;) {
    const rows = step.all(...from)
    for (const row of rows) if (row.syncer === 0) addTally(read, tallies, row)
    const last = rows.at(-1)
    if (last === undefined) return tallies
    from = key.map((name) => last[name] ?? 0)
    await setImmediate()
  }
}

function addTally(read: Reading, { versions, waiting, failed }: Tallies, row: Record<string, SQLOutputValue>): void {
  const place = placeOf(read, row)
  const [version, state, n] = [read.textOf(row.version), states[Number(row.state)] ?? 'seen', Number(row.n)]
  const key = [place.app, place.channel, version].join('\n')
  const sum = versions.get(key) ?? { ...place, version, machines: 0, byState: new Map() }
  versions.set(key, sum)
  sum.machines += n
  sum.byState.set(state, (sum.byState.get(state) ?? 0) + n)
  const detail = read.textOf(row.detail)
  if (state === 'waiting') waiting.add([place.app, place.channel, reasonLabel(detail)], n)
  if (state === 'failed') failed.add([place.app, place.channel, errorLabel(detail)], n)
}

/** What is no reason of ours is the client's own, such as its backoff. */
const reasonLabel = (reason: string): string => (Object.hasOwn(reasonSentences, reason) ? reason : 'client')

function familiesOf({ versions, waiting, failed }: Tallies, known: Known): readonly Family[] {
  const machines = newSums()
  const places = Map.groupBy(versions.values(), ({ app, channel }) => `${app}\n${channel}`)
  for (const [place, all] of places) {
    const [app = '', channel = ''] = place.split('\n')
    const named = new Set(app === other ? [] : mostUsed(all, known.releasesOf(app, channel)))
    for (const one of all)
      for (const [state, n] of one.byState) machines.add([app, channel, named.has(one) ? one.version : other, state], n)
  }
  return [
    {
      ...{ name: 'platte_fleet_machines', help: 'Machines by what they run and their state.' },
      ...{ labels: ['app', 'channel', 'version', 'state'], series: machines.most() },
    },
    {
      ...{ name: 'platte_fleet_waiting_machines', help: 'Machines for which something withholds the update.' },
      ...{ labels: ['app', 'channel', 'reason'], series: waiting.most() },
    },
    {
      ...{ name: 'platte_fleet_failed_machines', help: 'Machines whose last update failed, by error code.' },
      ...{ labels: ['app', 'channel', 'errorcode'], series: failed.most() },
    },
  ]
}

const mostUsed = (all: readonly Version[], releases: ReadonlySet<string>): readonly Version[] =>
  largest(all, maxVersions, ({ version, machines }) => machines + (releases.has(version) ? 1e9 : 0))

/** In one pass, as there may be as many as clients make up. */
function largest<T>(all: readonly T[], most: number, sizeOf: (one: T) => number): readonly T[] {
  if (all.length <= most) return all
  const sizes = Float64Array.from(all, sizeOf)
  const least = sizes.toSorted().at(-most) ?? 0
  const above = all.filter((_, i) => Number(sizes[i]) > least)
  return [...above, ...all.filter((_, i) => sizes[i] === least).slice(0, most - above.length)]
}

async function readSilent(read: Reading, now: Instant): Promise<Family> {
  const silent = newSums()
  const step = read.database.prepare(
    `SELECT app, channel, count(*) AS n FROM contacts CROSS JOIN machines USING (id)
     WHERE id >= ? AND id < ? AND last < ? AND syncer = 0 GROUP BY 1, 2`,
  )
  await steps(read.database, 'id', 'FROM contacts', [], (from, to) => {
    for (const row of step.all(from, to, now - silentMs)) {
      const { app, channel } = placeOf(read, row)
      silent.add([app, channel], Number(row.n))
    }
  })
  return {
    ...{ name: 'platte_fleet_silent_machines', help: 'Machines without a contact for 24 hours.' },
    ...{ labels: ['app', 'channel'], series: silent.most() },
  }
}

/** Goes through a range of ids. @param of the rest of a query. */
async function steps(
  database: DatabaseSync,
  id: string,
  of: string,
  values: readonly number[],
  take: (from: number, to: number) => void,
): Promise<void> {
  // One query for both would read all rows.
  const [least, most] = ['min', 'max'].map(
    (one) => database.prepare(`SELECT ${one}(${id}) AS id ${of}`).get(...values)?.id,
  )
  if (typeof least !== 'number' || typeof most !== 'number') return
  for (let from = least; from <= most; from += stepRows) {
    take(from, from + stepRows)
    await setImmediate()
  }
}

interface Target {
  readonly app: string
  readonly version: string
}

const updating: readonly State[] = ['offered', 'downloading', 'downloaded', 'installed', 'failed', 'fell-back']

/** Releases that machines update to now, by those that began last; then what most machines run. */
function targetsOf({ database, known, textOf }: Reading, { versions }: Tallies): readonly Target[] {
  const targets = newSums()
  for (const state of updating) {
    // Said literally, the index of these states serves.
    const recent = `SELECT app, target FROM machines WHERE state = ${states.indexOf(state)} AND state > 1 AND target > 0
      AND syncer = 0 ORDER BY since DESC LIMIT 200`
    for (const { app, target, n } of database
      .prepare(`SELECT app, target, count(*) AS n FROM (${recent}) GROUP BY 1, 2`)
      .all())
      targets.add([textOf(app), textOf(target)], Number(n) + 1e9)
  }
  for (const { app, version, machines } of largest([...versions.values()], maxSeries, (one) => one.machines))
    targets.add([app, version], machines)
  const hasProgress = database.prepare(
    `SELECT 1 FROM progress WHERE app = (SELECT id FROM words WHERE word = ?)
     AND target = (SELECT id FROM words WHERE word = ?) LIMIT 1`,
  )
  return targets
    .most()
    .toSorted(([, a], [, b]) => b - a)
    .map(([[app = '', version = '']]) => ({ app, version }))
    .filter(({ app }) => known.isKnown(app))
    .filter(({ app, version }) => hasProgress.get(app, version))
    .slice(0, maxReleases)
}

const isFailed = 'done IS NULL AND fell_back IS NULL AND failed >= coalesce(installed, 0)'

async function readReleases({ database, textOf }: Reading, targets: readonly Target[]): Promise<readonly Family[]> {
  const [progress, failed] = [newSums(), newSums()]
  const of = 'FROM progress WHERE app = ? AND target = ?'
  const idOf = database.prepare('SELECT id FROM words WHERE word = ?')
  const step = database.prepare(
    `SELECT CASE WHEN ${isFailed} THEN coalesce(error, 0) END AS error, count(*) AS n, count(offered) AS offered,
     count(coalesce(begun, installed, done)) AS begun, count(coalesce(installed, done)) AS installed, count(done) AS done,
     sum(done IS NULL AND fell_back IS NOT NULL) AS fell_back ${of} AND machine >= ? AND machine < ? GROUP BY 1`,
  )
  for (const { app, version } of targets) {
    const ids = [Number(idOf.get(app)?.id), Number(idOf.get(version)?.id)] as const
    await steps(database, 'machine', of, ids, (from, to) => {
      for (const { error, n, ...row } of step.all(...ids, from, to)) {
        for (const [name, value] of Object.entries(row))
          progress.add([app, version, name.replace('_', '-')], Number(value))
        progress.add([app, version, 'failed'], error === null ? 0 : Number(n))
        if (error !== null) failed.add([app, version, errorLabel(textOf(error))], Number(n))
      }
    })
  }
  return [
    {
      ...{ name: 'platte_fleet_release_machines', help: 'Machines by how far they came with a release; steps add up.' },
      ...{ labels: ['app', 'version', 'step'], series: progress.most() },
    },
    {
      ...{ name: 'platte_fleet_release_failed_machines', help: 'Machines whose last try of a release failed.' },
      ...{ labels: ['app', 'version', 'errorcode'], series: failed.most() },
    },
  ]
}

const lineCounts = (database: DatabaseSync): Family => ({
  ...{ name: 'platte_fleet_lines', help: 'Lines that are of no machine that is kept.', labels: ['kind'] },
  series: database
    .prepare('SELECT name, n FROM counts')
    .all()
    .map(({ name, n }) => [[String(name)], Number(n)] as const),
})
