/** Where reboot locks are asked for, and what keeps a request from being answered. */
import type { Context } from 'hono'
import type { LockEndpoint, Locks, Serving } from '../../checks/serving.ts'
import { refuse } from '../../http/refuse.ts'
import { type ErrorCode, PlatteError } from '../../kernel/errors.ts'
import { scopeOf, splitPath } from './access.ts'
import { etcd, etcdPrefix } from './etcd.ts'
import { fleetLock, fleetLockPaths } from './fleet.ts'
import type { LockProtocol } from './lock-request.ts'
import { noteMachines } from './notes.ts'

/** Both protocols, with and without a token before their own paths, and what checks tell of machines. */
export const openLocks = (locks: Locks): LockEndpoint => ({
  mount(app, serving) {
    const answer = answerLock(serving, locks)
    for (const path of [`${etcdPrefix}/*`, ...fleetLockPaths, '/lock/*']) app.all(path, answer)
  },
  note: (serving, service, apps) => noteMachines(serving, locks, service, apps),
})

function dialectOf(path: string): LockProtocol | undefined {
  if (path.startsWith(`${etcdPrefix}/`)) return etcd
  return fleetLockPaths.includes(path) ? fleetLock : undefined
}

/** A token stands in the path: what went wrong is logged without it. */
function answerLock(serving: Serving, locks: Locks): (c: Context) => Promise<Response> {
  return async (c) => {
    const { token, path } = splitPath(c.req.path)
    const dialect = dialectOf(path)
    if (dialect === undefined) return refuse(c, 404, elsewhere)
    try {
      return await dialect.answer({ c, path, serving, locks }, await scopeOf(c, token, locks.tokens))
    } catch (error) {
      const code = error instanceof PlatteError ? error.code : undefined
      const status = code === undefined ? 500 : statusOf(code)
      const problem = error instanceof Error ? error.message : String(error)
      const level = status < 500 ? 'info' : 'error'
      serving.reader.log({ level, event: 'refused', path: path.slice(0, 100), status, problem: problem.slice(0, 300) })
      return dialect.refuse(c, status, status < 500 ? problem : wordsOf(code), code)
    }
  }
}

const elsewhere = 'nothing here; locksmith asks below /lock/TOKEN/v2/keys/, Zincati has /lock/TOKEN/ as its base_url'

const wordsOf = (code: ErrorCode | undefined): string =>
  code === 'conflict' ? 'others kept writing; try again' : 'the semaphore cannot be read or written; the log says why'

function statusOf(code: ErrorCode): 400 | 413 | 500 | 503 {
  switch (code) {
    case 'bad-request':
    case 'unsupported-encoding':
      return 400
    case 'too-large':
      return 413
    case 'store-unavailable':
    case 'forbidden':
    case 'conflict':
      return 503
    case 'bad-document':
    case 'bad-signature':
    case 'expired':
    case 'from-the-future':
    case 'rollback':
    case 'fork':
    case 'mismatch':
    case 'missing':
    case 'refused':
    case 'usage':
    case 'configuration':
    case 'unauthorized':
    case 'issuer-unavailable':
    case 'credentials':
      return 500
  }
}
