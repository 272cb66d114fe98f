/** What both protocols of reboot locks have in common. */
import type { Context } from 'hono'
import type { ErrorCode } from '../../errors.ts'
import type { Done } from '../../service/reboot-lock.ts'
import { holdIn } from '../../service/reboot-notes.ts'
import { answering, type Locks, type Serving } from '../serving.ts'
import type { Scope } from './access.ts'

/** One request, with its path without the token. */
export interface Asked {
  readonly c: Context
  readonly path: string
  readonly serving: Serving
  readonly locks: Locks
}

/** A protocol: how it answers, and how it words what went wrong. */
export interface Dialect {
  answer(asked: Asked, scope: Scope): Promise<Response>
  refuse(c: Context, status: 400 | 413 | 500 | 503, words: string, code: ErrorCode | undefined): Response
}

/** The hold in a channel of a group, in words; whether it counts says the group's policy. */
export async function heldIn({ c, serving, locks }: Asked, group: string): Promise<string | undefined> {
  const places = [...locks.channels].flatMap(([place, of]) => (of === group ? [place] : []))
  return places.length === 0 ? undefined : holdIn(answering(serving, c), places)
}

/** Writes to the log what was changed, and who was refused. */
export function tell<Result>({ serving }: Asked, group: string, done: Done<Result>): Done<Result> {
  for (const { what, ...event } of done.events)
    serving.reading.log({ level: what === 'expire' ? 'warn' : 'info', event: 'lock', what, group, ...event })
  const { result } = done
  if (typeof result === 'object' && result !== null && 'reason' in result)
    serving.reading.log({ level: 'info', event: 'lock', what: 'refused', group, reason: String(result.reason) })
  return done
}
