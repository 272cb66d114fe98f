/** Explains what one machine gets, why, and when that changes, with the code that answers machines. */

import type { LoadedChannel } from '../catalog/channels.ts'
import type { Instant } from '../kernel/clock.ts'
import { isoText } from '../kernel/format.ts'
import { type Check, type Decision, decide, type Reason } from '../release/decide.ts'
import * as explained from '../release/explanation.ts'
import { walk } from '../release/rollout-status.ts'
import { type Answering, findFor, noUpdateBecause, type Query } from './update-check.ts'

export interface ExplainQuery {
  readonly query: Query
  /** Default: now. Uses what is signed now for any instant. */
  readonly at?: Instant | undefined
  /** The public sees neither lists of machines nor internal errors. */
  readonly audience: 'operator' | 'everybody'
}

/** A decision as data. */
export interface Outcome {
  readonly decision: Decision['kind']
  readonly offered?: string
  /** The whole upgrade path, where `offered` is a floor. */
  readonly path?: readonly string[]
  /** Whether `offered` is below what the machine runs. */
  readonly isRollback?: true
  readonly reason?: Reason
  /** The version that is kept back, or is a dead end. */
  readonly withheld?: string
  readonly because?: string
  readonly sentence: string
}

export interface Explanation extends Outcome {
  /** RFC 3339. */
  readonly at: string
  readonly numbers?: explained.Numbers
  /** The next change, predicted from what is signed now. */
  readonly next?: Outcome & { readonly at: string }
  /** What this explanation leaves out. */
  readonly note?: string
}

/** Never throws: a channel that cannot be used is a reason, too. */
export async function explain(answering: Answering, { query, at, audience }: ExplainQuery): Promise<Explanation> {
  const channel = await findFor(answering, query)
  const now = at ?? answering.reader.clock()
  const isPublic = audience === 'everybody'
  const shown = (decision: Decision): Decision => (isPublic ? explained.forEverybody(decision) : decision)
  if (!('view' in channel)) return { at: isoText(now), ...outcomeOf(shown(noUpdateBecause(channel))) }
  const { view } = channel
  const check: Check = isPublic ? { ...query, onNoList: true } : query
  const decision = decide(check, view, now)
  const [numbers, change] = [explained.numbersOf(decision, check, view, now), explained.nextChange(check, view, now)]
  const { steps } = walk(check, view, now, { isPatient: true })
  const course = { running: check.version, steps, stoppedAt: numbers?.stoppedAt }
  return {
    at: isoText(now),
    ...outcomeOf(shown(decision), course),
    ...(numbers && { numbers }),
    ...(change && { next: nextOf({ ...change, decision: shown(change.decision) }) }),
    ...(isPublic && hasLists(channel) && { note: listsNote }),
  }
}

const nextOf = (change: explained.ForecastChange): NonNullable<Explanation['next']> => ({
  at: isoText(change.at),
  ...outcomeOf(change.decision),
  sentence: explained.explainChange(change),
})

const listsNote = 'this channel lists machines; a listed machine may get another answer'

const hasLists = ({ manifest, source }: LoadedChannel): boolean =>
  [manifest, ...(source ? [source.manifest] : [])].some(({ target, releases }) =>
    [target, ...releases.map((release) => release.target)].some((one) => one?.machines),
  )

function outcomeOf(decision: Decision, course: explained.Course = {}): Outcome {
  const sentence = explained.explainDecision(decision, course)
  if (decision.kind === 'update') {
    const path = (course.steps ?? []).map(({ release }) => release.version)
    const rollback = explained.isRollback(decision, course) && ({ isRollback: true } as const)
    const offered = decision.offer.release.version
    return { decision: 'update', offered, ...(path.length > 1 && { path }), ...rollback, sentence }
  }
  const { reason, candidate, because } = decision
  const withheld = candidate && { withheld: candidate.release.version }
  return { decision: 'no-update', reason, ...withheld, ...(because !== undefined && { because }), sentence }
}
