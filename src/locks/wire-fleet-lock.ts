/**
 * FleetLock, as Zincati of Fedora CoreOS speaks it: two requests with one body.
 * @see https://github.com/coreos/zincati/blob/main/docs/development/fleetlock/protocol.md
 */

import { isGroupName } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { parseJsonObject } from '../kernel/json.ts'
import { isHolderId } from './semaphore.ts'

/** Its value is always `true`. */
export const fleetLockHeader = 'fleet-lock-protocol'

interface FleetLockClient {
  readonly id: string
  readonly group: string
}

export const maxFleetLockBytes = 4 * 1024

/**
 * Reads a body of any content type. Ignores members that later versions of this protocol may add.
 * @throws PlatteError('bad-request') naming what is at fault.
 */
export function parseFleetLock(body: string): FleetLockClient {
  const { client_params: params } = parseJsonObject(body) ?? {}
  if (typeof params !== 'object' || params === null) throw invalid('the body must be JSON with an object client_params')
  const { id, group }: { readonly id?: unknown; readonly group?: unknown } = params
  if (typeof id !== 'string' || !isHolderId(id)) throw invalid('client_params.id must be 1 to 255 characters')
  if (typeof group !== 'string' || !isGroupName(group))
    throw invalid('client_params.group must be 1 to 64 of A-Z a-z 0-9 . -, a letter or digit first')
  return { id, group }
}

/** What clients send. */
export const renderFleetLock = ({ id, group }: FleetLockClient): string =>
  JSON.stringify({ client_params: { id, group } })

const invalid = (what: string): PlatteError => new PlatteError('bad-request', what)

/** Why a request was refused: a label of Zincati's `zincati_strategy_fleet_lock_errors_total`. */
export type FleetLockKind =
  | 'missing_header'
  | 'invalid_request'
  | 'method_not_allowed'
  | 'unauthorized'
  | 'failed_lock_semaphore_full'
  | 'failed_lock_policy'
  | 'failed_lock_conflict'
  | 'store_unavailable'

/** An error: Zincati logs `value`, and counts `kind`. */
export const renderFleetLockError = (kind: FleetLockKind, value: string): string => JSON.stringify({ kind, value })
