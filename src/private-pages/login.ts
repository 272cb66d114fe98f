/** Signing in to pages behind a token, and out. No script is needed. */
import type { Context, Hono } from 'hono'
import type { Serving } from '../checks/serving.ts'
import { readText } from '../http/body.ts'
import { refuse, refuseMethod } from '../http/problem.ts'
import { type Html, none, part } from '../site/pages/fragments.ts'
import { type PageContext, readPageContext } from '../site/pages/page.ts'
import type { AnswerPrivate } from './page.ts'
import { type CookieScope, isCookieLost, isOwnForm, type Sessions, type Verdict } from './session.ts'

export interface LoginWords {
  readonly title: string
  readonly intro: string
  readonly token: string
  readonly submit: string
  readonly out: string
  readonly wrong: string
  readonly byHttp: (url: string) => string
  readonly tooMany: string
}

interface LoginOptions<Who> {
  /** The first part of the paths of these pages. */
  readonly site: 'fleet' | 'locks'
  readonly sessions: Sessions<Who>
  readonly words: (page: PageContext) => LoginWords
  readonly answer: AnswerPrivate
}

export interface Login<Who> {
  mount(app: Hono, serving: Serving): void
  /** @returns who asks, or what is answered instead: the form for browsers, a problem document for scripts. */
  admit(serving: Serving, c: Context): Promise<{ readonly who: Who } | Response>
}

export function loginPages<Who>(options: LoginOptions<Who>): Login<Who> {
  const { site, sessions } = options
  return {
    mount(app, serving) {
      app.all(`/${site}/login`, (c) => signIn(options, serving, c))
      app.all(`/${site}/logout`, (c) => signOut(options, serving, c))
    },
    async admit(serving, c) {
      const judged = await sessions.judge(c)
      if (judged?.verdict === 'allowed') return judged
      return isForBrowser(c) ? showForm(options, serving, c, judged?.verdict) : refuseToken(c, judged?.verdict)
    },
  }
}

/** Scripts get JSON. */
export const isForBrowser = (c: Context): boolean => (c.req.header('accept') ?? '').slice(0, 200).includes('text/html')

const refuseToken = (c: Context, verdict: Verdict | undefined): Response =>
  verdict === 'too-many'
    ? refuse(c, 'rate-limited', 'too many wrong tokens', { headers: { 'retry-after': '60' } })
    : refuse(c, 'unauthorized', 'send the token: Authorization: Bearer TOKEN', {
        headers: { 'www-authenticate': 'Bearer' },
      })

type Form = Pick<LoginOptions<unknown>, 'site' | 'words' | 'answer'>

/** The form instead of the page that was asked for. @param to where it leads. */
async function showForm(
  { site, words, answer }: Form,
  serving: Serving,
  c: Context,
  verdict?: Verdict | 'by-http',
  to = c.req.method === 'GET' ? pathOf(c) : `/${site}`,
): Promise<Response> {
  const page = await readPageContext(serving, c)
  const text = words(page)
  const problems = {
    'too-many': text.tooMany,
    wrong: text.wrong,
    'by-http': text.byHttp(`${serving.publicUrl.replace(/\/$/, '')}/${site}`),
  }
  const problem = verdict && verdict !== 'allowed' ? problems[verdict] : undefined
  const content: Html = part`<h1>${text.title}</h1>
<p class="lead">${text.intro}</p>
${problem ? part`<p class="error" role="alert">${problem}</p>\n` : none}<form class="sheet" method="post" action="${page.link(`/${site}/login`)}">
<input type="hidden" name="to" value="${to}">
<input type="text" name="user" value="${site}" autocomplete="username" hidden>
<div class="login"><label for="token">${text.token}</label>
<input type="password" id="token" name="token" maxlength="512" autocomplete="current-password" required></div>
<div class="wide"><button type="submit">${text.submit}</button></div></form>`
  const isLate = verdict === 'too-many'
  const headers: Record<string, string> = isLate ? { 'retry-after': '60' } : { 'www-authenticate': 'Bearer' }
  return answer(page, { title: text.title, status: isLate ? 429 : 401, headers }, content)
}

const pathOf = (c: Context): string => c.req.path + new URL(c.req.url).search

/** Only pages of the same kind: a link must not lead elsewhere. */
const isOwnPath = (site: string, to: string): boolean =>
  new RegExp(`^/${site}(/[a-z]+)?/?(\\?[\\x21-\\x7e]{0,1500})?$`).test(to)

const maxFormBytes = 8 * 1024
const isForm = (c: Context): boolean =>
  (c.req.header('content-type') ?? '').toLowerCase().startsWith('application/x-www-form-urlencoded')

/**
 * The form that a page of this deployment sent, or what is answered to another one.
 * @throws PlatteError('too-large').
 */
export async function readForm({ publicUrl }: Serving, c: Context, hint: string): Promise<URLSearchParams | Response> {
  if (!isOwnForm(c.req.raw, publicUrl)) return refuse(c, 'refused', 'this form was sent by a page of another site')
  if (!isForm(c)) return refuse(c, 'bad-request', hint)
  return new URLSearchParams((await readText(c.req.raw, maxFormBytes)).text)
}

function scopeOf({ publicUrl }: Serving, site: string): CookieScope {
  const { pathname, protocol } = new URL(publicUrl)
  return { path: `${pathname.replace(/\/$/, '')}/${site}`, secure: protocol === 'https:' }
}

async function signIn<Who>(options: LoginOptions<Who>, serving: Serving, c: Context): Promise<Response> {
  const { site, sessions } = options
  if (['GET', 'HEAD'].includes(c.req.method)) return redirect(serving, c, `/${site}`)
  if (c.req.method !== 'POST') return refuseMethod(c, 'GET, HEAD, POST')
  const form = await readForm(serving, c, 'send the token as a form, or as Authorization: Bearer TOKEN')
  if (form instanceof Response) return form
  const to = form.get('to') ?? ''
  const next = isOwnPath(site, to) ? to : `/${site}`
  const scope = scopeOf(serving, site)
  if (isCookieLost(c.req.raw, scope)) return showForm(options, serving, c, 'by-http', next)
  const { verdict } = await sessions.begin(c, form.get('token') ?? '', scope)
  serving.reader.log({ level: verdict === 'allowed' ? 'info' : 'warn', event: `${site}-login`, verdict })
  return verdict === 'allowed' ? redirect(serving, c, next) : showForm(options, serving, c, verdict, next)
}

function signOut<Who>({ site, sessions }: LoginOptions<Who>, serving: Serving, c: Context): Response {
  if (c.req.method !== 'POST') return refuseMethod(c, 'POST')
  if (!isOwnForm(c.req.raw, serving.publicUrl))
    return refuse(c, 'refused', 'this form was sent by a page of another site')
  sessions.end(c, scopeOf(serving, site))
  return redirect(serving, c, `/${site}`)
}

/** In the chosen language. */
export function redirect({ publicUrl }: Serving, c: Context, to: string): Response {
  const lang = c.req.query('lang') ?? ''
  const chosen = /^(en|zh)$/.test(lang) && !/[?&]lang=/.test(to) ? `${to.includes('?') ? '&' : '?'}lang=${lang}` : ''
  c.header('cache-control', 'no-store')
  return c.redirect(new URL(publicUrl).pathname.replace(/\/$/, '') + to + chosen, 303)
}
