/** Update checks over real sockets: Platte against a bare Hono handler, in one process that flips between the two. */
import { open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryDocuments } from '../../src/adapters/memory.ts'
import { startChild } from './child.ts'
import { atLeast, type Row } from './row.ts'
import type { FlipReport } from './slices.ts'
import { ratioOfNeighbours } from './stats.ts'
import { makeWorker } from './workerd.ts'
import { answerFrom, type FlipVariant, newStore, releasesOf, settingsOf } from './world.ts'

/** One run; the server logs into an open file, as under a supervisor that redirects stdout. */
type Measure = (variant: FlipVariant, seconds: number, log: number) => Promise<FlipReport>

/** How it is measured, and the ratio that is wanted. */
const runtimes: readonly (readonly [name: string, measure: Measure, leastRatio: number])[] = [
  ['Node', fromWithin('Node'), 0.75],
  ['Deno', fromWithin('Deno'), 0.9],
  ['workerd', fromOutside, 0.85],
]
const variants: readonly FlipVariant[] = ['no-update', 'update', 'control']

/** The control flips between two bare handlers: how far it is from 1 is the error of the others. */
export const checkRows: readonly Row[] = runtimes.flatMap(([runtime, measure, leastRatio]) =>
  variants.map((variant): Row => {
    const name = `check ${runtime} ${variant}`
    return {
      name,
      run: async ({ seconds }) => {
        const { slices, cpuShare } = await withLog((log) => measure(variant, seconds, log))
        const { value: ratio, low, high } = ratioOfNeighbours(slices)
        const rates = slices.filter(({ kind }) => kind === 'A').map(({ rate }) => rate)
        const value = rates.reduce((sum, one) => sum + one, 0) / rates.length
        const result = { name, value, unit: 'checks/CPU-s', ratio, low, high, against: 'bare Hono' }
        const share = { name: `${name}: server CPU`, value: 100 * cpuShare, unit: '%' }
        return [variant === 'control' ? result : { ...result, goal: atLeast(ratio, leastRatio) }, share]
      },
    }
  }),
)

async function withLog<T>(work: (log: number) => Promise<T>): Promise<T> {
  const path = join(tmpdir(), `platte-bench-${process.pid}.log`)
  const log = await open(path, 'w')
  try {
    return await work(log.fd)
  } finally {
    await log.close()
    await rm(path, { force: true })
  }
}

/** The server flips and measures itself. */
function fromWithin(runtime: 'Node' | 'Deno'): Measure {
  return async (variant, seconds, stdout) => {
    const server = startChild('flip-server.ts', [variant, String(seconds)], { stdout, runtime })
    const { port } = await server.next<{ port: number }>()
    const load = startChild('load.ts', [String(port), String(seconds + 30)])
    try {
      return await Promise.race([server.next<FlipReport>(), load.next<never>()])
    } finally {
      await load.stop()
      await server.stop()
    }
  }
}

/** A Worker cannot tell its own CPU time: the client asks for one handler or the other, and reads that of the process. */
async function fromOutside(variant: FlipVariant, seconds: number, stdout: number): Promise<FlipReport> {
  const documents = memoryDocuments()
  const publishing = await newStore(releasesOf(variant), { documents })
  const texts = { ...settingsOf(publishing), ANSWER: JSON.stringify(await answerFrom(publishing)) }
  const worker = await makeWorker({ entry: 'flip-worker.ts', texts, documents, stdout })
  const { pid, port, stop } = await worker.start()
  const load = startChild('flip-load.ts', [pid, port, variant, seconds].map(String))
  try {
    return await load.next<FlipReport>()
  } finally {
    await load.stop()
    await stop()
    await worker.close()
  }
}
