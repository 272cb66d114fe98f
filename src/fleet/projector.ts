/** Keeps the projection of a process up to date: with what the process itself writes, and with the files of its store. */
import type { StoreReader } from '../catalog/read.ts'
import type { FleetEvent } from '../checks/events.ts'
import { openFollower } from './follow.ts'
import { keepProjection } from './kept.ts'
import { type LineTaker, readEvent } from './lines.ts'
import type { Projection, ProjectionOptions } from './projection.ts'

/** Contacts of this process are in after this time. */
const flushMs = 1_000
const followMs = 60_000
/** Events that may wait, as while the disk is full; more are in the files only, or lost. */
const maxWaiting = 200_000

interface Projecting extends ProjectionOptions, Pick<StoreReader, 'documents' | 'log'> {
  readonly file: string
  /** Whether to read the files of the store, too: other servers write them. */
  readonly follows: boolean
}

/** Never throws once it is open; a file that is damaged later is made anew. @throws PlatteError('configuration') */
export function startProjector({ file, documents, log, follows, ...options }: Projecting) {
  const kept = keepProjection(file, options, log)
  const pass = openFollower(documents, options)
  const waiting: (readonly [FleetEvent, number])[] = []
  let dropped = 0
  let followed: Projection | undefined
  let isStopped = false

  const flush = (): Promise<boolean> =>
    kept.use('feed', (fleet) => {
      const taker = follows ? uncounted(fleet) : fleet
      for (const [event, at] of waiting) readEvent(event, at, taker)
      if (dropped > 0) taker.lost(dropped)
      if (!follows) fleet.endFile('')
      fleet.flush()
      waiting.length = dropped = 0
      // A file that was made anew has nothing of before.
      if (fleet !== followed) followOnce()
    })
  const follow = async (): Promise<void> => {
    await kept.use('follow', async (fleet) => {
      followed = fleet
      if (follows) await pass(fleet, () => isStopped)
    })
    await kept.upkeep()
  }
  let following: Promise<void> | undefined
  const followOnce = (): void => {
    following ??= follow().finally(() => {
      following = undefined
    })
  }
  followOnce()
  const timers = [setInterval(() => void flush(), flushMs), setInterval(followOnce, followMs)]
  for (const timer of timers) if (typeof timer === 'object') timer.unref()
  return {
    sink: (event: FleetEvent): void => {
      if (waiting.length < maxWaiting) waiting.push([event, options.clock()])
      else dropped += 1
    },
    close: async (): Promise<void> => {
      isStopped = true
      for (const timer of timers) clearInterval(timer)
      await following
      await flush()
      kept.close()
    },
  }
}

const nothing = (): void => {}

/** For lines that are in files, too: there they are counted. */
const uncounted = (fleet: Projection): LineTaker => ({
  sighting: (one) => fleet.sighting(one, false),
  ...{ refused: nothing, lost: nothing, unreadable: nothing, foreign: nothing },
})
