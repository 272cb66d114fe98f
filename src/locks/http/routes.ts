/** The routes of reboot locks. */
import type { Context } from 'hono'
import type { Extension, Serving } from '../../checks/serving.ts'
import { refuse } from '../../http/problem.ts'
import { requestLog } from '../../http/request-id.ts'
import { type ErrorCode, PlatteError } from '../../kernel/errors.ts'
import { describeError } from '../../kernel/log.ts'
import { lockGauges } from '../gauges.ts'
import { etcd, etcdPrefix } from './etcd.ts'
import { fleetLock, fleetLockPaths } from './fleet.ts'
import { type LockProtocol, type Locks, scopeOf } from './lock-request.ts'
import { noteMachines } from './notes.ts'

/** Both protocols, with and without a token before their own paths. */
export const openLocks = (locks: Locks): Extension => ({
  name: 'locks',
  mount(app, serving) {
    const answer = answerLock(serving, locks)
    for (const path of [`${etcdPrefix}/*`, ...fleetLockPaths, '/lock/*']) app.all(path, answer)
  },
  onCheck: (serving, service, noted) => noteMachines(serving, locks, service, noted),
  gauges: () => lockGauges(locks.locking),
})

/** Clients keep what stands before their protocol's own path: `/lock/TOKEN`, or nothing. */
function splitPath(path: string): { readonly token: string | undefined; readonly path: string } {
  const [, token, rest = path] = /^\/lock\/([^/]*)(\/.*)$/.exec(path) ?? []
  return { token, path: rest }
}

function protocolOf(path: string): LockProtocol | undefined {
  if (path.startsWith(`${etcdPrefix}/`)) return etcd
  return fleetLockPaths.includes(path) ? fleetLock : undefined
}

/** Logs a refusal without the token in its path. */
function answerLock(serving: Serving, locks: Locks): (c: Context) => Promise<Response> {
  return async (c) => {
    const { token, path } = splitPath(c.req.path)
    const protocol = protocolOf(path)
    if (protocol === undefined)
      return refuse(
        c,
        'not-found',
        'nothing here; locksmith asks below /lock/TOKEN/v2/keys/, Zincati has /lock/TOKEN/ as its base_url',
      )
    try {
      return await protocol.answer({ c, path, serving, locks }, await scopeOf(c, token, locks.tokens))
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
