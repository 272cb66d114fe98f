/** Machines' update checks may free their slot, or close their group for a while. */

import type { OmahaAppRequest } from '../../checks/omaha/omaha.ts'
import type { Extension } from '../../checks/serving.ts'
import { appKey } from '../../checks/update-check.ts'
import { isoText } from '../../kernel/format.ts'
import { describeError, logWith } from '../../kernel/log.ts'
import type { Lock } from '../document.ts'
import { findHolder, unlock } from '../semaphore.ts'
import { editLock, type LockEdit, type Locking, readLock } from '../store.ts'
import type { Locks } from './lock-request.ts'

/** A machine has one operating system, and reports on it once. */
const maxNotes = 2
/** What update_engine reports when a machine booted back into its old version. */
const rollbackCode = 44
/** At most this often a fallback is written: anybody can report one. */
const rollbackEveryMs = 60_000

/** Notes them in the background where the runtime has one. Never throws: checks are answered the same. */
export const noteMachines =
  (locks: Locks): OnCheck =>
  async ({ reader }, { cache, background }, { apps, ids }) => {
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
        if (await note(locks.locking, { what, group, id })) log({ level: 'info', event: 'lock', what, ...about })
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
  const fellBack = events.some(({ result, errorCode }) => result === 0 && errorCode?.base === rollbackCode)
  return [...(hasRebooted && machineId ? ['release' as const] : []), ...(fellBack ? ['rollback' as const] : [])]
}

/** @returns whether the group changed. Reads first: most reports change nothing. */
async function note(locking: Locking, { what, group, id }: Note): Promise<boolean> {
  const edit = (lock: Lock, now: number) => (what === 'release' ? releaseOf(lock, id) : rollbackOf(lock, now))
  const { lock } = (await readLock(locking, group)) ?? {}
  if (lock === undefined || !edit(lock, locking.clock()).result) return false
  return (await editLock(locking, group, (current) => edit(current.lock, current.now))).result
}

/** Frees the slot, if the policy says so. Only of a locksmith holder: FleetLock's ids differ from those in checks. */
function releaseOf(lock: Lock, id: string): LockEdit<boolean> {
  const isReleased = lock.policy.releaseOnReboot && findHolder(lock, id)?.via === 'locksmith'
  const semaphore = isReleased ? unlock(lock, id) : undefined
  if (semaphore === undefined) return { result: false }
  return { result: true, change: { semaphore, events: [{ what: 'release', via: 'check', id }] } }
}

/** Records that a machine fell back to its old version, if the policy pauses the group after that. */
function rollbackOf({ policy, rolledBackAt }: Lock, now: number): LockEdit<boolean> {
  const before = rolledBackAt === undefined ? 0 : Date.parse(rolledBackAt)
  if (policy.vetoAfterRollback === undefined || now - before <= rollbackEveryMs) return { result: false }
  const more = { rolledBackAt: isoText(now) }
  return { result: true, change: { more, events: [{ what: 'rollback', via: 'check' }] } }
}
