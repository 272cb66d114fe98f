/** Who asks for a reboot lock: by a token in the path, or as the password of Basic, which is all that the clients can send. */
import type { Context } from 'hono'
import { basicPassword, isSameSecret } from '../../http/credentials.ts'
import type { LockToken } from '../settings.ts'

/** A path without its token. */
export interface LockPath {
  /** As it was sent; clients keep what stands before their protocol's own path. */
  readonly token: string | undefined
  /** From the protocol's first "/" on. */
  readonly path: string
}

/** `/lock/TOKEN/…`, or a plain path. */
export function splitPath(path: string): LockPath {
  const [, token, rest] = /^\/lock\/([^/]*)(\/.*)$/.exec(path) ?? []
  return rest === undefined ? { token: undefined, path } : { token, path: rest }
}

/** What somebody may do; `none` for a token that is not known, or missing where there are tokens. */
export type Scope = LockToken['scope'] | 'none'

/** Compares with every token, each in a time that does not depend on where they differ. */
export async function scopeOf(c: Context, inPath: string | undefined, tokens: readonly LockToken[]): Promise<Scope> {
  if (tokens.length === 0) return inPath === undefined ? 'write' : 'none'
  const shown = inPath ?? basicPassword(c.req.raw.headers)
  const matches = await Promise.all(tokens.map(async (one) => ((await isSameSecret(shown, one.token)) ? one : [])))
  const found = matches.flat()
  if (found.some(({ scope }) => scope === 'write')) return 'write'
  return found.length > 0 ? 'read' : 'none'
}
