/** Keeps the projection of a process up to date: with what the process itself writes, and with the files of its store. */
import type { StoreReader } from '../catalog/read.ts'
import type { FleetEvent } from '../checks/events.ts'
import { describeError } from '../kernel/log.ts'
import { isDamage, putAside } from './database.ts'
import { followStore } from './follow.ts'
import { type LineTaker, readEvent } from './lines.ts'
import { openProjection, type Projection, type ProjectionOptions } from './projection.ts'

/** Contacts of this process are in after this time. */
const flushMs = 1_000
const followMs = 60_000
const pruneMs = 6 * 60 * 60 * 1000
/** Events that may wait, as while the disk is full; more are in the files only. */
const maxWaiting = 200_000

interface Projecting extends ProjectionOptions, Pick<StoreReader, 'documents' | 'log'> {
  readonly file: string
  /** Whether to read the files of the store, too: other servers write them. */
  readonly follows: boolean
}

/** Never throws once it is open; a file that is damaged later is made anew. @throws PlatteError('configuration') */
export function startProjector({ file, documents, log, follows, ...options }: Projecting) {
  const { clock } = options
  let projection: Projection | undefined = openProjection(file, options)
  const waiting: (readonly [FleetEvent, number])[] = []
  let prunedAt = Number.NEGATIVE_INFINITY
  let isStopped = false

  const opened = (): Projection => (projection ??= openProjection(file, options))
  /** Opens the file anew after any failure: what is held in memory may not be in it. */
  const guarded = async (work: () => Promise<unknown> | unknown): Promise<void> => {
    try {
      await work()
    } catch (error) {
      log({ level: 'error', event: 'fleet', ...describeError(error, false) })
      if (projection === undefined) return
      projection.close()
      projection = undefined
      if (isDamage(error)) putAside(file)
    }
  }
  const flush = (): Promise<void> =>
    guarded(() => {
      const fleet = opened()
      for (const [event, at] of waiting.splice(0)) readEvent(event, at, follows ? uncounted(fleet) : fleet)
      if (!follows) fleet.endFile('')
      fleet.flush()
    })
  const follow = (): Promise<void> =>
    guarded(async () => {
      const now = clock()
      if (follows)
        await followStore(documents, opened(), { since: now - options.keepMs, until: now, isStopped: () => isStopped })
      if (now - prunedAt < pruneMs) return
      opened().prune()
      prunedAt = now
    })
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
      if (waiting.length < maxWaiting) waiting.push([event, clock()])
    },
    close: async (): Promise<void> => {
      isStopped = true
      for (const timer of timers) clearInterval(timer)
      await following
      await flush()
      projection?.close()
    },
  }
}

const nothing = (): void => {}

/** For lines that are in files, too: there they are counted. */
const uncounted = (fleet: Projection): LineTaker => ({
  sighting: (one) => fleet.sighting(one, false),
  ...{ refused: nothing, lost: nothing, unreadable: nothing, foreign: nothing },
})
