/** What happened to slots, kept in the document of the group until its hook took it. Pure. */
import type { Instant } from '../kernel/clock.ts'
import { isoText } from '../kernel/format.ts'
import { type Lock, type LockEvent, maxOutbox } from './document.ts'

export type Outbox = NonNullable<Lock['outbox']>
export type OutboxEntry = Outbox['entries'][number]

/** Longer than one delivery takes. A server that ends with a claim keeps the others waiting for this long. */
export const claimMs = 30_000

/** Whether another server delivers now. A claim further ahead is of a clock that was wrong. */
export function isClaimed({ claim }: Outbox, now: Instant, by: string | undefined): boolean {
  const leftMs = claim === undefined ? 0 : Date.parse(claim.until) - now
  return leftMs > 0 && leftMs <= 2 * claimMs && claim?.by !== by
}

export const claimAt = (now: Instant, by: string): NonNullable<Outbox['claim']> => ({
  by,
  until: isoText(now + claimMs),
})

type Event = Omit<LockEvent, 'at'>
type Kept = Event & Pick<OutboxEntry, 'what' | 'id' | 'via'>

const isKept = (event: Event): event is Kept =>
  ['lock', 'unlock', 'expire', 'release'].includes(event.what) && event.id !== undefined && event.via !== undefined

/** The first server that delivers what happens in a group makes its outbox; from then on every writer fills it. */
export function outboxAfter(
  { outbox }: { readonly outbox?: Outbox | undefined },
  events: readonly Event[],
  { now, claimedBy: by }: { readonly now: Instant; readonly claimedBy: string | undefined },
): Outbox | undefined {
  const before = outbox ?? (by === undefined ? undefined : { last: 0, dropped: 0, entries: [] })
  const fresh = events.filter(isKept)
  if (before === undefined || fresh.length === 0) return outbox
  const { last } = before
  const added = fresh.map(({ what, id, via }, i) => ({ n: last + i + 1, at: isoText(now), id, via, what }))
  const entries = [...before.entries, ...added]
  const lost = Math.max(0, entries.length - maxOutbox)
  const isMine = by !== undefined && !isClaimed(before, now, by)
  return {
    ...before,
    ...{ last: last + fresh.length, dropped: before.dropped + lost, entries: entries.slice(lost) },
    ...(isMine && { claim: claimAt(now, by) }),
  }
}
