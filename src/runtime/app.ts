/** The routes of the endpoint, and how errors look on the wire. */
import type { Context, Hono } from 'hono'
import { reportStray } from '../checks/events.ts'
import { answerExplain } from '../checks/explain.ts'
import { answerDocument, answerMissing, answerPackage } from '../checks/http-files.ts'
import { answerHealth, describeUpdateEndpoint, updatePaths } from '../checks/http-updates.ts'
import type { Routes, Serving } from '../checks/serving.ts'
import { missingPath, publicDocument } from '../documents/paths.ts'
import { readBody } from '../http/body.ts'
import { newHono } from '../http/hono.ts'
import { failureOf, refuse, refuseInText, refuseMethod } from '../http/problem.ts'
import { idsOf, requestLog, sendRequestIds } from '../http/request-id.ts'
import { checksFirst, resolvedPath } from './checks-first.ts'

/** Paths of documents; `publicDocument` decides which keys are public. */
const documentPaths = ['/catalog.jws', '/root/*', '/apps/*', '/notes/*']

/**
 * The whole endpoint as one `fetch`.
 * @param more routes of features, such as uploads.
 */
export function createApp(serving: Serving, ...more: readonly Routes[]): Hono {
  const app = newHono({ getPath: resolvedPath })
  app.get('/healthz', answerHealth(serving))
  if (serving.explain) app.get('/v1/explain', answerExplain(serving, serving.explain))
  for (const { mount } of serving.extensions ?? []) mount?.(app, serving)
  for (const path of updatePaths) app.get(path, describeUpdateEndpoint)
  app.get('/packages/*', answerPackage(serving))
  for (const path of documentPaths) app.get(path, answerDocument(serving))
  app.get(`/${missingPath}`, answerMissing(serving))
  for (const add of more) add(app)
  app.notFound(async (c) => {
    const response = await answerUnrouted(serving, c)
    const { method, path, raw } = c.req
    const sender = { path: loggedPath(path), agent: () => raw.headers.get('user-agent'), ids: idsOf(raw) }
    if (method === 'POST' && !response.ok) reportStray(serving, response, sender, await readBody(raw).catch(() => ''))
    return response
  })
  app.onError((error, c) => {
    const { code, detail, hint } = failureOf(error, requestLog(serving.reader.log, c.req.raw), loggedPath(c.req.path))
    return dialectOf(c.req.path)(c, code, detail, { hint })
  })
  sendRequestIds(app)
  app.fetch = checksFirst(serving, app.fetch)
  return app
}

async function answerUnrouted(serving: Serving, c: Context): Promise<Response> {
  for (const name of ['fallback', 'notFound'] as const)
    for (const extension of serving.extensions ?? []) {
      const response = await extension[name]?.(serving, c)
      if (response) return response
    }
  return answerElse(serving, c)
}

/** Other methods and paths. A second handler on a route would cost every check a dispatch. */
function answerElse({ explain }: Serving, c: Context): Response {
  const { path } = c.req
  if (updatePaths.includes(path)) return refuseMethod(c, 'GET, HEAD, POST', refuseInText)
  const isRoute =
    ['/healthz', `/${missingPath}`].includes(path) ||
    (path === '/v1/explain' && explain) ||
    path.startsWith('/packages/')
  if (isRoute || publicDocument(path.slice(1)) !== undefined) return refuseMethod(c, 'GET, HEAD', dialectOf(path))
  return refuse(c, 'not-found', 'nothing here; update checks go to /v1/update/, health is at /healthz')
}

/** Some client protocols define their own errors. */
const dialectOf = (path: string): typeof refuse => (updatePaths.includes(path) ? refuseInText : refuse)

/** The path without the id of an upload, which is a secret. */
const loggedPath = (path: string): string => path.replace(/^(\/v1\/uploads\/).+/, '$1…')
