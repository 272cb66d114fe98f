/** The routes of the fleet's pages. Each page opens the projection anew, since another process may have made it anew. */
import type { Context } from 'hono'
import type { Extension, Serving } from '../checks/serving.ts'
import { openForReading } from '../fleet/database.ts'
import { disguiseOnce } from '../fleet/ids.ts'
import { readFleet } from '../fleet/reader.ts'
import { refuse, refuseMethod } from '../http/problem.ts'
import type { Clock } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { describeError } from '../kernel/log.ts'
import { isForBrowser, type Login, loginPages } from '../private-pages/login.ts'
import { answerData } from '../private-pages/page.ts'
import { openSessions } from '../private-pages/session.ts'
import { readPageContext } from '../site/pages/page.ts'
import { icon, iconPath } from '../site/pages/style.ts'
import { viewFleetChannel } from './channel.ts'
import { viewMachine } from './machine.ts'
import { viewMachines } from './machines.ts'
import { viewOverview } from './overview.ts'
import { answerFleetPage, type FleetPage, fleetPage, type View, wordsFor } from './page.ts'
import { viewRelease } from './release.ts'
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
  const login = loginPages({
    ...{ site: 'fleet', sessions: openSessions('fleet', [{ token: options.token, who: undefined }], options.clock) },
    ...{ words: (page) => wordsFor(page).login, answer: answerFleetPage },
  })
  return {
    name: 'fleet-site',
    mount: (app, serving) => {
      app.get(stylePath, (c) => file(c, 'text/css; charset=utf-8', style))
      app.get(iconPath, (c) => file(c, 'image/svg+xml', icon))
      for (const path of [stylePath, iconPath]) app.all(path, (c) => refuseMethod(c, 'GET, HEAD'))
      login.mount(app, serving)
      app.all('/fleet/*', (c) => answer(serving, login, options, c))
    },
  }
}

const file = (c: Context, type: string, text: string): Response =>
  c.body(text, 200, {
    ...{ 'content-type': type, 'cache-control': 'public, max-age=31536000, immutable' },
    ...{ 'x-content-type-options': 'nosniff', 'content-security-policy': "default-src 'none'" },
  })

async function answer(serving: Serving, login: Login<undefined>, options: Options, c: Context): Promise<Response> {
  const view = views[c.req.path.replace(/\/$/, '')]
  if (view === undefined) return refuse(c, 'not-found', 'there is no such page of the fleet')
  if (!['GET', 'HEAD'].includes(c.req.method)) return refuseMethod(c, 'GET, HEAD')
  const judged = await login.admit(serving, c)
  if (judged instanceof Response) return judged
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
