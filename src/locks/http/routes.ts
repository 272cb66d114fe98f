/** The routes and metrics of reboot locks. */
import type { Context } from 'hono'
import type { Extension, Gauge, Serving } from '../../checks/serving.ts'
import { refuse } from '../../http/problem.ts'
import { requestLog } from '../../http/request-id.ts'
import { type ErrorCode, PlatteError } from '../../kernel/errors.ts'
import { describeError } from '../../kernel/log.ts'
import type { Lock } from '../document.ts'
import { staleHoldersOf } from '../edits.ts'
import { allGroups, type Locking } from '../store.ts'
import { etcd, etcdPrefix } from './etcd.ts'
import { fleetLock, fleetLockPaths } from './fleet.ts'
import { type Locks, scopeOf } from './lock-request.ts'
import { noteMachines } from './notes.ts'

/** Both protocols, with and without a token before their own paths. */
export const openLocks = (locks: Locks): Extension => ({
  name: 'locks',
  mount(app, serving) {
    const answer = answerLock(serving, locks)
    for (const path of [`${etcdPrefix}/*`, ...fleetLockPaths, '/lock/*']) app.all(path, answer)
  },
  onCheck: noteMachines(locks),
  gauges: () => lockGauges(locks.locking),
})

/** Reads every group once. */
async function lockGauges({ documents, clock }: Locking): Promise<readonly Gauge[]> {
  const groups = await allGroups({ documents })
  const gauge = (name: string, help: string, read: (lock: Lock) => number): Gauge => ({
    ...{ name: `platte_lock_${name}`, help, label: 'group' },
    values: new Map(groups.map((lock) => [lock.group, read(lock)])),
  })
  const stale = (lock: Lock): number => staleHoldersOf(lock, clock()).length
  return [
    gauge('slots', 'Machines of a group that may reboot at once.', ({ max }) => max),
    gauge('holders', 'Machines of a group that hold a slot.', ({ holders }) => holders?.length ?? 0),
    gauge('overdue', 'Holders not seen for longer than their lease.', stale),
  ]
}

const nothingHere = 'nothing here; locksmith asks below /lock/TOKEN/v2/keys/, Zincati has /lock/TOKEN/ as its base_url'

/** Logs a refusal without the token in its path: clients keep `/lock/TOKEN` before their protocol's own path, or nothing. */
function answerLock(serving: Serving, locks: Locks): (c: Context) => Promise<Response> {
  return async (c) => {
    const [, token, path = c.req.path] = /^\/lock\/([^/]*)(\/.*)$/.exec(c.req.path) ?? []
    const isFleetLock = fleetLockPaths.includes(path)
    if (!isFleetLock && !path.startsWith(`${etcdPrefix}/`)) return refuse(c, 'not-found', nothingHere)
    const protocol = isFleetLock ? fleetLock : etcd
    try {
      return await protocol.answer({ c, path, scope: await scopeOf(c, token, locks.tokens), serving, locks })
    } catch (error) {
      const code = error instanceof PlatteError ? error.code : undefined
      const status = (code && statuses[code]) ?? 500
      const logged = describeError(error, status === 500)
      const level = status < 500 ? 'info' : 'error'
      const log = requestLog(serving.reader.log, c.req.raw)
      log({ level, event: 'refused', path: path.slice(0, 100), status, ...logged })
      return protocol.refuse(c, status, status < 500 ? logged.problem : wordsOf(code), code)
    }
  }
}

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
