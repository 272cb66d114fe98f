/** Reads and changes the reboot semaphore of a group. */
import { encode } from '../catalog/read.ts'
import { maxCatalogBytes } from '../documents/catalog.ts'
import { catalogKey, lockGroupOf, lockKey, locksFolder } from '../documents/paths.ts'
import type { Clock, Instant } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { isoText } from '../kernel/format.ts'
import { inParallel } from '../kernel/parallel.ts'
import type { Random } from '../kernel/random.ts'
import { turnAt } from '../kernel/turns.ts'
import type { Documents } from '../store/documents.ts'
import { type Edited, update } from '../store/update.ts'
import {
  checkLock,
  decodeStored,
  type Lock,
  type LockEvent,
  type LockStub,
  maxHistory,
  maxLockBytes,
  maxNonces,
} from './document.ts'
import { outboxAfter } from './outbox.ts'
import { firstSemaphore, type Semaphore } from './semaphore.ts'
import { ticksAt } from './ticks.ts'

export interface Locking {
  readonly documents: Documents
  readonly clock: Clock
  readonly random: Random
  /** The name by which this process claims what it delivers of a group; `undefined` where it delivers nothing. */
  readonly claimFor?: (group: string) => string | undefined
}

type Changing = 'policy' | 'expiries' | 'expiryTicks' | 'rolledBackAt' | 'soaking' | 'locksmithWaits' | 'outbox'

export interface LockChange {
  readonly semaphore?: Semaphore
  /** `undefined` takes a member away. */
  readonly more?: { readonly [Name in Changing]?: Lock[Name] | undefined } | undefined
  /** For the history. */
  readonly events: readonly Omit<LockEvent, 'at'>[]
  /** Whether it changes nothing that clients see: locksmith may swap what it read before. */
  readonly isQuiet?: true
}

/** The state that an edit reads. */
export interface Current {
  readonly lock: Lock
  /** Only what creates a group sees one that does not exist, and an empty `lock`. */
  readonly exists: boolean
  readonly now: Instant
}

/** Without a change nothing is written. */
export interface LockEdit<Result> {
  readonly result: Result
  readonly change?: LockChange | undefined
}

/** `after` is stored now. */
export interface LockOutcome<Result> {
  readonly result: Result
  readonly before: Lock
  readonly after: Lock
  /** New entries of the history. */
  readonly events: LockChange['events']
}

/** The group, or its stub. @throws PlatteError('bad-document') for a damaged group; as `Documents` does. */
export async function readStored({ documents }: Pick<Locking, 'documents'>, group: string) {
  const key = lockKey(group)
  const stored = await documents.get(key, maxLockBytes)
  if (stored === undefined) return undefined
  const found = decodeStored(key, stored.bytes)
  if (found.group !== group) throw new PlatteError('bad-document', `${key}: is of group ${JSON.stringify(found.group)}`)
  return { found, token: stored.token }
}

/** @throws OtherDriver; as `readStored`. */
export async function readLock(reading: Pick<Locking, 'documents'>, group: string) {
  const { found, token = '' } = (await readStored(reading, group)) ?? {}
  if (found?.type === 'lock-stub') throw new OtherDriver(found)
  return found && { lock: found, token }
}

/** More are counted, and not read. */
export const maxGroups = 2_000
/** What is wrong with one document, and says nothing of the others. */
const isOfOne = new Set<string>(['bad-document', 'too-large', 'forbidden'])
/** Read at once. */
const atOnce = 16

export interface Groups {
  /** In byte order of their names. */
  readonly locks: readonly Lock[]
  /** Documents that cannot be read: what is wrong, by group; in that order, too. */
  readonly damaged: ReadonlyMap<string, string>
  /** Groups that are kept elsewhere, in any order. */
  readonly elsewhere: readonly string[]
  /** How many groups there are beyond `maxGroups`. */
  readonly unread: number
}

/** The groups of a store; none where the store cannot list. @throws as `Documents` does. */
export async function allGroups({ documents }: Pick<Locking, 'documents'>): Promise<Groups> {
  const names = await groupNames({ documents })
  const locks: (Lock | undefined)[] = []
  const damaged = new Map<string, string>()
  const elsewhere: string[] = []
  await inParallel([...names.slice(0, maxGroups).entries()], atOnce, async ([i, group]) => {
    try {
      locks[i] = (await readLock({ documents }, group))?.lock
    } catch (error) {
      if (error instanceof OtherDriver) return void elsewhere.push(group)
      if (!(error instanceof PlatteError) || !isOfOne.has(error.code)) throw error
      damaged.set(group, error.message)
    }
  })
  const inOrder = new Map([...damaged].sort(([a], [b]) => (a < b ? -1 : 1)))
  const unread = Math.max(0, names.length - maxGroups)
  return { locks: locks.filter((lock) => lock !== undefined), damaged: inOrder, elsewhere, unread }
}

const scraped = new WeakMap<object, Promise<Groups>>()

/** As `allGroups`, read once for all that a scrape of metrics measures. */
export function groupsOf(scrape: object, reading: Pick<Locking, 'documents'>): Promise<Groups> {
  const groups = scraped.get(scrape) ?? allGroups(reading)
  scraped.set(scrape, groups)
  return groups
}

/** Names of groups, in byte order; none where the store cannot list. */
export async function groupNames({ documents }: Pick<Locking, 'documents'>): Promise<readonly string[]> {
  const names: string[] = []
  for await (const key of documents.list?.(locksFolder) ?? []) names.push(lockGroupOf(key) ?? '')
  return names.filter((name) => name !== '')
}

/**
 * An empty store is more likely a volume that is not mounted than a new one: no group is made in it.
 * @throws PlatteError('refused') where there is no catalog.
 */
export async function refuseEmptyStore({ documents }: Pick<Locking, 'documents'>): Promise<void> {
  if ((await documents.get(catalogKey, maxCatalogBytes)) !== undefined) return
  throw new PlatteError('refused', `the store has no ${catalogKey}: no group of locks is made in it`, {
    hint: 'mount what belongs there; `platte mirror` copies a store, `platte init` without PLATTE_ROOT makes a new one',
  })
}

/** A group that nobody made, or that is gone: clients get no slot from it. */
export class NoGroup extends PlatteError {
  constructor(group: string) {
    super('refused', `there is no lock group ${group}`, { hint: `platte lock create --group ${group}` })
  }
}

/** A group that another driver keeps: what the bucket has of it would be stale. */
export class OtherDriver extends PlatteError {
  constructor({ group }: LockStub) {
    super('refused', `group ${group} is kept in a Durable Object, and not in the bucket`, {
      hint: `ask the Worker that has it, or move it: platte lock driver bucket --group ${group}`,
    })
  }
}

/** A group before anything happened. */
export const emptyLock = (group: string, now: Instant): Lock => ({
  format: 1,
  type: 'lock',
  ...{ group, rev: now, created: now, nonces: [] },
  ...{ ...firstSemaphore, holders: null, policy: {}, expiries: [], history: [] },
})

/**
 * Finds a write whose answer was lost by its nonce: locksmith would otherwise wait forever for its own slot.
 * @param edit takes the newest state, again after each lost race.
 * @param creates whether `edit` wants to see a group that does not exist.
 * @throws NoGroup; PlatteError('conflict') after losing every race; 'store-unavailable' if the outcome
 *   is unknown.
 */
export async function editLock<Result>(
  locking: Locking,
  group: string,
  edit: (current: Current) => LockEdit<Result>,
  creates = false,
): Promise<LockOutcome<Result>> {
  const key = lockKey(group)
  const ours = new Map<string, LockOutcome<Result>>()
  const turn = turnAt(locking.documents, key)
  const attempt = async (): Promise<Edited<LockOutcome<Result>>> => {
    const stored = await readLock(locking, group)
    const [landed] = stored?.lock.nonces.flatMap((nonce) => ours.get(nonce) ?? []) ?? []
    if (landed !== undefined) return { result: landed }
    if (stored === undefined && !creates) throw new NoGroup(group)
    const now = locking.clock()
    const before = stored?.lock ?? emptyLock(group, now)
    const current = { lock: before, exists: stored !== undefined, now }
    const { result, change } = edit(current)
    if (change === undefined) return { result: { result, before, after: before, events: [] } }
    if (await turn.begin()) return attempt()
    const nonce = nonceOf(locking.random)
    const after = next(current, change, { nonce, claimedBy: locking.claimFor?.(group) })
    const outcome = { result, before, after, events: change.events }
    ours.set(nonce, outcome)
    return { result: outcome, write: { key, bytes: encode(after), token: stored?.token } }
  }
  return update(locking, key, attempt, { recognisesItself: true }).finally(turn.end)
}

interface Writing {
  readonly nonce: string
  readonly claimedBy: string | undefined
}

/** The first number is the time: a group that was removed and created again never repeats one. */
function next({ lock: current, exists, now }: Current, change: LockChange, { nonce, claimedBy }: Writing): Lock {
  const { semaphore, more, events, isQuiet } = change
  const at = isoText(now)
  const value = {
    ...current,
    ...more,
    ticks: ticksAt(current, now),
    outbox: outboxAfter({ ...current, ...more }, events, { now, claimedBy }),
    rev: exists && !isQuiet ? current.rev + 1 : current.rev,
    nonces: [...current.nonces, nonce].slice(-maxNonces),
    max: semaphore?.max ?? current.max,
    holders: semaphore === undefined ? current.holders : semaphore.holders,
    history: [...current.history, ...events.map((event) => ({ at, ...event }))].slice(-maxHistory),
  }
  const there = Object.entries(value).filter(([, one]) => one !== undefined)
  const checked = Object.fromEntries(there)
  if (more?.policy !== undefined) return checkLock(lockKey(current.group), checked)
  // A list of zones is long, and was checked when it was read.
  return { ...checkLock(lockKey(current.group), { ...checked, policy: {} }), policy: current.policy }
}

/** 32 hex digits. */
export const nonceOf = (random: Random): string => {
  const words = Array.from({ length: 4 }, () => Math.floor(random() * 2 ** 32))
  return words.map((word) => word.toString(16).padStart(8, '0')).join('')
}
