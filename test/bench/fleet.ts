/** The projection of the fleet: how fast it takes lines, and a day of a whole fleet. */
import { mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cpuUsage } from 'node:process'
import { setTimeout } from 'node:timers/promises'
import { readLine } from '../../src/fleet/lines.ts'
import { openProjection, type Projection } from '../../src/fleet/projection.ts'
import { startChild } from './child.ts'
import { changing, linesOf, repeating, roundMs, roundsOfDay, type Script, start } from './fleet-lines.ts'
import type { ServedFleet } from './fleet-serve.ts'
import { atLeast, atMost, type Result, type Row } from './row.ts'
import { estimate } from './stats.ts'

/** Lines a CPU second. */
const goals = { repeats: 60_000, changes: 40_000 }

export const cpuSeconds = (): number => {
  const { user, system } = cpuUsage()
  return (user + system) / 1e6
}

async function withFolder<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'platte-bench-fleet-'))
  try {
    return await work(dir)
  } finally {
    rmSync(dir, { recursive: true })
  }
}

const feedRow: Row = {
  name: 'fleet lines',
  run: ({ seconds }) =>
    withFolder(async (dir) => {
      const machines = 5_000 * Math.ceil(seconds)
      const feed = (script: Script, first: number, rounds: number): number[] => {
        const options = { clock: () => start + roundsOfDay * roundMs, keepMs: 30 * roundsOfDay * roundMs }
        const projection = openProjection(join(dir, `${script.name}.db`), options)
        const rates = Array.from({ length: rounds }, (_, i) => rateOf(projection, linesOf(script, first + i, machines)))
        projection.close()
        return rates
      }
      const row = (name: string, rates: readonly number[], goal?: number): Result => ({
        ...{ name: `fleet lines: ${name}`, unit: 'lines/CPU-s', ...estimate(rates) },
        ...(goal !== undefined && { goal: atLeast(estimate(rates).value, goal) }),
      })
      feed(changing, 0, 1)
      const known = feed(repeating, 0, 1)
      return [
        row('of machines that are new', known),
        row('that repeat', feed(repeating, 1, 5), goals.repeats),
        row('that change a state', feed(changing, 1, 10), goals.changes),
      ]
    }),
}

/** With what is written for them. */
function rateOf(projection: Projection, lines: readonly string[]): number {
  const before = cpuSeconds()
  for (const line of lines) readLine(line, projection)
  projection.flush()
  return lines.length / (cpuSeconds() - before)
}

/** What fleet-day.ts reports. */
export interface FleetDay {
  readonly lines: number
  /** CPU seconds without making the lines. */
  readonly caughtUp: number
  readonly opened: number
  readonly fileMegabytes: number
  readonly peakMegabytes: number
  /** CPU ms of each query, the median of some. */
  readonly queries: Readonly<Record<string, number>>
}

const most = { catchUpSeconds: 600, fileMegabytes: 1_000, queryMs: 200 }

const dayRow: Row = {
  name: 'fleet day',
  isLong: true,
  run: ({ seconds, machines = 2_500 * Math.ceil(seconds) }) =>
    withFolder(async (dir) => {
      const child = startChild('fleet-day.ts', [join(dir, 'fleet.db'), String(machines)])
      const day = await child.next<FleetDay>()
      await child.stop()
      const name = `fleet day of ${machines.toLocaleString('en')} machines`
      const [slowest = '', ms = 0] = Object.entries(day.queries).sort((a, b) => b[1] - a[1])[0] ?? []
      return [
        ...[{ name: `${name}: ${day.lines.toLocaleString('en')} lines caught up`, value: day.caughtUp, unit: 'CPU-s' }],
        ...[{ name: `${name}: file`, value: day.fileMegabytes, unit: 'MB' }],
        ...[{ name: `${name}: peak memory`, value: day.peakMegabytes, unit: 'MB' }],
        ...[{ name: `${name}: opened again`, value: day.opened, unit: 'CPU-s' }],
        ...[{ name: `${name}: slowest query (${slowest})`, value: ms, unit: 'CPU ms' }],
      ].map((one, i) => {
        const bound = [most.catchUpSeconds, most.fileMegabytes, undefined, undefined, most.queryMs][i]
        return bound === undefined ? one : { ...one, goal: atMost(one.value, bound) }
      })
    }),
}

/** Machines that ask again and again, as in a fleet at rest. */
const asking = 2_000
const leastServing = 0.9

const servingRow: Row = {
  name: 'fleet serving',
  isLong: true,
  run: ({ pairs, seconds }) =>
    withFolder(async (dir) => {
      const log = await open(join(dir, 'log'), 'w')
      const rates = { with: [] as number[], without: [] as number[] }
      for (let i = 0; i < pairs; i++) {
        rates.with.push(await servedRate(seconds, log.fd, [dir, join(dir, `fleet-${i}.db`)]))
        rates.without.push(await servedRate(seconds, log.fd, [dir]))
      }
      await log.close()
      const { value: ratio, ...interval } = estimate(rates.with.map((rate, i) => rate / (rates.without[i] ?? 0)))
      const { value } = estimate(rates.with)
      const name = 'fleet: checks with the projection'
      const goal = atLeast(ratio, leastServing)
      return [{ name, value, unit: 'checks/CPU-s', ratio, ...interval, against: 'without', goal }]
    }),
}

/** Checks a CPU second, with what the server does for them later. The first second is not measured. */
async function servedRate(seconds: number, stdout: number, args: readonly string[]): Promise<number> {
  const server = startChild('fleet-serve.ts', args, { stdout })
  const { port } = await server.next<{ port: number }>()
  const load = startChild('load.ts', [port, asking, seconds + 30].map(String))
  try {
    await setTimeout(1_000)
    server.send('begin')
    await Promise.race([setTimeout(1_000 * seconds), load.next<never>()])
    await load.stop()
    server.send('end')
    const { checks, cpuSeconds } = await server.next<ServedFleet>()
    if (checks === 0) throw new Error('nothing was asked')
    return checks / cpuSeconds
  } finally {
    await server.stop()
  }
}

export const fleetRows: readonly Row[] = [feedRow, dayRow, servingRow]
