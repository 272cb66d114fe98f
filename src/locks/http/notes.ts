/** What machines report with their checks may free a semaphore, or close it for a while. */
import type { OmahaAppRequest } from '../../checks/omaha/omaha.ts'
import type { Serving } from '../../checks/serving.ts'
import { type Answering, appKey } from '../../checks/update-check.ts'
import type { RequestIds } from '../../http/request-id.ts'
import { describeError, logWith } from '../../kernel/log.ts'
import { noteReboot, noteRollback } from '../notes.ts'
import type { Locks } from './lock-request.ts'

/** A machine has one operating system, and reports on it once. */
const maxNotes = 2
/** What update_engine reports when a machine booted back into its old version. */
const rollbackCode = 44

/** Notes them in the background where the runtime has one. Never throws: checks are answered the same. */
export async function noteMachines(
  { reader }: Serving,
  locks: Locks,
  { cache, background }: Answering,
  { apps, ids }: { readonly apps: readonly OmahaAppRequest[]; readonly ids: RequestIds },
): Promise<void> {
  if (locks.channels.size === 0) return
  const log = logWith(reader.log, ids)
  const work = apps.flatMap((app) => {
    const key = appKey(app.appId)
    const channel = cache.apps.get(key)?.aliases.get(app.track) ?? app.track
    const group = locks.channels.get(`${key}/${channel}`)
    return group === undefined ? [] : notesOf(locks, group, app)
  })
  const all = work.slice(0, maxNotes).map(({ run, ...about }) =>
    run().then(
      (what) => {
        if (what !== 'nothing') log({ level: 'info', event: 'lock', what, ...about })
      },
      (error: unknown) => {
        log({ level: 'warn', event: 'lock', ...describeError(error), ...about })
      },
    ),
  )
  if (all.length === 0) return
  const done = Promise.all(all).then(() => undefined)
  if (background === undefined) await done
  else background(done)
}

interface Note {
  readonly group: string
  readonly id: string
  run(): Promise<'release' | 'rollback' | 'nothing'>
}

function notesOf({ locking }: Locks, group: string, { machineId, events }: OmahaAppRequest): readonly Note[] {
  const hasRebooted = events.some(
    ({ type, result, previousVersion }) => type === 3 && result === 2 && previousVersion !== undefined,
  )
  const fellBack = events.some(({ result, errorCode }) => result === 0 && errorCode?.base === rollbackCode)
  const about = { group, id: machineId.slice(0, 64) }
  return [
    ...(hasRebooted && machineId !== '' ? [{ ...about, run: () => noteReboot(locking, group, machineId) }] : []),
    ...(fellBack ? [{ ...about, run: () => noteRollback(locking, group) }] : []),
  ]
}
