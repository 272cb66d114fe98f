/** What both protocols of reboot locks have in common. */
import type { Context } from 'hono'
import { answering, type Serving } from '../../checks/serving.ts'
import { requestLog } from '../../http/request-id.ts'
import type { ErrorCode } from '../../kernel/errors.ts'
import { holdIn } from '../notes.ts'
import type { LockToken } from '../settings.ts'
import type { Locking, LockOutcome } from '../store.ts'
import type { Scope } from './access.ts'

/** What it takes to answer for reboot locks. */
export interface Locks {
  readonly locking: Locking
  /** Without any, everyone who reaches the server may read and write. */
  readonly tokens: readonly LockToken[]
  /** The group of the machines of a channel, by `app/channel`. */
  readonly channels: ReadonlyMap<string, string>
}

/** One request, with its path without the token. */
export interface LockRequest {
  readonly c: Context
  readonly path: string
  readonly serving: Serving
  readonly locks: Locks
}

/** A protocol: how it answers, and how it words what went wrong. */
export interface LockProtocol {
  answer(request: LockRequest, scope: Scope): Promise<Response>
  refuse(c: Context, status: 400 | 413 | 500 | 503, words: string, code: ErrorCode | undefined): Response
}

/** The hold in a channel of a group, in words; whether it counts says the group's policy. */
export async function heldIn({ c, serving, locks }: LockRequest, group: string): Promise<string | undefined> {
  const places = [...locks.channels].flatMap(([place, of]) => (of === group ? [place] : []))
  return places.length === 0 ? undefined : holdIn(answering(serving, c), places)
}

/** Writes to the log what was changed, and who was refused. */
export function logLock<Result>(
  { serving, c }: LockRequest,
  group: string,
  done: LockOutcome<Result>,
): LockOutcome<Result> {
  const log = requestLog(serving.reader.log, c.req.raw)
  for (const { what, ...event } of done.events)
    log({ level: what === 'expire' ? 'warn' : 'info', event: 'lock', what, group, ...event })
  const { result } = done
  if (typeof result === 'object' && result !== null && 'reason' in result)
    log({ level: 'info', event: 'lock', what: 'refused', group, reason: String(result.reason) })
  return done
}
