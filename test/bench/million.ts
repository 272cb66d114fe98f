/** What a million checks take of the CPU that clouds are paid for. docs/deploy.md makes dollars of it. */
import { onWorkerd, rateOf, withLog } from './checks.ts'
import { startChild } from './child.ts'
import { builtLambda } from './made-once.ts'
import type { Row } from './row.ts'
import { openLambda } from './starts.ts'

const row = (runtime: string, measure: (seconds: number) => Promise<number>): Row => {
  const name = `million checks ${runtime}`
  return { name, run: async ({ seconds }) => [{ name, value: await measure(seconds), unit: 'CPU-s' }] }
}

export const millionRows: readonly Row[] = [
  row('workerd', async (seconds) => {
    const { slices } = await withLog((log) => onWorkerd('update', seconds, log))
    return 1e6 / rateOf(slices)
  }),
  row('Lambda', async (seconds) => {
    const { env, event, close } = await openLambda()
    const child = startChild('lambda-process.ts', [await builtLambda(), event, String(seconds)], { env })
    try {
      await child.next()
      return (await child.next<{ micros: number }>()).micros
    } finally {
      await child.stop()
      await close()
    }
  }),
]
