/** What a server remembers of machines that fell back: from its projection, and from what operators forgave. */
import type { StoreReader } from '../catalog/read.ts'
import type { Extension } from '../checks/serving.ts'
import { PlatteError } from '../kernel/errors.ts'
import { describeError } from '../kernel/log.ts'
import { readFallBacks } from './fell-back.ts'
import { readForgiven } from './forgiven.ts'
import { rememberAll, reviewBy } from './memory.ts'

/** Machines that are remembered; others are offered a release again. */
const maxRemembered = 20_000
const lookMs = 2_000
const forgiveMs = 30_000

interface Watching extends Pick<StoreReader, 'documents' | 'clock' | 'log'> {
  /** The projection. */
  readonly file: string
  readonly keepMs: number
  readonly idOf: (id: string) => string
}

/** Never throws: without its projection, a server offers what is signed. */
export async function watchFallBacks({ file, documents, log, ...reviewing }: Watching): Promise<Extension> {
  const { clock, keepMs } = reviewing
  let memory = rememberAll([], [])
  let entries: Awaited<ReturnType<typeof readForgiven>>['entries'] = []
  let mark: string | undefined
  const guarded = async (work: () => unknown): Promise<void> => {
    try {
      await work()
    } catch (error) {
      // The projection is made when its first contact is.
      if (!(error instanceof PlatteError && error.code === 'usage'))
        log({ level: 'warn', event: 'fleet', ...describeError(error) })
    }
  }
  const look = () =>
    guarded(() => {
      const found = readFallBacks(file, { since: clock() - keepMs, most: maxRemembered }, mark)
      if (found === undefined) return
      memory = rememberAll(found.fallBacks, entries)
      mark = found.mark
    })
  const readAll = () =>
    guarded(async () => {
      entries = (await readForgiven({ documents })).entries
    }).then(() => {
      mark = undefined
      return look()
    })
  await readAll()
  const timers = [setInterval(look, lookMs), setInterval(readAll, forgiveMs)]
  for (const timer of timers) if (typeof timer === 'object') timer.unref()
  return {
    name: 'fallbacks',
    review: reviewBy({ ...reviewing, memory: () => memory }),
    close: async () => {
      for (const timer of timers) clearInterval(timer)
    },
  }
}
