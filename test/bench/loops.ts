/** Loops in this process: what one thing costs, and two things against each other. */
import { type Estimate, estimate, median, ratioOfNeighbours, type Slice } from './stats.ts'

/** One turn; `turn` counts from 0, so that not every turn reads the same text. */
export type Work = (turn: number) => unknown

const batchMs = 20
/** So many turns that looking at the clock costs nothing; slow work outlasts its batch by no more. */
const turnsAtOnce = 16

/** @returns µs a turn: the median of batches, after as many that do not count. */
export function microsPerTurn(work: Work, seconds: number): Estimate {
  const batches = Math.ceil((seconds * 1000) / batchMs / 2)
  const costs = Array.from({ length: 2 * batches }, () => microsOfBatch(work))
  return estimate(costs.slice(batches))
}

/** µs a turn of each, in batches that alternate, so that what slows the machine slows all of them. */
export function microsInTurn<Name extends string>(
  works: Readonly<Record<Name, Work>>,
  seconds: number,
): Readonly<Record<Name, readonly number[]>> {
  const all = Object.entries<Work>(works)
  const rounds = Math.ceil((seconds * 1000) / batchMs / all.length)
  const costs = Object.fromEntries(all.map(([name]) => [name, [] as number[]])) as Record<Name, number[]>
  for (let round = 0; round < 2 * rounds; round++)
    for (const [name, work] of all) {
      const micros = microsOfBatch(work)
      if (round >= rounds) costs[name as Name].push(micros)
    }
  return costs
}

/** A turn that takes its time. */
export type AsyncWork = (turn: number) => Promise<unknown>

/** The rate of A as a part of that of B, in slices that alternate; the first quarter does not count. */
export async function compare(a: AsyncWork, b: AsyncWork, seconds: number): Promise<Estimate & { micros: number }> {
  const slices: Slice[] = []
  for (let i = 0; i < (seconds * 1000) / batchMs; i++) {
    const kind = i % 2 === 0 ? 'B' : 'A'
    slices.push({ kind, rate: await rateOfBatch(kind === 'A' ? a : b) })
  }
  const warm = slices.slice(Math.floor(slices.length / 4))
  const rates = warm.filter(({ kind }) => kind === 'A').map(({ rate }) => rate)
  return { ...ratioOfNeighbours(warm), micros: 1e6 / median(rates) }
}

/** Turns go on from batch to batch, so that all of them are seen. */
let turn = 0

async function rateOfBatch(work: AsyncWork): Promise<number> {
  const [before, first, end] = [process.cpuUsage(), turn, performance.now() + batchMs]
  while (performance.now() < end) for (const last = turn + turnsAtOnce; turn < last; turn++) await work(turn)
  return ((turn - first) * 1e6) / cpuMicros(before)
}

/** In CPU time: what neighbours take from the machine does not count. */
function microsOfBatch(work: Work): number {
  const before = process.cpuUsage()
  const end = performance.now() + batchMs
  let turns = 0
  while (performance.now() < end) for (const last = turns + turnsAtOnce; turns < last; turns++) work(turns)
  return cpuMicros(before) / turns
}

function cpuMicros(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return user + system
}
