/** Keeps the projection of a process up to date: with what the process itself writes, and with the files of its store. */
import { setImmediate } from 'node:timers/promises'
import type { StoreReader } from '../catalog/read.ts'
import type { FleetEvent } from '../checks/events.ts'
import { openFollower } from './follow.ts'
import { keepProjection } from './kept.ts'
import { type LineTaker, readEvent } from './lines.ts'
import type { Projection, ProjectionOptions } from './projection.ts'

/** Contacts of this process are in after this time. */
const flushMs = 1_000
const followMs = 60_000
/** Events, and rows, of one transaction: this thread also answers checks, which wait for no more than some milliseconds. */
const sliceLength = 256
/** Events that may wait, as while the disk is full; more are in the files only, or lost. */
const maxWaiting = 200_000

interface Projecting extends ProjectionOptions, Pick<StoreReader, 'documents' | 'log'> {
  readonly file: string
  /** Whether to read the files of the store, too: other servers write them. */
  readonly follows: boolean
}

/** Never throws once it is open; a file that is damaged later is made anew. @throws PlatteError('configuration') */
export function startProjector({ file, documents, log, follows, ...given }: Projecting) {
  const options = { ...given, maxRows: sliceLength }
  const kept = keepProjection(file, options, log)
  const pass = openFollower(documents, options)
  const waiting: (readonly [FleetEvent, number])[] = []
  let dropped = 0
  let followed: Projection | undefined
  let isStopped = false

  const feed = (): Promise<boolean> =>
    kept.use('feed', async (fleet) => {
      const taker = follows ? uncounted(fleet) : { ...fleet, sighting: sightingOf(fleet, true) }
      do {
        const [slice, lost] = [waiting.slice(0, sliceLength), dropped]
        for (const [event, at] of slice) readEvent(event, at, taker)
        if (lost > 0) taker.lost(lost)
        if (!follows) fleet.endFile('')
        // Last contacts may be written later, many at once.
        if (fleet.hasChanges()) fleet.flush()
        // What could not be written waits.
        waiting.splice(0, slice.length)
        dropped -= lost
        await setImmediate()
      } while (waiting.length >= sliceLength)
      // A file that was made anew has nothing of before.
      if (fleet !== followed) void followOnce()
    })
  const feedOnce = oneAtATime(feed)
  const flush = (): Promise<boolean> =>
    kept.use('feed', async (fleet) => {
      while (fleet.flush()) await setImmediate()
    })
  const flushOnce = oneAtATime(async () => (await feedOnce()) && flush())
  const follow = async (): Promise<void> => {
    await kept.use('follow', async (fleet) => {
      followed = fleet
      if (follows) await pass(fleet, () => isStopped)
    })
    await kept.upkeep()
  }
  const followOnce = oneAtATime(follow)
  void followOnce()
  const timers = [setInterval(flushOnce, flushMs), setInterval(followOnce, followMs)]
  for (const timer of timers) if (typeof timer === 'object') timer.unref()
  return {
    sink: (event: FleetEvent): void => {
      if (waiting.length < maxWaiting) waiting.push([event, options.clock()])
      else dropped += 1
      // Soon, so that few events are held.
      if (waiting.length === sliceLength) void feedOnce()
    },
    close: async (): Promise<void> => {
      isStopped = true
      for (const timer of timers) clearInterval(timer)
      for (const run of [followOnce, flushOnce, feedOnce]) await run.running()
      await flushOnce()
      kept.close()
    },
  }
}

/** While it runs, asking again is the same run. */
function oneAtATime(work: () => Promise<unknown>) {
  let running: Promise<unknown> | undefined
  const run = (): Promise<unknown> =>
    (running ??= work().finally(() => {
      running = undefined
    }))
  return Object.assign(run, { running: () => running })
}

const nothing = (): void => {}

/** Lines of this process are as old as the time that they have. */
const sightingOf =
  (fleet: Projection, isCounted: boolean): LineTaker['sighting'] =>
  (one) =>
    fleet.sighting(one, isCounted, one.at, one.at)

/** For lines that are in files, too: there they are counted. */
const uncounted = (fleet: Projection): LineTaker => ({
  sighting: sightingOf(fleet, false),
  ...{ refused: nothing, lost: nothing, unreadable: nothing, foreign: nothing },
})
