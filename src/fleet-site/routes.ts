/** The routes of the fleet's pages. Each page opens the projection anew, since another process may have made it anew. */
import type { Context } from 'hono'
import type { Extension, Serving } from '../checks/serving.ts'
import { openForReading } from '../fleet/database.ts'
import { disguiseOnce } from '../fleet/ids.ts'
import { readFleet } from '../fleet/reader.ts'
import { readText } from '../http/body.ts'
import { refuse, refuseMethod } from '../http/problem.ts'
import type { Clock } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { describeError } from '../kernel/log.ts'
import { type Html, none, part } from '../site/pages/fragments.ts'
import { readPageContext } from '../site/pages/page.ts'
import { icon, iconPath } from '../site/pages/style.ts'
import { viewFleetChannel } from './channel.ts'
import { viewMachine } from './machine.ts'
import { viewMachines } from './machines.ts'
import { viewOverview } from './overview.ts'
import { answerData, answerFleetPage, type FleetPage, fleetPage, type View, wordsFor } from './page.ts'
import { viewRelease } from './release.ts'
import { isCookieLost, isOwnForm, openSessions, type Sessions, type Verdict } from './session.ts'
import { style, stylePath } from './style.ts'

interface Options {
  /** The projection. */
  readonly file: string
  readonly token: string
  /** Where ids of machines are keyed hashes. */
  readonly idsKey: string | undefined
  readonly clock: Clock
}

const views: Readonly<Record<string, (page: FleetPage) => Promise<View> | View>> = {
  '/fleet': viewOverview,
  '/fleet/channel': viewFleetChannel,
  '/fleet/release': viewRelease,
  '/fleet/machines': viewMachines,
  '/fleet/machine': viewMachine,
}

export function fleetPages(options: Options): Extension {
  const sessions = openSessions(options.token, options.clock)
  return {
    name: 'fleet-site',
    mount: (app, serving) => {
      app.get(stylePath, (c) => file(c, 'text/css; charset=utf-8', style))
      app.get(iconPath, (c) => file(c, 'image/svg+xml', icon))
      for (const path of [stylePath, iconPath]) app.all(path, (c) => refuseMethod(c, 'GET, HEAD'))
      app.all('/fleet/login', (c) => signIn(serving, sessions, c))
      app.all('/fleet/logout', (c) => signOut(serving, sessions, c))
      app.all('/fleet/*', (c) => answer(serving, sessions, options, c))
    },
  }
}

const file = (c: Context, type: string, text: string): Response =>
  c.body(text, 200, {
    ...{ 'content-type': type, 'cache-control': 'public, max-age=31536000, immutable' },
    ...{ 'x-content-type-options': 'nosniff', 'content-security-policy': "default-src 'none'" },
  })

async function answer(serving: Serving, sessions: Sessions, options: Options, c: Context): Promise<Response> {
  const view = views[c.req.path.replace(/\/$/, '')]
  if (view === undefined) return refuse(c, 'not-found', 'there is no such page of the fleet')
  if (!['GET', 'HEAD'].includes(c.req.method)) return refuseMethod(c, 'GET, HEAD')
  const verdict = await sessions.judge(c)
  if (verdict !== 'allowed') return isForBrowser(c) ? login(serving, c, verdict) : refuseToken(c, verdict)
  const page = await readPageContext(serving, c)
  const { idsKey } = options
  const idOf = idsKey === undefined ? String : disguiseOnce(idsKey)
  let database: ReturnType<typeof openForReading> | undefined
  try {
    database = openForReading(options.file)
    database.exec('BEGIN')
    const fleet = fleetPage(page, { fleet: readFleet(database), database, idOf, isHashed: idsKey !== undefined })
    const { data, title, content, status = 200 } = await view(fleet)
    return isForBrowser(c) ? answerFleetPage(page, { title, status }, content()) : answerData(data, status, page.now)
  } catch (error) {
    if (error instanceof PlatteError && error.code === 'bad-request') throw error
    serving.reader.log({ level: 'error', event: 'fleet-page', ...describeError(error, true) })
    return refuse(c, 'answer-unavailable', 'the projection of the fleet cannot be read now', {
      hint: 'try again in a minute; the log says why',
    })
  } finally {
    database?.close()
  }
}

/** Scripts get JSON. */
const isForBrowser = (c: Context): boolean => (c.req.header('accept') ?? '').slice(0, 200).includes('text/html')

const refuseToken = (c: Context, verdict: Verdict | undefined): Response =>
  verdict === 'too-many'
    ? refuse(c, 'rate-limited', 'too many wrong tokens', { headers: { 'retry-after': '60' } })
    : refuse(c, 'unauthorized', 'send the token: Authorization: Bearer TOKEN', {
        headers: { 'www-authenticate': 'Bearer' },
      })

/** The form instead of the page that was asked for. @param to where it leads. */
async function login(serving: Serving, c: Context, verdict?: Verdict | 'by-http', to = pathOf(c)): Promise<Response> {
  const page = await readPageContext(serving, c)
  const { login: text } = wordsFor(page)
  const problems = {
    'too-many': text.tooMany,
    wrong: text.wrong,
    'by-http': text.byHttp(`${serving.publicUrl.replace(/\/$/, '')}/fleet`),
  }
  const problem = verdict && verdict !== 'allowed' ? problems[verdict] : undefined
  const content: Html = part`<h1>${text.title}</h1>
<p class="lead">${text.intro}</p>
${problem ? part`<p class="error" role="alert">${problem}</p>\n` : none}<form class="sheet" method="post" action="${page.link('/fleet/login')}">
<input type="hidden" name="to" value="${to}">
<input type="text" name="user" value="fleet" autocomplete="username" hidden>
<div class="login"><label for="token">${text.token}</label>
<input type="password" id="token" name="token" maxlength="512" autocomplete="current-password" required></div>
<div class="wide"><button type="submit">${text.submit}</button></div></form>`
  const isLate = verdict === 'too-many'
  const headers: Record<string, string> = isLate ? { 'retry-after': '60' } : { 'www-authenticate': 'Bearer' }
  return answerFleetPage(page, { title: text.title, status: isLate ? 429 : 401, headers }, content)
}

const pathOf = (c: Context): string => c.req.path + new URL(c.req.url).search

/** Only pages of the fleet: a link must not lead elsewhere. */
const isOwnPath = (to: string): boolean => /^\/fleet(\/[a-z]+)?\/?(\?[\x21-\x7e]{0,1500})?$/.test(to)

const maxFormBytes = 8 * 1024
const isForm = (c: Context): boolean =>
  (c.req.header('content-type') ?? '').toLowerCase().startsWith('application/x-www-form-urlencoded')

const scopeOf = ({ publicUrl }: Serving) => {
  const { pathname, protocol } = new URL(publicUrl)
  return { path: `${pathname.replace(/\/$/, '')}/fleet`, secure: protocol === 'https:' }
}

async function signIn(serving: Serving, sessions: Sessions, c: Context): Promise<Response> {
  if (['GET', 'HEAD'].includes(c.req.method)) return redirect(serving, c, '/fleet')
  if (c.req.method !== 'POST') return refuseMethod(c, 'GET, HEAD, POST')
  if (!isOwnForm(c.req.raw, serving.publicUrl)) return refuseForeign(c)
  if (!isForm(c)) return refuse(c, 'bad-request', 'send the token as a form, or as Authorization: Bearer TOKEN')
  const form = new URLSearchParams((await readText(c.req.raw, maxFormBytes)).text)
  const to = form.get('to') ?? ''
  if (isCookieLost(c.req.raw, scopeOf(serving))) return login(serving, c, 'by-http', isOwnPath(to) ? to : '/fleet')
  const verdict = await sessions.begin(c, form.get('token') ?? '', scopeOf(serving))
  serving.reader.log({ level: verdict === 'allowed' ? 'info' : 'warn', event: 'fleet-login', verdict })
  const next = isOwnPath(to) ? to : '/fleet'
  return verdict === 'allowed' ? redirect(serving, c, next) : login(serving, c, verdict, next)
}

function signOut(serving: Serving, sessions: Sessions, c: Context): Response {
  if (c.req.method !== 'POST') return refuseMethod(c, 'POST')
  if (!isOwnForm(c.req.raw, serving.publicUrl)) return refuseForeign(c)
  sessions.end(c, scopeOf(serving))
  return redirect(serving, c, '/fleet')
}

const refuseForeign = (c: Context): Response => refuse(c, 'refused', 'this form was sent by a page of another site')

/** In the chosen language. */
function redirect({ publicUrl }: Serving, c: Context, to: string): Response {
  const lang = c.req.query('lang') ?? ''
  const chosen = /^(en|zh)$/.test(lang) && !/[?&]lang=/.test(to) ? `${to.includes('?') ? '&' : '?'}lang=${lang}` : ''
  c.header('cache-control', 'no-store')
  return c.redirect(new URL(publicUrl).pathname.replace(/\/$/, '') + to + chosen, 303)
}
