/** Reboot locks in a deployment: routes, metrics, and what they note of update checks. */
import type { Context } from 'hono'
import { type OmahaAppRequest, rollbackError } from '../../checks/omaha/omaha.ts'
import type { Extension, Gauge, Serving } from '../../checks/serving.ts'
import { appKey } from '../../checks/update-check.ts'
import { refuse } from '../../http/problem.ts'
import { requestLog } from '../../http/request-id.ts'
import { type ErrorCode, messageOf, PlatteError } from '../../kernel/errors.ts'
import { isoText } from '../../kernel/format.ts'
import { describeError, logWith } from '../../kernel/log.ts'
import type { Lock } from '../document.ts'
import { soaks, staleHoldersOf } from '../edits.ts'
import { findHolder, oldestHolder, unlock } from '../semaphore.ts'
import { allGroups, editLock, groupsOf, type LockEdit, type Locking, readLock } from '../store.ts'
import { vetoHere } from '../vetoes.ts'
import { etcd, etcdPrefix } from './etcd.ts'
import { fleetLock, fleetLockHeader, fleetLockPaths } from './fleet.ts'
import { heldNow, type LockProtocol, type Locks, machineOf, readAccess } from './lock-request.ts'
import { openMemory, type Refusal } from './recent.ts'
import { watched } from './watched.ts'

/** Both protocols, with and without a token before their own paths. */
export function openLocks(given: Omit<Locks, 'memory'>): Extension {
  const memory = openMemory()
  let mounted: Serving | undefined
  const claimFor = (group: string) =>
    mounted?.extensions?.map(({ lockHook }) => lockHook?.claim(group)).find((by) => by !== undefined)
  const locking = { ...given.locking, documents: watched(given.locking.documents, memory), claimFor }
  const locks: Locks = { ...given, memory, locking }
  return {
    name: 'locks',
    mount(app, serving) {
      mounted = serving
      const answer = answerLock(serving, locks)
      for (const path of [`${etcdPrefix}/*`, ...fleetLockPaths, '/lock/*']) app.all(path, answer)
    },
    // As locksmith 0.3 asks where the endpoint ends in a slash.
    fallback: async (serving, c) =>
      c.req.path.startsWith(`/${etcdPrefix}/`) ? answerLock(serving, locks)(c) : undefined,
    onCheck: noteMachines(locks),
    gauges: (scrape) => lockGauges(locks, mounted, scrape),
    problems: lockProblems(locks),
  }
}

/** Reads every group once. A damaged one, and too many, take nothing from the others. */
async function lockGauges(all: Locks, serving: Serving | undefined, scrape: object): Promise<readonly Gauge[]> {
  const { locking, memory, channels } = all
  const { locks, damaged, unread } = await groupsOf(scrape, locking)
  memory.noteGroups(damaged)
  const now = locking.clock()
  const held = new Map<string, string | undefined>()
  const answering = serving && { cache: serving.cache, reader: serving.reader }
  if (answering) for (const group of channels.values()) held.set(group, await heldNow(answering, all, group))
  const gauge = (name: string, help: string, read: (lock: Lock) => number): Gauge => ({
    ...{ name: `platte_lock_${name}`, help, label: 'group' },
    values: new Map(locks.map((lock) => [lock.group, read(lock)])),
  })
  const total = (name: string, help: string, value: number): Gauge => ({
    ...{ name: `platte_lock_${name}`, help, values: new Map([['', value]]) },
  })
  return [
    gauge('slots', 'Machines of a group that may reboot at once.', ({ max }) => max),
    gauge('holders', 'Machines of a group that hold a slot.', ({ holders }) => holders?.length ?? 0),
    gauge(
      'oldest_holder_seconds',
      'How long ago the oldest holder got its slot; 0 without.',
      (lock) => Math.max(0, now - Date.parse(oldestHolder(lock)?.since ?? isoText(now))) / 1000,
    ),
    gauge('overdue', 'Holders not seen for longer than their lease.', (lock) => staleHoldersOf(lock, now).length),
    gauge('vetoed', '1 where the policy of a group gives no slot now.', (lock) =>
      vetoHere(lock, { now, held: held.get(lock.group) }) ? 1 : 0,
    ),
    total('damaged_groups', 'Groups whose document cannot be read: their machines do not reboot.', damaged.size),
    total('unread_groups', 'Groups beyond those that are read for metrics.', unread),
    {
      ...{ name: 'platte_lock_refusals', help: 'Requests for a slot without one since the start.', label: 'reason' },
      values: memory.counts(),
    },
  ]
}

/** Health does not wait for the groups: they are read again after this time, or where they could not be. */
const lookEveryMs = 60_000

function lockProblems({ locking, memory }: Locks): () => Promise<readonly string[]> {
  let lookedAt = Number.NEGATIVE_INFINITY
  return async () => {
    const now = locking.clock()
    if (Math.abs(now - lookedAt) >= lookEveryMs) {
      lookedAt = now
      try {
        memory.noteGroups((await allGroups(locking)).damaged)
      } catch (error) {
        memory.note('list', `locks: ${messageOf(error)}`)
        lookedAt = Number.NEGATIVE_INFINITY
      }
    }
    return memory.problems()
  }
}

const nothingHere = 'nothing here; locksmith asks below /lock/TOKEN/v2/keys/, Zincati has /lock/TOKEN/ as its base_url'

/** Before a protocol's own path: `/lock/TOKEN`, and the machine where it names itself. locksmith 0.3 doubles slashes. */
const prefixed = /^\/lock\/([^/]*)(?:\/+machine\/+([^/]+))?(\/.*)?$/

/** Logs a refusal without the token in its path. */
function answerLock(serving: Serving, locks: Locks): (c: Context) => Promise<Response> {
  return async (c) => {
    const found = prefixed.exec(c.req.path)
    const [token, inPath, rest = ''] = found ? found.slice(1) : [undefined, undefined, c.req.path]
    const path = rest.replace(/^\/+/, '/')
    const protocol = protocolOf(c, path)
    if (protocol === undefined) return refuse(c, 'not-found', nothingHere)
    const access = await readAccess(c, token, locks.tokens)
    try {
      return await protocol.answer({ c, path, access, machine: machineOf(c, inPath), serving, locks })
    } catch (error) {
      const code = error instanceof PlatteError ? error.code : undefined
      const status = (code && statuses[code]) ?? 500
      locks.memory.refused((code && refusalBy[code]) ?? refusalOf[status] ?? 'damaged')
      const logged = describeError(error, status === 500)
      const level = status < 500 ? 'info' : 'error'
      const log = requestLog(serving.reader.log, c.req.raw)
      log({ level, event: 'refused', path: path.slice(0, 100), status, ...logged })
      return protocol.refuse(c, status, status < 500 ? logged.problem : wordsOf(code), code)
    }
  }
}

/** A path that is no protocol's own is answered as who asks can read it. */
function protocolOf(c: Context, path: string): LockProtocol | undefined {
  if (fleetLockPaths.includes(path) || c.req.header(fleetLockHeader) !== undefined) return fleetLock
  return path.startsWith('/v2/') || c.req.header('user-agent')?.startsWith('Go-http-client/') ? etcd : undefined
}

/** In a store without a catalog no group is made. */
const refusalBy: Readonly<Partial<Record<ErrorCode, Refusal>>> = { conflict: 'lost-race', refused: 'no-group' }
const refusalOf: Readonly<Record<number, Refusal>> = { 400: 'request', 413: 'request', 503: 'store' }

const wordsOf = (code: ErrorCode | undefined): string =>
  code === 'conflict' ? 'others kept writing; try again' : 'the semaphore cannot be read or written; see the log'

/** Statuses that the clients of both protocols know. Every other code is 500. */
const statuses: Readonly<Partial<Record<ErrorCode, 400 | 413 | 503>>> = {
  'bad-request': 400,
  'unsupported-encoding': 400,
  'too-large': 413,
  'store-unavailable': 503,
  forbidden: 503,
  conflict: 503,
}

/** A machine has one operating system, and reports on it once. */
const maxNotes = 2
/** At most this often a fallback is written: anybody can report one. */
const rollbackEveryMs = 60_000

/** Machines' update checks may free their slot, or close their group for a while. Noted in the background where the runtime has one. Never throws: checks are answered the same. */
const noteMachines =
  (locks: Locks): OnCheck =>
  async ({ reader, extensions = [] }, { cache, background }, { apps, ids }) => {
    if (locks.channels.size === 0) return
    const log = logWith(reader.log, ids)
    const notes = apps.flatMap((app) => {
      const key = appKey(app.appId)
      const channel = cache.apps.get(key)?.aliases.get(app.track) ?? app.track
      const group = locks.channels.get(`${key}/${channel}`)
      return group === undefined ? [] : notesOf(app).map((what) => ({ what, group, id: app.machineId }))
    })
    const work = notes.slice(0, maxNotes).map(async ({ what, group, id }) => {
      const about = { group, id: id.slice(0, 64) }
      try {
        if (!(await note(locks.locking, { what, group, id }))) return
        log({ level: 'info', event: 'lock', what, ...about })
        for (const { lockHook } of extensions) await lockHook?.wake(group, background)
      } catch (error) {
        log({ level: 'warn', event: 'lock', ...describeError(error), ...about })
      }
    })
    if (work.length === 0) return
    const done = Promise.all(work).then(() => undefined)
    if (background === undefined) await done
    else background(done)
  }

type OnCheck = NonNullable<Extension['onCheck']>
type What = 'release' | 'rollback'
type Note = { readonly what: What; readonly group: string; readonly id: string }

function notesOf({ machineId, events }: OmahaAppRequest): readonly What[] {
  const hasRebooted = events.some(({ type, result, previousVersion }) => type === 3 && result === 2 && previousVersion)
  const fellBack = events.some(({ result, errorCode }) => result === 0 && errorCode?.base === rollbackError)
  return [...(hasRebooted && machineId ? ['release' as const] : []), ...(fellBack ? ['rollback' as const] : [])]
}

/** @returns whether the group changed. Reads first: most reports change nothing. */
async function note(locking: Locking, { what, group, id }: Note): Promise<boolean> {
  const edit = (lock: Lock, now: number) => (what === 'release' ? releaseOf(lock, now, id) : rollbackOf(lock, now))
  const { lock } = (await readLock(locking, group)) ?? {}
  if (lock === undefined || !edit(lock, locking.clock()).result) return false
  return (await editLock(locking, group, (current) => edit(current.lock, current.now))).result
}

/** Frees the slot, if the policy says so. Only of a locksmith holder: FleetLock's ids differ from those in checks. */
function releaseOf(lock: Lock, now: number, id: string): LockEdit<boolean> {
  const isReleased = lock.policy.releaseOnReboot && findHolder(lock, id)?.via === 'locksmith'
  const semaphore = isReleased ? unlock(lock, id) : undefined
  if (semaphore === undefined) return { result: false }
  return {
    result: true,
    change: { semaphore, ...soaks({ lock, now }, id), events: [{ what: 'release', via: 'check', id }] },
  }
}

/** Records that a machine fell back to its old version, if the policy pauses the group after that. */
function rollbackOf({ policy, rolledBackAt }: Lock, now: number): LockEdit<boolean> {
  const before = rolledBackAt === undefined ? 0 : Date.parse(rolledBackAt)
  if (policy.vetoAfterRollback === undefined || now - before <= rollbackEveryMs) return { result: false }
  const more = { rolledBackAt: isoText(now) }
  return { result: true, change: { more, events: [{ what: 'rollback', via: 'check' }] } }
}
