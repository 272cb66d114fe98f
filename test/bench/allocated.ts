/** Bytes that a server on Node allocates for a check, over real sockets, against a bare Hono handler in the same process. */
import { fromWithin, rateOf, variants, withLog } from './checks.ts'
import type { Row } from './row.ts'
import { ratioOfNeighbours } from './stats.ts'

export const allocatedRows: readonly Row[] = variants.map(([label, variant]) => {
  const name = `allocated Node ${label}`
  const measure = fromWithin('Node', { measured: 'heap' })
  return {
    name,
    isLong: variant === 'update' || variant === 'ramp',
    run: async ({ seconds }) => {
      // Bytes repeat to a hundredth after fewer checks than rates do.
      const { slices } = await withLog((log) => measure(variant, seconds / 2, log))
      const { value, low, high } = ratioOfNeighbours(slices)
      const inverse = { ratio: 1 / value, low: 1 / high, high: 1 / low }
      return [{ name, value: 1e6 / rateOf(slices), unit: 'bytes/check', ...inverse, against: 'bare Hono' }]
    },
  }
})
