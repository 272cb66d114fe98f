/** Judges the rollouts of a channel by what the projection of the fleet says of them. */
import type { DatabaseSync } from 'node:sqlite'
import type { LoadedChannel } from '../catalog/channels.ts'
import type { ChannelRef } from '../catalog/read.ts'
import { durationMs } from '../documents/fields.ts'
import type { Instant } from '../kernel/clock.ts'
import type { Guard } from '../release/channel.ts'
import { liftedAt } from './lifted.ts'
import { limitPassed, mostToHold } from './model.ts'
import { countFailures, countOffered, type Failures, machineBeyond, type Rollout, readFailures } from './rollouts.ts'

export interface Judged extends ChannelRef {
  readonly version: string
  /** When people last lifted a hold of it, or 0: machines that were offered it before count no more. */
  readonly since: Instant
  /** Machines that fail with it now. */
  readonly failed: number
  /** Why it is to be held, for machines and people; `undefined`: it is not. */
  readonly reason: string | undefined
}

/** The newest releases of a channel that are judged: older ones are offered to few. */
const maxReleases = 16
/** Failed machines that are read at any time, that are read at most, and that are counted at most. */
const [fewFailures, mostFailures, manyFailures] = [1_000, 20_000, 100_000]
/** Errors that a reason names. */
const maxErrors = 4

/** Of the last time, by rollout: machines that were offered the release, at least; and those that failed. */
export type LastCounted = Map<string, { readonly offered: number; readonly failed: number }>

/** @param log of the catalog. */
export function judgeChannel(
  database: DatabaseSync,
  { manifest, view }: LoadedChannel,
  log: readonly unknown[] | undefined,
  last: LastCounted,
): readonly Judged[] {
  const { app, channel, guard, aliases = [] } = manifest
  if (guard === undefined) return []
  const candidates = [...view.boards.values()].flatMap((board) => board.candidates)
  const open = new Map(candidates.flatMap(({ refusal, release }) => (refusal ? [] : [[release.version, release]])))
  return [...open.values()]
    .sort((a, b) => Date.parse(b.publishedAt) - Date.parse(a.publishedAt))
    .slice(0, maxReleases)
    .map(({ version, publishedAt }) => {
      const since = liftedAt(log, manifest, version)
      const rollout: Rollout = {
        ...{ app, version, channels: [channel, ...aliases], withinMs: durationMs(guard.within) },
        ...{ knownBefore: Date.parse(publishedAt), offeredSince: since },
      }
      return { app, channel, version, since, ...judgeRollout(database, rollout, guard, last) }
    })
}

/** Reading a large fleet takes long: it is read only where that may matter. The machines that were offered it only become more. */
function judgeRollout(database: DatabaseSync, whole: Rollout, guard: Guard, last: LastCounted) {
  const name = [whole.app, whole.channels[0], whole.version, whole.offeredSince].join(' ')
  const { offered: atLeast, failed: before } = last.get(name) ?? { offered: 0, failed: 0 }
  const every = countFailures(database, whole, manyFailures)
  const isCounted = every > fewFailures && every < manyFailures
  if (isCounted && mostToHold(guard, { failed: every, fellBack: every }) < atLeast)
    return { failed: before, reason: undefined }
  // Machines are numbered as they become known, so the first ones are a sample as good as any.
  const below = every > mostFailures ? machineBeyond(database, whole, mostFailures) : undefined
  const failures = readFailures(database, { ...whole, below })
  const counted = { failed: sum(failures), fellBack: sum(failures.filter(({ isFallBack }) => isFallBack)) }
  const most = mostToHold(guard, counted)
  const { failed } = counted
  const isFree = most < guard.atLeast || (below === undefined && most < atLeast)
  const offered = isFree
    ? atLeast
    : countOffered(database, { ...whole, below }, below === undefined ? 4 * most : most + 1)
  last.set(name, { offered: below === undefined ? offered : atLeast, failed })
  const limit = isFree ? undefined : limitPassed(guard, { ...counted, offered })
  return { failed, reason: limit && reasonOf(limit, offered, failures) }
}

const sum = (failures: readonly Failures[]): number => failures.reduce((total, { machines }) => total + machines, 0)

/** e.g. `guard: 7 of 41 failed: 5 × 44 rollback, 2 × 9 download-transfer`. */
function reasonOf(limit: 'failures' | 'fellBack', offered: number, failures: readonly Failures[]): string {
  const counted = failures.filter(({ isFallBack }) => isFallBack || limit === 'failures')
  const named = new Map<string, number>()
  for (const { error, machines } of counted) {
    const isOurs = /^\d{1,6} [\w -]{1,40}$/.test(error) && (named.has(error) || named.size < maxErrors)
    const name = isOurs ? error : 'others'
    named.set(name, (named.get(name) ?? 0) + machines)
  }
  const texts = [...named].map(([error, machines]) => `${machines} × ${error}`)
  return `guard: ${sum(counted)} of ${offered} ${limit === 'failures' ? 'failed' : 'fell back'}: ${texts.join(', ')}`
}
