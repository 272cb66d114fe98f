/** Update checks over real sockets: Platte against a bare Hono handler, in one process that flips between the two. */
import { open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild } from './child.ts'
import type { FlipReport, FlipVariant } from './flip-server.ts'
import { atLeast, type Row } from './row.ts'
import { ratioOfNeighbours } from './stats.ts'

const leastRatio = 0.75

/** The control flips between two bare handlers: how far it is from 1 is the error of the others. */
export const checkRows: readonly Row[] = [
  checkRow('check no-update', 'no-update'),
  checkRow('check update', 'update'),
  checkRow('check control', 'control'),
]

function checkRow(name: string, variant: FlipVariant): Row {
  return {
    name,
    run: async ({ seconds }) => {
      const { slices, cpuShare } = await measure(variant, seconds)
      const { value, low, high } = ratioOfNeighbours(slices)
      const rates = slices.filter(({ kind }) => kind === 'A').map(({ rate }) => rate)
      const rate = rates.reduce((sum, one) => sum + one, 0) / rates.length
      const result = { name, value: rate, unit: 'checks/CPU-s', ratio: value, low, high, against: 'bare Hono' }
      const share = { name: `${name}: server CPU`, value: 100 * cpuShare, unit: '%' }
      return [variant === 'control' ? result : { ...result, goal: atLeast(value, leastRatio) }, share]
    },
  }
}

/** The server logs into a file, as under a supervisor that redirects stdout. */
async function measure(variant: FlipVariant, seconds: number): Promise<FlipReport> {
  const path = join(tmpdir(), `platte-bench-${process.pid}.log`)
  const log = await open(path, 'w')
  try {
    const server = startChild('flip-server.ts', [variant, String(seconds)], { stdout: log.fd })
    const { port } = await server.next<{ port: number }>()
    const load = startChild('load.ts', [String(port), String(seconds + 30)])
    try {
      return await server.next<FlipReport>()
    } finally {
      await load.stop()
      await server.stop()
    }
  } finally {
    await log.close()
    await rm(path, { force: true })
  }
}
