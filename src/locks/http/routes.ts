/** Where reboot locks are asked for, and what keeps a request from being answered. */
import type { Context } from 'hono'
import type { Extension, Serving } from '../../checks/serving.ts'
import { refuse } from '../../http/problem.ts'
import { requestLog } from '../../http/request-id.ts'
import { type ErrorCode, PlatteError } from '../../kernel/errors.ts'
import { describeError } from '../../kernel/log.ts'
import { lockGauges } from '../gauges.ts'
import { scopeOf, splitPath } from './access.ts'
import { etcd, etcdPrefix } from './etcd.ts'
import { fleetLock, fleetLockPaths } from './fleet.ts'
import type { LockProtocol, Locks } from './lock-request.ts'
import { noteMachines } from './notes.ts'

/** Both protocols, with and without a token before their own paths, and what checks report of machines. */
export const openLocks = (locks: Locks): Extension => ({
  name: 'locks',
  mount(app, serving) {
    const answer = answerLock(serving, locks)
    for (const path of [`${etcdPrefix}/*`, ...fleetLockPaths, '/lock/*']) app.all(path, answer)
  },
  onCheck: (serving, service, noted) => noteMachines(serving, locks, service, noted),
  gauges: () => lockGauges(locks.locking),
})

function dialectOf(path: string): LockProtocol | undefined {
  if (path.startsWith(`${etcdPrefix}/`)) return etcd
  return fleetLockPaths.includes(path) ? fleetLock : undefined
}

/** The path holds a token: a refusal is logged without it. */
function answerLock(serving: Serving, locks: Locks): (c: Context) => Promise<Response> {
  return async (c) => {
    const { token, path } = splitPath(c.req.path)
    const dialect = dialectOf(path)
    if (dialect === undefined) return refuse(c, 'not-found', elsewhere)
    try {
      return await dialect.answer({ c, path, serving, locks }, await scopeOf(c, token, locks.tokens))
    } catch (error) {
      const code = error instanceof PlatteError ? error.code : undefined
      const status = (code && statuses[code]) ?? 500
      const logged = describeError(error, status === 500)
      const level = status < 500 ? 'info' : 'error'
      requestLog(
        serving.reader.log,
        c.req.raw,
      )({
        ...{ level, event: 'refused', path: path.slice(0, 100), status },
        ...logged,
      })
      return dialect.refuse(c, status, status < 500 ? logged.problem : wordsOf(code), code)
    }
  }
}

const elsewhere = 'nothing here; locksmith asks below /lock/TOKEN/v2/keys/, Zincati has /lock/TOKEN/ as its base_url'

const wordsOf = (code: ErrorCode | undefined): string =>
  code === 'conflict' ? 'others kept writing; try again' : 'the semaphore cannot be read or written; the log says why'

/** Statuses that the clients of both protocols know. Every other code is 500. */
const statuses: Readonly<Partial<Record<ErrorCode, 400 | 413 | 503>>> = {
  'bad-request': 400,
  'unsupported-encoding': 400,
  'too-large': 413,
  'store-unavailable': 503,
  forbidden: 503,
  conflict: 503,
}
