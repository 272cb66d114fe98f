/** Holds releases that fail, beside the projection of the fleet. Workers and Lambda do not carry it. */
import type { Feature } from '../checks/serving.ts'

const judgeEveryMs = 60_000

export const guardFeature: Feature<{ readonly fleetFile?: string | undefined }> = {
  name: 'guard',
  open: async ({ fleetFile: file }, { cache, openWriter, packages }) => {
    if (file === undefined) return undefined
    const { openWatch } = await import('./watch.ts')
    const { once, gauges } = openWatch({ cache, writer: { ...(await openWriter()), packages }, file })
    let running: Promise<void> | undefined
    const timer = setInterval(() => {
      running ??= once().finally(() => {
        running = undefined
      })
    }, judgeEveryMs)
    if (typeof timer === 'object') timer.unref()
    return {
      name: 'guard',
      gauges: async () => gauges(),
      close: async () => {
        clearInterval(timer)
        await running
      },
    }
  },
}
