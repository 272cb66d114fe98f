/**
 * Who may see pages: holders of a token. A browser sends it once and gets a cookie that says until when, signed with the
 * token: another token ends its sessions, and nothing is stored.
 */
import type { Context } from 'hono'
import { deleteCookie, getSignedCookie, setSignedCookie } from 'hono/cookie'
import { bearerToken, isConfidential, isSameSecret } from '../http/credentials.ts'
import type { Clock, Instant } from '../kernel/clock.ts'

const sessionMs = 12 * 60 * 60 * 1000
/** Wrong tokens that are answered in a minute, of everybody together: addresses behind a proxy are not known. */
const maxWrong = 30
const windowMs = 60_000

export type Verdict = 'allowed' | 'wrong' | 'too-many'

/** A token, and what it is for. */
export interface Key<Who> {
  readonly token: string
  readonly who: Who
}

export type Judged<Who> =
  | { readonly verdict: 'allowed'; readonly who: Who }
  | { readonly verdict: 'wrong' | 'too-many' }

export interface Sessions<Who> {
  /** By cookie, or by Authorization: Bearer. `undefined`: neither is there. */
  judge(c: Context): Promise<Judged<Who> | undefined>
  /** Compares a token, and starts a session where it is right. */
  begin(c: Context, token: string, cookie: CookieScope): Promise<Judged<Who>>
  end(c: Context, cookie: CookieScope): void
}

/** Where a browser sends the cookie. */
export interface CookieScope {
  readonly path: string
  readonly secure: boolean
}

/** @param site part of the cookie's name, such as `fleet`. */
export function openSessions<Who>(site: string, keys: readonly Key<Who>[], clock: Clock): Sessions<Who> {
  const name = `platte-${site}`
  const secretOf = ({ token }: Key<Who>): string => `platte ${site} session ${token}`
  let wrong: Instant[] = []
  const compare = async (given: string): Promise<Key<Who> | 'wrong' | 'too-many'> => {
    const now = clock()
    wrong = wrong.filter((at) => at > now - windowMs && at <= now)
    if (wrong.length >= maxWrong) return 'too-many'
    // Each in a time that does not depend on where they differ.
    const matches = await Promise.all(keys.map(({ token }) => isSameSecret(given, token)))
    const found = keys[matches.indexOf(true)]
    if (found) return found
    wrong.push(now)
    return 'wrong'
  }
  return {
    async judge(c) {
      for (const key of keys) {
        const until = Number(await getSignedCookie(c, secretOf(key), name))
        if (until > clock()) return { verdict: 'allowed', who: key.who }
      }
      const bearer = bearerToken(c.req.raw.headers)
      return bearer === '' ? undefined : judged(await compare(bearer))
    },
    async begin(c, given, scope) {
      const key = await compare(given)
      if (typeof key === 'string') return { verdict: key }
      const lasts = { maxAge: sessionMs / 1000, httpOnly: true, sameSite: 'Strict' } as const
      await setSignedCookie(c, name, String(clock() + sessionMs), secretOf(key), { ...scope, ...lasts })
      return judged(key)
    },
    end: (c, scope) => void deleteCookie(c, name, scope),
  }
}

const judged = <Who>(key: Key<Who> | 'wrong' | 'too-many'): Judged<Who> =>
  typeof key === 'string' ? { verdict: key } : { verdict: 'allowed', who: key.who }

/** Whether a browser drops a cookie that is Secure: it has the page by http, which the address of the deployment is not. */
export function isCookieLost({ headers }: Request, { secure }: CookieScope): boolean {
  const origin = headers.get('origin') ?? ''
  return secure && URL.canParse(origin) && !isConfidential(new URL(origin))
}

/**
 * Whether a form was sent by a page of this deployment. Browsers say so in Sec-Fetch-Site or Origin; a request with neither
 * comes from no browser.
 */
export function isOwnForm({ headers }: Request, publicUrl: string): boolean {
  const site = headers.get('sec-fetch-site')
  if (site !== null) return site === 'same-origin'
  const origin = headers.get('origin')
  if (origin === null) return true
  const host = URL.canParse(origin) ? new URL(origin).host : undefined
  return origin === new URL(publicUrl).origin || (host !== undefined && host === headers.get('host'))
}
