/** Update checks over real sockets: Platte against a bare Hono handler, in one process that flips between the two. */
import { open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryDocuments } from '../memory.ts'
import { startChild } from './child.ts'
import { builtWorker } from './made-once.ts'
import { heapFlags } from './meters.ts'
import { answersOf, machinesOf, storeOf } from './ramping.ts'
import { atLeast, type Row } from './row.ts'
import type { FlipReport } from './slices.ts'
import { ratioOfNeighbours } from './stats.ts'
import { makeWorker, type RunningWorker } from './workerd.ts'
import { type FlipVariant, handlerOf, settingsOf } from './world.ts'

/** One run; the server logs into an open file, as under a supervisor that redirects stdout. */
type Measure = (variant: FlipVariant, seconds: number, log: number) => Promise<FlipReport>

/** How it is measured, and the ratios that are wanted: of a check, and of one in a ramp. */
const runtimes: readonly (readonly [name: string, measure: Measure, least: number, leastInRamp: number])[] = [
  ['Node', fromWithin('Node'), 1.1, 0.9],
  ['Deno', fromWithin('Deno'), 0.95, 0.92],
  ['workerd', onWorkerd, 0.92, 0.9],
]
export const variants: readonly (readonly [label: string, variant: FlipVariant])[] = [
  ['no-update', 'no-update'],
  ['update', 'update'],
  ['ramp, 100,000 machines', 'ramp'],
  ['control', 'control'],
]

/** The control flips between two bare handlers: how far it is from 1 is the error of the others. */
const againstHono: readonly Row[] = runtimes.flatMap(([runtime, measure, least, leastInRamp]) =>
  variants.map(([label, variant]): Row => {
    const name = `check ${runtime} ${label}`
    return {
      name,
      run: async ({ seconds }) => {
        const { slices, cpuShare } = await withLog((log) => measure(variant, seconds, log))
        const { value: ratio, low, high } = ratioOfNeighbours(slices)
        const value = rateOf(slices)
        const result = { name, value, unit: 'checks/CPU-s', ratio, low, high, against: 'bare Hono' }
        const share = { name: `${name}: server CPU`, value: 100 * cpuShare, unit: '%' }
        const goal = atLeast(ratio, label.startsWith('ramp') ? leastInRamp : least)
        return [variant === 'control' ? result : { ...result, goal }, share]
      },
    }
  }),
)

/** Against what Node itself needs for the same bytes, without a framework. */
const againstNode = (['no-update', 'update', 'ramp'] as const).map((variant): Row => {
  const name = `check raw Node ${variant}`
  return {
    name,
    isLong: true,
    run: async ({ seconds }) => {
      const { slices } = await withLog((log) => fromWithin('Node', { against: 'node:http' })(variant, seconds, log))
      const { value, low, high } = ratioOfNeighbours(slices)
      const of = { ratio: value, low, high, against: 'node:http', goal: atLeast(value, 0.8) }
      return [{ name, value: rateOf(slices), unit: 'checks/CPU-s', ...of }]
    },
  }
})

export const checkRows: readonly Row[] = [...againstHono, ...againstNode]

/** Of Platte, a CPU second. */
export function rateOf(slices: FlipReport['slices']): number {
  const rates = slices.filter(({ kind }) => kind === 'A').map(({ rate }) => rate)
  return rates.reduce((sum, one) => sum + one, 0) / rates.length
}

export async function withLog<T>(work: (log: number) => Promise<T>): Promise<T> {
  const path = join(tmpdir(), `platte-bench-${process.pid}.log`)
  const log = await open(path, 'w')
  try {
    return await work(log.fd)
  } finally {
    await log.close()
    await rm(path, { force: true })
  }
}

interface Within {
  readonly against?: 'Hono' | 'node:http'
  readonly measured?: 'cpu' | 'heap'
}

/** The server flips and measures itself. */
export function fromWithin(runtime: 'Node' | 'Deno', { against = 'Hono', measured = 'cpu' }: Within = {}): Measure {
  return async (variant, seconds, stdout) => {
    const flags = measured === 'heap' ? heapFlags : []
    const args = [variant, String(seconds), against, measured]
    const server = startChild('flip-server.ts', args, { stdout, runtime, flags })
    const { port } = await server.next<{ port: number }>()
    const load = startChild('load.ts', [port, machinesOf(variant), seconds + 300].map(String))
    try {
      return await Promise.race([server.next<FlipReport>(), load.next<never>()])
    } finally {
      await load.stop()
      await server.stop()
    }
  }
}

const reports = new Map<string, Promise<FlipReport>>()

/** Measures the same once for all rows. */
export function onWorkerd(variant: FlipVariant, seconds: number, log: number): Promise<FlipReport> {
  const key = `${variant} ${seconds}`
  const found = reports.get(key) ?? fromOutside(variant, seconds, log)
  reports.set(key, found)
  return found
}

/** A Worker cannot tell its own CPU time: the client asks for one handler or the other, and reads that of the process. */
async function fromOutside(variant: FlipVariant, seconds: number, stdout: number): Promise<FlipReport> {
  const { pid, port, stop } = await startFlipWorker(variant, stdout)
  const load = startChild('flip-load.ts', [pid, port, variant, seconds].map(String))
  try {
    return await load.next<FlipReport>()
  } finally {
    await load.stop()
    await stop()
  }
}

/** Answers with Platte at one path, with the bare handler at the other. */
export async function startFlipWorker(variant: FlipVariant, stdout: number): Promise<RunningWorker> {
  const documents = memoryDocuments()
  const publisher = await storeOf(variant, { documents })
  const answers = await answersOf(handlerOf(publisher), variant)
  const texts = { ...settingsOf(publisher), ANSWERS: JSON.stringify(answers) }
  const worker = await makeWorker({ bundle: await builtWorker('flip-worker.ts'), texts, documents, stdout })
  const running = await worker.start()
  return { ...running, stop: () => running.stop().then(worker.close) }
}
