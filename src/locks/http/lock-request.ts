/** What both protocols of reboot locks have in common. */
import type { Context } from 'hono'
import { currentCatalog } from '../../catalog/cache.ts'
import { channelEntry } from '../../catalog/read.ts'
import { answering, type Serving } from '../../checks/serving.ts'
import { basicPassword, isSameSecret } from '../../http/credentials.ts'
import { requestLog } from '../../http/request-id.ts'
import type { ErrorCode } from '../../kernel/errors.ts'
import type { LockToken } from '../settings.ts'
import type { Locking, LockOutcome } from '../store.ts'

export const noStore = { 'cache-control': 'no-store' } as const

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
  readonly scope: Scope
  readonly serving: Serving
  readonly locks: Locks
}

/** A protocol: how it answers, and how it words an error. */
export interface LockProtocol {
  answer(request: LockRequest): Promise<Response>
  refuse(c: Context, status: 400 | 413 | 500 | 503, words: string, code: ErrorCode | undefined): Response
}

/** `none`: the token is unknown, or missing where there are tokens. */
type Scope = LockToken['scope'] | 'none'

/**
 * Compares with every token, each in a time that does not depend on where they differ. Clients can send a token only in the
 * path, or as the password of Basic.
 */
export async function scopeOf(c: Context, inPath: string | undefined, tokens: readonly LockToken[]): Promise<Scope> {
  if (tokens.length === 0) return inPath === undefined ? 'write' : 'none'
  const shown = inPath ?? basicPassword(c.req.raw.headers)
  const matches = await Promise.all(tokens.map(({ token }) => isSameSecret(shown, token)))
  const scopes = tokens.flatMap(({ scope }, i) => (matches[i] ? [scope] : []))
  return scopes.includes('write') ? 'write' : (scopes[0] ?? 'none')
}

/** The hold in a channel of a group, in words. A catalog that cannot be read counts as a hold. */
export async function heldIn({ c, serving, locks }: LockRequest, group: string): Promise<string | undefined> {
  const refs = [...locks.channels].flatMap(([ref, of]) => (of === group ? [ref] : []))
  if (refs.length === 0) return undefined
  const { cache, reader, background } = answering(serving, c)
  const state = await currentCatalog(cache, reader, background)
  if ('reason' in state) return `cannot check ${refs.join(', ')} for holds: ${state.message}`
  for (const ref of refs) {
    const [app = '', channel = ''] = ref.split('/')
    const [hold] = channelEntry(state.catalog.catalog, app, channel)?.holds ?? []
    if (hold !== undefined) return `${hold.version} is held in ${channel}: ${hold.reason}`
  }
  return undefined
}

/** Logs changes and refusals. */
export function logLock<Done extends LockOutcome<unknown>>(
  { serving, c }: LockRequest,
  group: string,
  done: Done,
): Done {
  const log = requestLog(serving.reader.log, c.req.raw)
  for (const { what, ...event } of done.events)
    log({ level: what === 'expire' ? 'warn' : 'info', event: 'lock', what, group, ...event })
  const { result } = done
  if (typeof result === 'object' && result !== null && 'reason' in result)
    log({ level: 'info', event: 'lock', what: 'refused', group, reason: String(result.reason) })
  return done
}
