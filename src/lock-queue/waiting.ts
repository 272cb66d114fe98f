/**
 * `locks/waiting/<group>.json`, unsigned: machines that got no slot. It is for people: nothing depends on it, and what a
 * process did not write before it ended is lost until the machine asks again. Pure.
 */
import * as v from 'valibot'
import * as field from '../documents/fields.ts'
import { isGroupName } from '../documents/paths.ts'
import type { Instant } from '../kernel/clock.ts'
import { isoText } from '../kernel/format.ts'
import type { Lock } from '../locks/document.ts'
import { findHolder, isHolderId } from '../locks/semaphore.ts'

/** Of a group; those that asked last. */
export const maxWaiting = 1000
/** Room for `maxWaiting` with the longest ids and words. */
export const maxWaitingBytes = 4 * 1024 * 1024
const minute = 60 * 1000
/** Clients ask every 5 minutes; that they asked again is written at most this often. */
const againMs = 15 * minute
/** A machine that did not ask for this long waits no more. */
const silentMs = 30 * minute
/** A machine that asks again after this long begins anew. */
const anewMs = 60 * minute
/** Silent ones are kept for this long. */
const keptMs = 3 * 24 * 60 * minute
/** What a clock that was further ahead wrote is dropped. */
const maxAheadMs = 60 * minute
const maxWords = 200

const waiting = v.strictObject({
  /** A machine, or its address where it does not name itself. */
  id: v.pipe(v.string(), v.check(isHolderId, 'must be 1 to 255 characters on one line')),
  isAddress: v.exactOptional(v.literal(true)),
  via: v.picklist(['locksmith', 'fleet-lock']),
  first: field.instant,
  last: field.instant,
  /** Such as `full` or `window`; later versions may have others. */
  reason: field.matching(/^[a-z][a-z-]{0,31}$/, 'must be a word'),
  /** The reason in words, where it is not of the group alone. */
  words: v.exactOptional(field.text(maxWords)),
})

const schema = v.strictObject({
  format: v.literal(1),
  type: v.literal('waiting'),
  group: v.pipe(v.string(), v.check(isGroupName, 'must be the name of a group')),
  /** When it was written. */
  at: field.instant,
  machines: v.pipe(v.array(waiting), v.maxLength(maxWaiting)),
})

export type Waiting = v.InferOutput<typeof waiting>

/** @throws PlatteError('bad-document') naming the key and the first field at fault. */
export const decodeWaiting = (key: string, bytes: Uint8Array) => field.decodeUnsigned(schema, key, bytes)

/** @throws PlatteError('bad-document') for a document that no reader would accept. */
export const waitingDocument = (key: string, group: string, machines: readonly Waiting[], now: Instant) =>
  field.check(schema, key, { format: 1, type: 'waiting', group, at: isoText(now), machines })

/** Words that a document may have. */
export const shortWords = (words: string): string => [...words].slice(0, maxWords).join('')

const lastOf = ({ last }: Waiting): Instant => Date.parse(last)

/** A machine that asked again. */
export function askedAgain(before: Waiting | undefined, now: Waiting): Waiting {
  if (before === undefined || Date.parse(now.first) - lastOf(before) > anewMs) return now
  const isFirst = Date.parse(now.first) < Date.parse(before.first)
  return { ...(lastOf(now) < lastOf(before) ? before : now), first: isFirst ? now.first : before.first }
}

/** What one process knows. */
export interface News {
  /** Machines that asked, by their ids. */
  readonly asked: ReadonlyMap<string, Waiting>
  /** When machines stopped waiting, by their ids. */
  readonly left: ReadonlyMap<string, Instant>
}

/**
 * What is stored, with what a process knows more: what several know adds up. Without machines that got a slot since they
 * asked. First come, first listed.
 */
export function merge(stored: readonly Waiting[], { asked, left }: News, lock: Lock, now: Instant): readonly Waiting[] {
  const all = new Map(stored.map((one) => [one.id, one]))
  for (const [id, one] of asked) all.set(id, askedAgain(all.get(id), one))
  const served = new Map(
    lock.history.flatMap(({ what, id, at }) => (what === 'lock' && id ? [[id, Date.parse(at)]] : [])),
  )
  const kept = [...all.values()].filter((one) => {
    const at = lastOf(one)
    const isCurrent = now - at < keptMs && at - now < maxAheadMs && at > (left.get(one.id) ?? Number.NEGATIVE_INFINITY)
    return isCurrent && at > (served.get(one.id) ?? Number.NEGATIVE_INFINITY) && !findHolder(lock, one.id)
  })
  const newest = kept.length <= maxWaiting ? kept : kept.sort((a, b) => lastOf(b) - lastOf(a)).slice(0, maxWaiting)
  return newest.sort((a, b) => Date.parse(a.first) - Date.parse(b.first) || (a.id < b.id ? -1 : 1))
}

/** Whether a reader would want to know: machines that are new, gone or refused for another reason, or asked long after. */
export function isNews(before: readonly Waiting[], after: readonly Waiting[]): boolean {
  const known = new Map(before.map((one) => [one.id, one]))
  return before.length !== after.length || after.some((one) => isNewsOf(known.get(one.id), one))
}

const isNewsOf = (before: Waiting | undefined, after: Waiting): boolean =>
  before === undefined || before.reason !== after.reason || lastOf(after) - lastOf(before) >= againMs

export interface Waiters {
  /** First come, first listed. */
  readonly waiting: readonly Waiting[]
  /** Machines that stopped asking without a slot, in the same order. */
  readonly silent: readonly Waiting[]
}

export const noWaiters: Waiters = { waiting: [], silent: [] }

const nothing: News = { asked: new Map(), left: new Map() }

/** Who waits now. */
export function waitersOf(machines: readonly Waiting[], lock: Lock, now: Instant, news = nothing): Waiters {
  const all = merge(machines, news, lock, now)
  const isWaiting = (one: Waiting): boolean => now - lastOf(one) <= silentMs
  return { waiting: all.filter(isWaiting), silent: all.filter((one) => !isWaiting(one)) }
}
