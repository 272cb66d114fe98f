/**
 * Who may see the fleet: holders of the token. A browser sends it once and gets a cookie that says until when, signed with
 * the token: another token ends every session, and nothing is stored.
 */
import type { Context } from 'hono'
import { deleteCookie, getSignedCookie, setSignedCookie } from 'hono/cookie'
import { bearerToken, isConfidential, isSameSecret } from '../http/credentials.ts'
import type { Clock, Instant } from '../kernel/clock.ts'

const name = 'platte-fleet'
const sessionMs = 12 * 60 * 60 * 1000
/** Wrong tokens that are answered in a minute, of everybody together: addresses behind a proxy are not known. */
const maxWrong = 30
const windowMs = 60_000

export type Verdict = 'allowed' | 'wrong' | 'too-many'

export interface Sessions {
  /** By cookie, or by Authorization: Bearer. `undefined`: neither is there. */
  judge(c: Context): Promise<Verdict | undefined>
  /** Compares a token, and starts a session where it is right. */
  begin(c: Context, token: string, cookie: CookieScope): Promise<Verdict>
  end(c: Context, cookie: CookieScope): void
}

/** Where a browser sends the cookie. */
export interface CookieScope {
  readonly path: string
  readonly secure: boolean
}

export function openSessions(token: string, clock: Clock): Sessions {
  const secret = `platte fleet session ${token}`
  let wrong: Instant[] = []
  const compare = async (given: string): Promise<Verdict> => {
    const now = clock()
    wrong = wrong.filter((at) => at > now - windowMs && at <= now)
    if (wrong.length >= maxWrong) return 'too-many'
    if (await isSameSecret(given, token)) return 'allowed'
    wrong.push(now)
    return 'wrong'
  }
  return {
    async judge(c) {
      const until = Number(await getSignedCookie(c, secret, name))
      if (until > clock()) return 'allowed'
      const bearer = bearerToken(c.req.raw.headers)
      return bearer === '' ? undefined : await compare(bearer)
    },
    async begin(c, given, scope) {
      const verdict = await compare(given)
      if (verdict !== 'allowed') return verdict
      const lasts = { maxAge: sessionMs / 1000, httpOnly: true, sameSite: 'Strict' } as const
      await setSignedCookie(c, name, String(clock() + sessionMs), secret, { ...scope, ...lasts })
      return verdict
    },
    end: (c, scope) => void deleteCookie(c, name, scope),
  }
}

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
