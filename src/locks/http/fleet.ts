/** Zincati's requests. A machine that releases a lock it does not hold gets 200: only then does Zincati look for updates. */
import type { Context } from 'hono'
import { readText } from '../../http/body.ts'
import { type LockResult, lockMachine, unlockMachine } from '../edits.ts'
import {
  type FleetLockKind,
  fleetLockHeader,
  maxFleetLockBytes,
  parseFleetLock,
  renderFleetLockError,
} from '../wire-fleet-lock.ts'
import { heldIn, type LockProtocol, logLock } from './lock-request.ts'

const preReboot = '/v1/pre-reboot'
const steadyState = '/v1/steady-state'
export const fleetLockPaths: readonly string[] = [preReboot, steadyState]

type Status = 400 | 401 | 405 | 413 | 423 | 500 | 503

const fail = (c: Context, status: Status, kind: FleetLockKind, value: string): Response =>
  c.body(renderFleetLockError(kind, value), status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
  })

const done = (c: Context): Response => c.body(null, 200, { 'cache-control': 'no-store' })

export const fleetLock: LockProtocol = {
  async answer(request, scope) {
    const { c, path } = request
    if (scope === 'none') return denied(c, 'the token is missing or unknown')
    if (c.req.method !== 'POST') {
      c.header('allow', 'POST')
      return fail(c, 405, 'method_not_allowed', 'POST here')
    }
    if (c.req.header(fleetLockHeader) !== 'true')
      return fail(c, 400, 'missing_header', `send the header ${fleetLockHeader}: true`)
    if (scope === 'read') return denied(c, 'this token may only read')
    const { id, group } = parseFleetLock(await readText(c.req.raw, maxFleetLockBytes))
    const { locking } = request.locks
    const attempt = { id, via: 'fleet-lock' } as const
    if (path === steadyState) {
      logLock(request, group, await unlockMachine(locking, group, attempt))
      return done(c)
    }
    const held = await heldIn(request, group)
    return answerLock(c, logLock(request, group, await lockMachine(locking, group, { ...attempt, held })).result)
  },
  refuse(c, status, words, code) {
    if (status < 500) return fail(c, status, 'invalid_request', words)
    return fail(c, status, code === 'conflict' ? 'failed_lock_conflict' : 'store_unavailable', words)
  },
}

function answerLock(c: Context, result: LockResult): Response {
  switch (result.kind) {
    case 'locked':
    case 'held':
      return done(c)
    case 'full':
      return fail(c, 423, 'failed_lock_semaphore_full', `semaphore is at ${result.available}: no slot is free`)
    case 'vetoed':
      return fail(c, 423, 'failed_lock_policy', result.reason)
  }
}

function denied(c: Context, words: string): Response {
  c.header('www-authenticate', 'Basic realm="reboot locks"')
  return fail(c, 401, 'unauthorized', words)
}
