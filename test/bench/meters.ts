/** What a server spends on its answers. */
import { cpuUsage, memoryUsage } from 'node:process'

export interface Meter {
  /** Called where a slice starts. */
  readonly start: () => void
  /** So far; NaN where that cannot be compared with the last figure. */
  readonly spent: () => number
}

/** µs, also of threads that collect garbage. */
export const cpu: Meter = {
  start: () => {},
  spent: () => {
    const { user, system } = cpuUsage()
    return user + system
  },
}

/**
 * Bytes on V8's heap and in buffers, where nothing is collected between two figures. Needs `heapFlags`: a young generation
 * larger than the garbage of a slice.
 */
export async function openHeapMeter(): Promise<Meter> {
  const { GCProfiler } = await import('node:v8')
  const watch = (): InstanceType<typeof GCProfiler> => {
    const profiler = new GCProfiler()
    profiler.start()
    return profiler
  }
  let profiler = watch()
  return {
    start: () => {
      profiler.stop()
      globalThis.gc?.()
      profiler = watch()
    },
    spent: () => {
      const isCollected = profiler.stop()?.statistics.length !== 0
      profiler = watch()
      const { heapUsed, arrayBuffers } = memoryUsage()
      return isCollected ? Number.NaN : heapUsed + arrayBuffers
    },
  }
}

export const heapFlags: readonly string[] = ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256']
