/** 500 machines in 14 states: every count and list is that of the generator's own record, through each source of lines. */
import { describe, expect, test } from 'vitest'
import { followStore } from '../../src/fleet/follow.ts'
import { states } from '../../src/fleet/machine.ts'
import { openProjection } from '../../src/fleet/projection.ts'
import { type FleetReader, type MachineFilter, readFleet } from '../../src/fleet/reader.ts'
import { readCurves } from '../../src/fleet-site/curves.ts'
import { memoryDocuments } from '../memory.ts'
import { app, type Expected, filesOf, makeFleet, next, old, scripts, sources, start, store } from './generator.ts'

const hour = 60 * 60 * 1000
const now = start + 4 * hour
const { lines, machines } = makeFleet(500)
const names = Object.keys(scripts)
const namedOf = (...wanted: readonly string[]): readonly Expected[] =>
  machines.filter((_, i) => wanted.includes(names[i % names.length] ?? ''))
const countOf = (...wanted: readonly string[]): number => namedOf(...wanted).length

/** How many machines have each of these, by what they are. */
function countBy<Row extends object>(rows: readonly Row[]): readonly (Row & { readonly machines: number })[] {
  const counts = new Map<string, number>()
  for (const row of rows) counts.set(JSON.stringify(row), (counts.get(JSON.stringify(row)) ?? 0) + 1)
  return [...counts].map(([row, n]) => ({ ...JSON.parse(row), machines: n }))
}

const sorted = <Row extends object>(rows: readonly Row[]): readonly string[] =>
  rows.map((row) => JSON.stringify(Object.entries(row).sort())).sort()

/** Spans of ten minutes, which is how exactly silence is counted. */
const span = (at: number): number => Math.floor(at / (hour / 6))

const filters: readonly MachineFilter[] = [undefined, ...states].flatMap((state) =>
  [undefined, old, next].flatMap((version) => [
    ...[undefined, 'azure'].flatMap((oem) =>
      [undefined, start + hour].map((silentSince) => ({ state, version, oem, silentSince })),
    ),
    ...['stable', 'beta'].flatMap((channel) =>
      [undefined, '1f'].map((search) => ({ state, version, channel, search })),
    ),
  ]),
)

const matches = ({ search, silentSince = Number.POSITIVE_INFINITY, ...same }: MachineFilter) =>
  machines.filter(
    (one) =>
      Object.entries(same).every(([name, value]) => value === undefined || one[name as 'oem'] === value) &&
      one.last < silentSince &&
      one.machine.includes(search ?? ''),
  )

function expectMachines(fleet: FleetReader): void {
  for (const want of machines) {
    const found = fleet.machine(want.machine)
    const { changes, runs, ...row } = want
    expect(found, want.machine).toMatchObject([{ ...row, app, board: 'amd64-usr' }])
    const passed = found[0]?.changes ?? []
    expect(passed, JSON.stringify(passed)).toHaveLength(changes)
    const ran = passed.filter(
      (one, i) => one.version !== passed[i - 1]?.version || one.channel !== passed[i - 1]?.channel,
    )
    expect(ran.map(({ at, channel, version }) => ({ at, channel, version }))).toEqual(runs)
  }
}

function expectLists(fleet: FleetReader): void {
  expect(filters).toHaveLength(264)
  for (const filter of filters) {
    const listed = fleet.machines(filter, { limit: 1_000, offset: 0 }).map(({ machine }) => machine)
    const wanted = matches(filter).map(({ machine }) => machine)
    expect([listed.toSorted(), fleet.howMany(filter)], JSON.stringify(filter)).toEqual([wanted, wanted.length])
  }
}

function expectCounts(fleet: FleetReader): void {
  const tallies = countBy(
    machines.map(({ channel, version, state, detail }) => ({ app, channel, version, state, detail })),
  )
  expect(sorted(fleet.tallies())).toEqual(sorted(tallies))
  expect(fleet.moved()).toEqual([{ app, channel: 'stable', cameFrom: 'beta', machines: countOf('moved channels') }])
  expect([fleet.counts(), fleet.syncers()]).toEqual([{}, []])
  for (let since = start - hour / 6; since < now; since += hour / 6) {
    const silent = machines.filter(({ last }) => span(last) < span(since)).length
    expect(fleet.silent(since)).toEqual(silent === 0 ? [] : [{ app, channel: 'stable', machines: silent }])
  }
  const hours = [-1, 0, 1, 2, 3].map((n) => start / hour + n)
  const trend = countBy(
    machines.flatMap(({ runs }) =>
      hours.flatMap((at) => {
        const run = runs.findLast((one) => Math.floor(one.at / hour) <= at)
        return run ? [{ at, channel: run.channel, version: run.version }] : []
      }),
    ),
  )
  const found = fleet
    .trend(hours)
    .flatMap(({ channel, version, machines: counts }) =>
      counts.flatMap((n, i) => (n === 0 ? [] : [{ at: hours[i], channel, version, machines: n }])),
    )
  expect(sorted(found)).toEqual(sorted(trend))
}

function expectProgress(fleet: FleetReader): void {
  const rebooted = ['just rebooted', 'done by go-omaha']
  const failed = { '9 download-transfer': countOf('failing downloads'), '10 payload-hash': countOf('wrong bytes') }
  const ended = countOf(...rebooted, 'failing downloads', 'wrong bytes', 'fell back')
  expect(fleet.release(next)).toMatchObject([
    {
      ...{ app, version: next, done: countOf(...rebooted), failed, fellBack: countOf('fell back') },
      offered: 500 - countOf('up to date', 'only pings', 'not in the ramp', 'moved channels'),
      begun: 500 - countOf('up to date', 'only pings', 'not in the ramp', 'moved channels', 'offered', 'held'),
      installed: countOf('waiting for its reboot', 'fell back', ...rebooted),
      success: { share: countOf(...rebooted) / ended },
      medianMs: hour,
    },
  ])
  expect([fleet.release(next, app).length, fleet.release(next, 'another'), fleet.release(old)]).toEqual([1, [], []])
}

describe.each(sources)('through %s', (source) => {
  test('every machine, count and list is that of the record', async () => {
    const documents = memoryDocuments()
    await store(documents, filesOf(lines, source))
    const projection = openProjection(':memory:', { clock: () => now, keepMs: 30 * 24 * hour })
    await followStore(documents, projection, { since: now - 24 * hour, until: now })
    const fleet = readFleet(projection.database)
    for (const look of [expectMachines, expectLists, expectCounts, expectProgress]) look(fleet)
    const offered = 500 - countOf('up to date', 'only pings', 'not in the ramp', 'moved channels')
    const installed = countOf('waiting for its reboot', 'fell back', 'just rebooted')
    const done = countOf('just rebooted', 'done by go-omaha')
    const time = { from: start + 24 * hour, stepMs: hour, count: 1 }
    expect(readCurves(projection.database, { app, version: next, channel: 'stable' }, time)).toEqual({
      ...{ offered: [offered], installed: [installed], done: [done] },
    })
    projection.close()
  })
})
