/**
 * Who waits for a slot, as one process sees it: what it saw itself, over the documents below `locks/waiting/`, to which what
 * several processes see adds up. A machine that asks again does not cost a write each time.
 */
import { encode } from '../catalog/read.ts'
import type { LockAsk } from '../checks/serving.ts'
import { waitingKey } from '../documents/paths.ts'
import type { Instant } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { isoText } from '../kernel/format.ts'
import type { Lock } from '../locks/document.ts'
import { isHolderId } from '../locks/semaphore.ts'
import { emptyLock, type Locking, maxGroups, OtherDriver, readLock } from '../locks/store.ts'
import * as waiters from './waiting.ts'

const minute = 60 * 1000
/** A group's document is looked at, and written, at most this often by everybody together: a key of R2 takes one write a second. */
const writeEveryMs = minute
/** Of all groups; those that were quiet for longest are forgotten, and come again when their machines ask. */
const maxRemembered = 50_000
/** A daemon of locksmith tries again within this time. */
const maxRetryMs = 6 * minute
const maxTries = 3

type Reading = Pick<Locking, 'documents' | 'clock'>

export interface Queue {
  /** Notes in memory what came of a machine. */
  note(asked: LockAsk, now: Instant): void
  /**
   * Writes what is due, for all processes to read.
   * @param lock the group, where it was just read.
   * @throws as `readLock`; PlatteError('bad-document') for a damaged document, which is left alone.
   */
  flush(reading: Reading, group: string, lock?: Lock): Promise<void>
  /** What this process knows of a group. */
  newsOf(group: string): waiters.News
  /** Groups of which it knows something. */
  groups(): readonly string[]
}

interface Known extends waiters.News {
  readonly asked: Map<string, waiters.Waiting>
  readonly left: Map<string, Instant>
  /** As of the last look at the document. */
  stored: readonly waiters.Waiting[]
  lookedAt: Instant
  isBusy: boolean
}

export function openQueue(): Queue {
  const groups = new Map<string, Known>()
  const looks = new Map<string, { readonly first: Instant; readonly last: Instant }>()
  const refuse = (asked: LockAsk & { readonly id: string }, first: Instant, last: Instant): void => {
    const known = groups.get(asked.group) ?? newKnown()
    putLast(groups, asked.group, known, maxGroups)
    known.left.delete(asked.id)
    const one = waiters.askedAgain(known.asked.get(asked.id), waitingOf(asked, first, last))
    putLast(known.asked, asked.id, one, waiters.maxWaiting)
    forget(groups)
  }
  const leave = (group: string, id: string, now: Instant): void => {
    const known = groups.get(group)
    const isKnown = known?.asked.delete(id) || known?.stored.some((one) => one.id === id)
    if (known && isKnown) known.left.set(id, now)
  }
  const look = (asked: LockAsk & { readonly id: string }, now: Instant): void => {
    const before = looks.get(lookKey(asked))
    // A daemon of locksmith tries again, and others only look.
    const isTry = before !== undefined && Math.abs(now - before.last) <= maxRetryMs
    const first = isTry ? before.first : now
    putLast(looks, lookKey(asked), { first, last: now }, maxRemembered)
    if (isTry) refuse(asked, first, now)
  }
  return {
    note({ id, ...more }, now) {
      if (id === undefined || !isHolderId(id)) return
      const asked = { id, ...more }
      if (asked.what === 'refused') refuse(asked, now, now)
      else if (asked.what === 'looked') look(asked, now)
      else if (asked.what === 'began') looks.delete(lookKey(asked))
      else leave(asked.group, id, now)
    },
    async flush(reading, group, found) {
      const known = groups.get(group)
      const now = reading.clock()
      if (known === undefined || known.isBusy || Math.abs(now - known.lookedAt) < writeEveryMs) return
      if (!waiters.isNews(known.stored, waiters.merge(known.stored, known, emptyLock(group, now), now))) return
      Object.assign(known, { isBusy: true, lookedAt: now })
      try {
        const lock = found ?? (await lockOf(reading, group, now))
        for (let i = 0; i < maxTries && !(await write(reading, lock, known, now)); i++);
      } finally {
        known.isBusy = false
      }
    },
    newsOf: (group) => groups.get(group) ?? newKnown(),
    groups: () => [...groups.keys()],
  }
}

/** Without who holds a slot where the group is not kept in the bucket. @throws as `readLock`. */
export async function lockOf(reading: Pick<Reading, 'documents'>, group: string, now: Instant): Promise<Lock> {
  const nobody = emptyLock(group, now)
  try {
    return (await readLock(reading, group))?.lock ?? nobody
  } catch (error) {
    if (error instanceof OtherDriver) return nobody
    throw error
  }
}

const waitingOf = (
  { id, isAddress, via, reason = 'other', words }: LockAsk & { readonly id: string },
  first: Instant,
  last: Instant,
): waiters.Waiting => ({
  ...{ id, ...(isAddress && { isAddress }), via, first: isoText(first), last: isoText(last), reason },
  ...(words !== undefined && { words: waiters.shortWords(words) }),
})

const newKnown = (): Known => ({
  ...{ asked: new Map(), left: new Map(), stored: [] },
  ...{ lookedAt: Number.NEGATIVE_INFINITY, isBusy: false },
})

const lookKey = ({ group, id }: LockAsk): string => `${group}\n${id}`

/** The first ones are dropped. */
function putLast<Value>(map: Map<string, Value>, key: string, value: Value, most: number): void {
  map.delete(key)
  map.set(key, value)
  const [first] = map.keys()
  if (map.size > most && first !== undefined) map.delete(first)
}

function forget(groups: Map<string, Known>): void {
  let all = 0
  for (const { asked, stored } of groups.values()) all += asked.size + stored.length
  for (const [group, { asked, stored }] of groups) {
    if (all <= maxRemembered || groups.size === 1) return
    all -= asked.size + stored.length
    groups.delete(group)
  }
}

/** @returns `false` for a lost race. */
async function write({ documents }: Reading, lock: Lock, known: Known, now: Instant): Promise<boolean> {
  const key = waitingKey(lock.group)
  const found = await readWaiting({ documents }, lock.group)
  known.stored = found?.machines ?? []
  // Somebody else just wrote it.
  if (found !== undefined && Math.abs(now - Date.parse(found.at)) < writeEveryMs) return true
  const [asked, left] = [new Map(known.asked), new Map(known.left)]
  const machines = waiters.merge(known.stored, { asked, left }, lock, now)
  if (!waiters.isNews(known.stored, machines)) return true
  const bytes = encode(waiters.waitingDocument(key, lock.group, machines, now))
  const outcome = found ? await documents.swap(key, bytes, found.token) : await documents.create(key, bytes)
  if (outcome === 'taken' || outcome === 'conflict') return false
  known.stored = machines
  for (const [id, one] of asked) if (known.asked.get(id) === one) known.asked.delete(id)
  for (const [id, at] of left) if (known.left.get(id) === at) known.left.delete(id)
  return true
}

/** @throws PlatteError('bad-document') for a damaged document; as `Documents` does. */
export async function readWaiting({ documents }: Pick<Locking, 'documents'>, group: string) {
  const key = waitingKey(group)
  const stored = await documents.get(key, waiters.maxWaitingBytes)
  if (stored === undefined) return undefined
  const { group: of, machines, at } = waiters.decodeWaiting(key, stored.bytes)
  if (of !== group) throw new PlatteError('bad-document', `${key}: is of group ${JSON.stringify(of)}`)
  return { machines, at, token: stored.token }
}
