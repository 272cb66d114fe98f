/** The fleet as numbers for metrics, read from its projection. Texts are those of clients, so every label is bounded. */
import type { DatabaseSync } from 'node:sqlite'
import { openForReading } from '../fleet/database.ts'
import { type State, states } from '../fleet/machine.ts'
import { spanMs } from '../fleet/slots.ts'
import type { Instant } from '../kernel/clock.ts'
import { reasonSentences } from '../release/decide.ts'
import { errorLabel } from './error-label.ts'
import { type Known, type Place, placeOf, type Reading, type Row, readingOf } from './reading.ts'
import { readReleases } from './release-numbers.ts'
import { type Family, largest, newSums, other, type Sums } from './sums.ts'

/** Of a channel. */
const maxVersions = 20
/** A machine without a contact for this long is silent; clients ask every 45 minutes. */
const silentMs = 24 * 60 * 60 * 1000

/** @throws Error of SQLite, PlatteError('usage') while there is no file */
export async function readNumbers(file: string, now: Instant, known: Known): Promise<readonly Family[]> {
  const database = openForReading(file)
  try {
    // One state of the file for all steps.
    database.exec('BEGIN')
    const read = readingOf(database, known)
    return [
      ...familiesOf(await readTallies(read), known),
      await readSilent(read, now),
      ...(await readReleases(read)),
      lineCounts(database),
    ]
  } finally {
    database.close()
  }
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

const tallyKey = ['app', 'channel', 'version', 'state', 'detail', 'came_from', 'syncer']

async function readTallies(read: Reading): Promise<Tallies> {
  const tallies: Tallies = { versions: new Map(), waiting: newSums(), failed: newSums() }
  await read.each('tallies', tallyKey, (row) => {
    if (row.syncer === 0) addTally(read, tallies, row)
  })
  return tallies
}

function addTally(read: Reading, { versions, waiting, failed }: Tallies, row: Row): void {
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

async function readSilent(read: Reading, now: Instant): Promise<Family> {
  const silent = newSums()
  await read.each('silence', ['app', 'channel', 'span'], (row) => {
    if (Number(row.span) >= Math.floor((now - silentMs) / spanMs)) return
    const { app, channel } = placeOf(read, row)
    silent.add([app, channel], Number(row.n))
  })
  return {
    ...{ name: 'platte_fleet_silent_machines', help: 'Machines without a contact for 24 hours.' },
    ...{ labels: ['app', 'channel'], series: silent.most() },
  }
}

const lineCounts = (database: DatabaseSync): Family => ({
  ...{ name: 'platte_fleet_lines', help: 'Lines that are of no machine that is kept.', labels: ['kind'] },
  series: database
    .prepare('SELECT name, n FROM counts')
    .all()
    .map(({ name, n }) => [[String(name)], Number(n)] as const),
})
