/** Holds releases that fail, beside the projection of the fleet. Workers and Lambda do not carry it. */
import type { Feature } from '../checks/serving.ts'
import { repeat } from '../kernel/repeat.ts'

const judgeEveryMs = 60_000

export const guardFeature: Feature<{ readonly fleetFile?: string | undefined }> = {
  name: 'guard',
  open: async ({ fleetFile: file }, { cache, openWriter, packages }) => {
    if (file === undefined) return undefined
    const { openWatch } = await import('./watch.ts')
    const { once, gauges } = openWatch({ cache, writer: { ...(await openWriter()), packages }, file })
    return { name: 'guard', gauges: async () => gauges(), close: repeat(once, judgeEveryMs) }
  },
}
