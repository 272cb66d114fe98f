/** Everything that is read of a projection, in an order that does not depend on how it came about. */
import { DatabaseSync } from 'node:sqlite'
import { readFleet } from '../../src/fleet/reader.ts'
import { readCurves } from '../../src/fleet-site/curves.ts'
import { app, next, start } from './generator.ts'

const hour = 60 * 60 * 1000

/** @param from of `makeFleet`. */
export function everything(file: string, from = start) {
  const database = new DatabaseSync(file, { readOnly: true, timeout: 10_000 })
  const fleet = readFleet(database)
  const rows = fleet.machines({}, { limit: 10_000, offset: 0 })
  const found = {
    tallies: fleet.tallies(),
    moved: fleet.moved(),
    silent: [0, 1, 2].map((hours) => fleet.silent(from + hours * hour)),
    counts: fleet.counts(),
    machines: rows.toSorted((a, b) => (a.machine < b.machine ? -1 : 1)),
    histories: rows.map(({ machine }) => [machine, fleet.machine(machine).map(({ changes }) => changes)]).sort(),
    releases: fleet.release(next),
    curves: readCurves(database, { app, version: next, channel: 'stable' }, { from, stepMs: 10 * 60_000, count: 20 }),
    trend: fleet
      .trend([from / hour, from / hour + 2])
      .toSorted((a, b) => (a.version + a.channel < b.version + b.channel ? -1 : 1)),
  }
  database.close()
  return found
}
