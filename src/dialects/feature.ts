/** Update checks of browsers, their extensions and desktop software, on every runtime. */
import type { Context } from 'hono'
import { type CheckCore, openChecks } from '../checks/answer.ts'
import type { Dialect } from '../checks/dialect.ts'
import { responseOf, updatePaths } from '../checks/http-updates.ts'
import { answerProven, asksForProof } from '../checks/proof.ts'
import type { Extension, Feature, Serving } from '../checks/serving.ts'
import { refuseInText, refuseMethod } from '../http/problem.ts'
import { idsOf } from '../http/request-id.ts'
import type { Random } from '../kernel/random.ts'
import { parseGupdate, renderGupdate } from './gupdate.ts'
import { parseJsonRequest } from './json.ts'
import { renderJsonResponse } from './json-answer.ts'
import { gupdatePath } from './paths.ts'

const gupdate: Dialect = { contentType: 'text/xml; charset=utf-8', parse: parseGupdate, render: renderGupdate }

export const dialectFeature: Feature<object> = {
  name: 'dialects',
  open: async (_, { random }) => openDialects(random),
}

/** @param random for the place of a client in ramps. */
export const openDialects = (random: Random): Extension => ({
  name: 'dialects',
  json: {
    contentType: 'application/json; charset=utf-8',
    parse: (text) => parseJsonRequest(text, random),
    render: renderJsonResponse,
  },
  mount: (app, serving) => {
    const checks = openChecks(serving)
    for (const path of updatePaths)
      app.get(path, (c, next) => (c.req.query('x') === undefined ? next() : answerGupdate(serving, checks, c)))
    app.get(gupdatePath, (c) => answerGupdate(serving, checks, c))
    app.all(gupdatePath, (c) => refuseMethod(c, 'GET, HEAD', refuseInText))
  },
})

async function answerGupdate(serving: Serving, checks: CheckCore, c: Context): Promise<Response> {
  const agent = () => c.req.header('user-agent')
  const context = { background: serving.background(c), path: c.req.path, ids: idsOf(c.req.raw), agent }
  const { url } = c.req
  const text = new URL(url).search
  const proven = () => answerProven(checks, new Uint8Array(), url, context, { dialect: gupdate, text })
  return responseOf(await (asksForProof(url) ? proven() : checks.answerIn(gupdate, text, context)))
}
