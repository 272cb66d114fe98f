/** How long a check takes below saturation, against a bare Hono handler that answers at another path of the same process. */
import { startFlipWorker, withLog } from './checks.ts'
import { startChild } from './child.ts'
import type { Latencies } from './latency-load.ts'
import type { Result, Row } from './row.ts'
import { percentile, ratioOfPercentiles } from './stats.ts'

interface Server {
  readonly port: number
  readonly stop: () => Promise<unknown>
}

const runtimes: readonly (readonly [name: string, start: (log: number) => Promise<Server>])[] = [
  ['Node', startHere('Node')],
  ['Deno', startHere('Deno')],
  ['workerd', (log) => startFlipWorker('no-update', log)],
]

export const latencyRows: readonly Row[] = runtimes.map(([runtime, start]) => ({
  name: `latency ${runtime}`,
  isLong: runtime !== 'Node',
  run: ({ seconds }) =>
    withLog(async (log) => {
      const server = await start(log)
      const load = startChild('latency-load.ts', [server.port, seconds].map(String))
      try {
        return resultsOf(`latency ${runtime}`, await load.next<Latencies>())
      } finally {
        await load.stop()
        await server.stop()
      }
    }),
}))

function resultsOf(name: string, { full, bare, control, rate }: Latencies): readonly Result[] {
  const shares = [0.5, 0.99].flatMap((share) => {
    const row = (label: string, slices: readonly number[][]): Result => {
      const { value: ratio, ...interval } = ratioOfPercentiles(slices, bare, share)
      const against = `bare Hono's ${percentile(bare, share).toFixed(2)} ms`
      const value = percentile(slices, share)
      return { name: `${name} p${100 * share}${label}`, value, unit: 'ms', ratio, ...interval, against }
    }
    return [row('', full), row(' control', control)]
  })
  return [{ name: `${name}: load`, value: rate, unit: 'checks/s' }, ...shares]
}

function startHere(runtime: 'Node' | 'Deno') {
  return async (stdout: number): Promise<Server> => {
    const { next, stop } = startChild('latency-server.ts', [], { stdout, runtime })
    return { port: (await next<{ port: number }>()).port, stop }
  }
}
