/** The routes of the page of reboot locks. */
import type { Context } from 'hono'
import type { Extension, Serving } from '../checks/serving.ts'
import { refuse, refuseMethod } from '../http/problem.ts'
import { requestLog } from '../http/request-id.ts'
import { PlatteError } from '../kernel/errors.ts'
import { describeError } from '../kernel/log.ts'
import { isForBrowser, type Login, loginPages, readForm, redirect } from '../private-pages/login.ts'
import { answerData } from '../private-pages/page.ts'
import { type Key, openSessions } from '../private-pages/session.ts'
import { readPageContext } from '../site/pages/page.ts'
import { icon, iconPath } from '../site/pages/style.ts'
import { viewGroup } from './group.ts'
import { viewOverview } from './overview.ts'
import { answerLockPage, type LockPage, type LockPages, type View, type Who, wordsFor } from './page.ts'
import { style, stylePath } from './style.ts'
import { freeSlot, slotOf, viewChanged, viewUnlock } from './unlock.ts'

const views: Readonly<Record<string, (of: LockPage) => Promise<View>>> = {
  '/locks': viewOverview,
  '/locks/group': viewGroup,
  '/locks/unlock': viewUnlock,
}

/** @param keys tokens, and what each may see and do. */
export function lockPages(options: LockPages & { readonly keys: readonly Key<Who>[] }): Extension {
  const login = loginPages({
    ...{ site: 'locks', sessions: openSessions('locks', options.keys, options.locking.clock) },
    ...{ words: (page) => wordsFor(page).login, answer: answerLockPage },
  })
  return {
    name: 'locks-site',
    mount: (app, serving) => {
      app.get(stylePath, (c) => file(c, 'text/css; charset=utf-8', style))
      app.get(iconPath, (c) => file(c, 'image/svg+xml', icon))
      for (const path of [stylePath, iconPath]) app.all(path, (c) => refuseMethod(c, 'GET, HEAD'))
      login.mount(app, serving)
      app.post('/locks/unlock', (c) => guarded(serving, c, () => free(serving, login, options, c)))
      app.all('/locks/*', (c) => guarded(serving, c, () => answer(serving, login, options, c)))
    },
  }
}

const file = (c: Context, type: string, text: string): Response =>
  c.body(text, 200, {
    ...{ 'content-type': type, 'cache-control': 'public, max-age=31536000, immutable' },
    ...{ 'x-content-type-options': 'nosniff', 'content-security-policy': "default-src 'none'" },
  })

async function guarded(serving: Serving, c: Context, work: () => Promise<Response>): Promise<Response> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof PlatteError && ['bad-request', 'too-large', 'refused'].includes(error.code)) throw error
    serving.reader.log({ level: 'error', event: 'locks-page', ...describeError(error, true) })
    return refuse(c, 'answer-unavailable', 'the locks cannot be read or written now', {
      hint: 'try again in a minute; the log says why',
    })
  }
}

const pageOf = async (serving: Serving, options: LockPages, c: Context, who: Who): Promise<LockPage> => {
  const page = await readPageContext(serving, c)
  return { ...options, page, serving, text: wordsFor(page), now: page.now, who }
}

function show({ page }: LockPage, { data, title, content, status = 200 }: View): Response {
  if (!isForBrowser(page.c)) return answerData(data, status, page.now)
  return answerLockPage(page, { title, status }, content())
}

async function answer(serving: Serving, login: Login<Who>, options: LockPages, c: Context): Promise<Response> {
  const view = views[c.req.path.replace(/\/$/, '')]
  if (view === undefined) return refuse(c, 'not-found', 'there is no such page of the locks')
  if (!['GET', 'HEAD'].includes(c.req.method))
    return refuseMethod(c, c.req.path === '/locks/unlock' ? 'GET, HEAD, POST' : 'GET, HEAD')
  const admitted = await login.admit(serving, c)
  if (admitted instanceof Response) return admitted
  const of = await pageOf(serving, options, c, admitted.who)
  return show(of, await view(of))
}

/** Frees a slot. Only a form of this deployment is taken, and only for who may. */
async function free(serving: Serving, login: Login<Who>, options: LockPages, c: Context): Promise<Response> {
  const admitted = await login.admit(serving, c)
  if (admitted instanceof Response) return admitted
  const form = await readForm(serving, c, 'send group, id and since as a form')
  if (form instanceof Response) return form
  const slot = slotOf((name) => form.get(name))
  const { name: by, access } = admitted.who
  if (!access.may('admin', slot.group))
    return refuse(c, 'refused', `this token has no right admin for group ${slot.group.slice(0, 64)}`)
  const isFree = await freeSlot(options.locking, slot, by)
  const of = await pageOf(serving, options, c, admitted.who)
  if (!isFree) return show(of, viewChanged(of, slot))
  const { group, id } = slot
  requestLog(
    serving.reader.log,
    c.req.raw,
  )({ level: 'info', event: 'lock', what: 'unlock', group, via: 'operator', id, by })
  for (const { lockHook } of serving.extensions ?? []) await lockHook?.wake(group, serving.background(c))
  if (!isForBrowser(c)) return answerData({ freed: true, ...slot }, 200, of.now)
  return redirect(serving, c, `/locks/group?${new URLSearchParams({ group, freed: id })}`)
}
