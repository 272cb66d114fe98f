/** One round of deliveries of one group: claim, send, write down what was sent. */
import type { Instant } from '../kernel/clock.ts'
import { isoText } from '../kernel/format.ts'
import { describeError, type Log } from '../kernel/log.ts'
import type { Lock } from '../locks/document.ts'
import { claimAt, claimMs, isClaimed, type Outbox } from '../locks/outbox.ts'
import { editLock, groupNames, type LockChange, type Locking, readLock } from '../locks/store.ts'
import { dueIn, type HookMessage, messageOf, nextIn, type Outcome, settle } from './deliveries.ts'
import type { Hook } from './lists.ts'

/** A delivery takes 20 seconds at most: none begins later than this before the end of a claim. */
const lastStartMs = 20_000
/** A claim is renewed where less of it is left. */
const freshMs = 25_000
/** Deliveries under one claim. */
const maxAtOnce = 20
/** Health names a group whose events wait for longer. */
const lateMs = 15 * 60_000
/** Then the receiver does not answer, and events that were not tried stay as they are. */
const maxFailures = 3

export interface Delivering {
  readonly locking: Locking
  /** @throws Error where it must be sent again. */
  readonly send: (hook: Hook, message: HookMessage) => Promise<void>
  readonly log: Log
  /** The name of this process in claims: 32 hex digits. */
  readonly by: string
}

export interface Hooking extends Delivering {
  readonly hooks: readonly Hook[]
}

/** As of the last look. */
export type Seen = Pick<Outbox, 'entries' | 'dropped'> & { readonly at: Instant }

/** What is sent and not written down yet. */
interface Unsettled extends Outcome {
  readonly created: Instant
}

export function openCourier(delivering: Delivering) {
  const { locking, log, by } = delivering
  const counts = { delivered: 0, failed: 0, 'given-up': 0 }
  const seen = new Map<string, Seen>()
  const unsettled = new Map<string, Unsettled>()

  const look = ({ group, outbox }: Pick<Lock, 'group' | 'outbox'>): void => {
    if (outbox === undefined) return
    const lost = outbox.dropped - (seen.get(group)?.dropped ?? outbox.dropped)
    if (lost > 0)
      log({
        level: 'error',
        event: 'lock-hook',
        group,
        problem: `${lost} events were given up: its hook never took them`,
      })
    counts['given-up'] += Math.max(0, lost)
    seen.set(group, { ...outbox, at: locking.clock() })
  }
  const writeDown = async (group: string, done: Unsettled): Promise<void> => {
    unsettled.set(group, done)
    const { after } = await editLock(locking, group, ({ lock: { outbox, created }, now }) => ({
      result: undefined,
      change: outbox && created === done.created ? quietly(settle(outbox, done, now)) : undefined,
    }))
    unsettled.delete(group)
    look(after)
  }

  /** @returns when to come again, in milliseconds; 'failed' where nothing was delivered. @throws as `Documents` does. */
  const round = async (group: string, hook: Hook): Promise<number | 'failed'> => {
    const { lock } = (await readLock(locking, group)) ?? {}
    const left = unsettled.get(group)
    if (lock?.outbox === undefined) {
      unsettled.delete(group)
      return Number.POSITIVE_INFINITY
    }
    look(lock)
    if (left) return writeDown(group, left).then(() => 0)
    const now = locking.clock()
    if (dueIn(lock.outbox, now).length === 0) return nextIn(lock.outbox, now)
    const claimed = isClaimed(lock.outbox, now, by) ? undefined : await claim(delivering, lock, now)
    if (claimed === undefined) return claimMs
    const outcome = await deliver(delivering, hook, claimed)
    counts.delivered += outcome.delivered.size
    counts.failed += outcome.failed.size
    await writeDown(group, { ...outcome, created: claimed.created })
    return outcome.delivered.size > 0 ? 0 : 'failed'
  }
  return { round, counts, seen }
}

/** @returns the group, claimed; `undefined` where another server was faster. */
async function claim({ locking, by }: Delivering, lock: Lock, now: Instant): Promise<Lock | undefined> {
  const mine = lock.outbox?.claim
  if (mine?.by === by && Date.parse(mine.until) - now >= freshMs) return lock
  const { result, after } = await editLock(locking, lock.group, (current) => {
    const { outbox } = current.lock
    if (outbox === undefined || isClaimed(outbox, current.now, by)) return { result: false }
    return { result: true, change: quietly({ ...outbox, claim: claimAt(current.now, by) }) }
  })
  return result ? after : undefined
}

const quietly = (outbox: Outbox): LockChange => ({ events: [], isQuiet: true, more: { outbox } })

/** Under a claim. Events of one machine are sent in the order in which they happened. */
async function deliver({ locking, send, log }: Delivering, hook: Hook, lock: Lock): Promise<Outcome> {
  const { group, outbox } = lock
  const outcome = { delivered: new Set<number>(), failed: new Set<number>() }
  if (outbox === undefined) return outcome
  const until = Date.parse(outbox.claim?.until ?? '')
  for (const entry of dueIn(outbox, locking.clock()).slice(0, maxAtOnce)) {
    if (outcome.failed.size >= maxFailures || !(until - locking.clock() >= lastStartMs)) break
    const message = messageOf(lock, entry)
    const about = { group, id: message.id, type: message.type }
    try {
      await send(hook, message)
      outcome.delivered.add(entry.n)
      log({ level: 'info', event: 'lock-hook', what: 'delivered', ...about })
    } catch (error) {
      outcome.failed.add(entry.n)
      log({ level: 'warn', event: 'lock-hook', ...describeError(error), ...about })
    }
  }
  return outcome
}

/** Groups with events that wait for long. @param freshMs how old a look may be. */
export const lateEvents = (seen: ReadonlyMap<string, Seen>, now: Instant, freshMs = Number.POSITIVE_INFINITY) =>
  [...seen].flatMap(([group, { entries, at }]) => {
    const [oldest] = entries
    if (oldest === undefined || now - Date.parse(oldest.at) <= lateMs || now - at > freshMs) return []
    return [`locks: ${entries.length} events of ${group} wait for its hook since ${isoText(Date.parse(oldest.at))}`]
  })

/** All groups with a hook that are known here. */
export async function groupsWithHooks(locking: Locking, hooks: readonly Hook[]): Promise<readonly string[]> {
  const named = hooks.flatMap(({ groups = [] }) => groups)
  const isForAll = hooks.some(({ groups }) => groups === undefined)
  const all = isForAll ? await groupNames(locking).catch(() => []) : []
  return [...new Set([...named, ...all])]
}
