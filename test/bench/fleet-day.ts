/** A day of a fleet, followed from files of events as after a long stop; then queries. Started by fleet.ts. */
import { statSync } from 'node:fs'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { eventsKey } from '../../src/documents/paths.ts'
import { openForReading } from '../../src/fleet/database.ts'
import { followStore } from '../../src/fleet/follow.ts'
import { machineSorts } from '../../src/fleet/machine-list.ts'
import { openProjection } from '../../src/fleet/projection.ts'
import { type FleetReader, readFleet } from '../../src/fleet/reader.ts'
import type { Documents } from '../../src/store/documents.ts'
import { memoryDocuments } from '../memory.ts'
import { peakMegabytes, report } from './child.ts'
import { cpuSeconds, type FleetDay } from './fleet.ts'
import { idOf, linesOf, roundMs, roundsOfDay, start, updatingOnce } from './fleet-lines.ts'
import { median } from './stats.ts'

const [file = '', count = '10000'] = process.argv.slice(2)
const machines = Number(count)
const minutes = roundMs / 60_000
const dayMs = roundsOfDay * roundMs

/** A file a minute. Files are made when they are read: all together they would take gigabytes. */
const keys = new Map(
  Array.from({ length: roundsOfDay * minutes }, (_, minute) => [eventsKey(start + minute * 60_000, minute), minute]),
)
let [made, makingSeconds] = [0, 0]

async function bytesOf(minute: number): Promise<Uint8Array> {
  const before = cpuSeconds()
  const [round, part] = [Math.floor(minute / minutes), minute % minutes]
  const [from, to] = [part, part + 1].map((one) => Math.floor((one * machines) / minutes))
  const lines = linesOf(updatingOnce, round, machines, from, to)
  made += lines.length
  const bytes = await promisify(gzip)(`${lines.join('\n')}\n`, { level: 1 })
  makingSeconds += cpuSeconds() - before
  return bytes
}

const documents: Documents = {
  ...memoryDocuments(),
  get: async (key) => ({ bytes: await bytesOf(keys.get(key) ?? 0), token: '' as never }),
  async *list(prefix) {
    for (const key of keys.keys()) if (key.startsWith(prefix)) yield key
  },
  async *folders() {
    yield* new Set([...keys.keys()].map((key) => key.split('/')[1] ?? ''))
  },
}

async function catchUp(): Promise<number> {
  const projection = openProjection(file, { clock: () => start + dayMs, keepMs: 30 * dayMs })
  const before = cpuSeconds()
  await followStore(documents, projection, { since: start, until: start + dayMs })
  projection.close()
  return cpuSeconds() - before - makingSeconds
}

function openAgain(): number {
  const before = cpuSeconds()
  openProjection(file, { clock: () => start + dayMs, keepMs: 30 * dayMs }).close()
  return cpuSeconds() - before
}

/** Everything that commands and pages ask for, at its worst. */
function queriesOf(fleet: FleetReader): Readonly<Record<string, () => unknown>> {
  const hours = Array.from({ length: 24 }, (_, i) => start / 3_600_000 + i)
  const deep = (sort: (typeof machineSorts)[number]) => {
    // The last page, and from it back into the middle of the list.
    const end = fleet.page({}, { sort, isDescending: true, limit: Math.min(20_000, machines >> 1) })
    return () => fleet.page({}, { sort, isDescending: true, limit: 100, after: end.next })
  }
  return {
    tallies: () => fleet.tallies(),
    moved: () => fleet.moved(),
    silent: () => fleet.silent(start + dayMs - roundMs / 2),
    trend: () => fleet.trend(hours),
    release: () => fleet.release('4152.2.0'),
    machine: () => fleet.machine(idOf(machines >> 1)),
    'count all': () => fleet.howMany({}),
    'count a state of an OEM': () => fleet.howMany({ state: 'up-to-date', oem: 'azure', channel: 'stable' }),
    'count silent': () => fleet.howMany({ silentSince: start + dayMs - roundMs / 2, version: '4152.2.0' }),
    search: () => fleet.page({ search: idOf(7).slice(3, 11), oem: 'azure' }, { sort: 'last', limit: 100 }),
    'count what is searched': () => fleet.howMany({ search: idOf(7).slice(3, 6) }),
    'offset in the middle': () => fleet.machines({}, { limit: 100, offset: machines >> 1 }),
    ...Object.fromEntries(
      machineSorts.flatMap((sort) => [
        [`first page by ${sort}`, () => fleet.page({ version: '4152.2.0', oem: 'azure' }, { sort, limit: 100 })],
        [`deep page by ${sort}`, deep(sort)],
      ]),
    ),
  }
}

const runs = 5

function cpuMsOf(query: () => unknown): number {
  return median(
    Array.from({ length: runs }, () => {
      const before = cpuSeconds()
      query()
      return (cpuSeconds() - before) * 1000
    }),
  )
}

const caughtUp = await catchUp()
const opened = openAgain()
const found = Object.entries(queriesOf(readFleet(openForReading(file)))).map(([name, query]) => [name, cpuMsOf(query)])
const day: FleetDay = {
  ...{ lines: made, caughtUp, opened, fileMegabytes: statSync(file).size / 1e6, peakMegabytes: peakMegabytes() },
  queries: Object.fromEntries(found),
}
if (process.send) report(day)
else process.stdout.write(`${JSON.stringify(day, undefined, 2)}\n`)
