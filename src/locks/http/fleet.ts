/**
 * FleetLock, as Zincati of Fedora CoreOS speaks it: two requests with one body. A machine that releases a lock it does not
 * hold gets 200: only then does Zincati look for updates.
 * @see https://github.com/coreos/zincati/blob/main/docs/development/fleetlock/protocol.md
 */
import type { Context } from 'hono'
import { isGroupName } from '../../documents/paths.ts'
import { readText } from '../../http/body.ts'
import { PlatteError, problemOf } from '../../kernel/errors.ts'
import { parseJsonObject } from '../../kernel/json.ts'
import { createGroup, lockMachine, unlockMachine } from '../edits.ts'
import { resolveGroup } from '../resolve.ts'
import { isHolderId } from '../semaphore.ts'
import { NoGroup, OtherDriver, refuseEmptyStore } from '../store.ts'
import {
  heldIn,
  type LockProtocol,
  type LockRequest,
  logLock,
  noStore,
  noteQueue,
  reasonOf,
  throughGates,
} from './lock-request.ts'

const preReboot = '/v1/pre-reboot'
const steadyState = '/v1/steady-state'
export const fleetLockPaths: readonly string[] = [preReboot, steadyState]

/** Its value is always `true`. */
export const fleetLockHeader = 'fleet-lock-protocol'
export const maxFleetLockBytes = 4 * 1024

/**
 * Reads a body of any content type. Ignores members that later versions of this protocol may add.
 * @throws PlatteError('bad-request') naming what is at fault.
 */
export function parseFleetLock(body: string): { readonly id: string; readonly group: string } {
  const { client_params: params } = parseJsonObject(body) ?? {}
  if (typeof params !== 'object' || params === null) throw invalid('the body must be JSON with an object client_params')
  const { id, group }: { readonly id?: unknown; readonly group?: unknown } = params
  if (typeof id !== 'string' || !isHolderId(id)) throw invalid('client_params.id must be 1 to 255 characters')
  if (typeof group !== 'string' || !isGroupName(group))
    throw invalid('client_params.group must be 1 to 64 of A-Z a-z 0-9 . _ -, a letter or digit first')
  return { id, group }
}

const invalid = (what: string): PlatteError => new PlatteError('bad-request', what)

/** Why a request was refused: a label of Zincati's `zincati_strategy_fleet_lock_errors_total`. */
type FleetLockKind =
  | 'missing_header'
  | 'invalid_request'
  | 'method_not_allowed'
  | 'unauthorized'
  | 'unknown_group'
  | 'other_driver'
  | 'failed_lock_semaphore_full'
  | 'failed_lock_policy'
  | 'failed_lock_conflict'
  | 'store_unavailable'

type Status = 400 | 401 | 404 | 405 | 413 | 423 | 500 | 503

/** An error: Zincati logs `value`, and counts `kind`. */
const fail = (c: Context, status: Status, kind: FleetLockKind, value: string): Response =>
  c.body(JSON.stringify({ kind, value }), status, { 'content-type': 'application/json', ...noStore })

const done = (c: Context): Response => c.body(null, 200, noStore)

export const fleetLock: LockProtocol = {
  async answer(request) {
    const { c, path, access, locks } = request
    const { locking, memory } = locks
    if (!access.isKnown) return denied(request, 'the token is missing or unknown')
    if (!fleetLockPaths.includes(path))
      return fail(c, 404, 'invalid_request', `nothing here; POST ${fleetLockPaths.join(' or ')}`)
    if (c.req.method !== 'POST') {
      c.header('allow', 'POST')
      return fail(c, 405, 'method_not_allowed', 'POST here')
    }
    if (c.req.header(fleetLockHeader) !== 'true')
      return fail(c, 400, 'missing_header', `send the header ${fleetLockHeader}: true`)
    const { text } = await readText(c.req.raw, maxFleetLockBytes)
    const { id, group: named } = parseFleetLock(text)
    const { group, ...zoned } = await resolveGroup(locking, named)
    if (!access.may('lock', group)) return denied(request, `this token may not lock in group ${group}`)
    const work = path === steadyState ? unlock : lock
    const asked = { group, id, ...zoned }
    try {
      return await work(request, asked)
    } catch (error) {
      if (error instanceof OtherDriver) {
        memory.refused('driver')
        return fail(c, 400, 'other_driver', problemOf(error))
      }
      if (!(error instanceof NoGroup)) throw error
      if (locks.creates) {
        await refuseEmptyStore(locking)
        await logLock(request, group, await createGroup(locking, group, 1, 'fleet-lock'))
        return work(request, asked)
      }
      memory.refused('no-group')
      return fail(c, 400, 'unknown_group', `${error.message}; ${error.hint}`)
    }
  },
  refuse(c, status, words, code) {
    if (status < 500) return fail(c, status, 'invalid_request', words)
    return fail(c, status, code === 'conflict' ? 'failed_lock_conflict' : 'store_unavailable', words)
  },
}

const fullText = ({ available, isKept }: { readonly available: number; readonly isKept?: true }): string =>
  isKept
    ? 'the free slot is kept for a machine of locksmith, which waits'
    : `semaphore is at ${available}: no slot is free`

interface Asked {
  readonly group: string
  readonly id: string
  readonly zone?: string
}

async function unlock(request: LockRequest, { group, id }: Asked): Promise<Response> {
  await logLock(request, group, await unlockMachine(request.locks.locking, group, { id, via: 'fleet-lock' }))
  await noteQueue(request, { id, via: 'fleet-lock', group, what: 'left' })
  return done(request.c)
}

async function lock(request: LockRequest, { group, ...machine }: Asked): Promise<Response> {
  const { c, locks } = request
  const attempt = { ...machine, via: 'fleet-lock', held: await heldIn(request, group) } as const
  const asked = { id: machine.id, via: 'fleet-lock', group, what: 'refused' } as const
  const { result } = await throughGates(request, group, (gate) =>
    lockMachine(locks.locking, group, { ...attempt, gate }),
  )
  if (result.kind === 'vetoed') {
    locks.memory.refused(result.veto.kind)
    await noteQueue(request, { ...asked, ...reasonOf(result.veto) })
    return fail(c, 423, 'failed_lock_policy', result.veto.reason)
  }
  if (result.kind !== 'full') return done(c)
  locks.memory.refused('full')
  await noteQueue(request, { ...asked, reason: result.isKept ? 'kept' : 'full' })
  return fail(c, 423, 'failed_lock_semaphore_full', fullText(result))
}

function denied({ c, locks }: LockRequest, words: string): Response {
  locks.memory.refused('token')
  c.header('www-authenticate', 'Basic realm="reboot locks"')
  return fail(c, 401, 'unauthorized', words)
}
