/** The routes, and what each kind of failure is on the wire. */
import { type Context, Hono } from 'hono'
import { getPath } from 'hono/utils/url'
import { answerCoreUpdate, coreUpdatePaths } from '../checks/http-coreupdate.ts'
import { answerDocument } from '../checks/http-documents.ts'
import { answerExplain } from '../checks/http-explain.ts'
import { answerHealth } from '../checks/http-health.ts'
import { answerPackage } from '../checks/http-packages.ts'
import { answerUpdate, describeUpdateEndpoint } from '../checks/http-updates.ts'
import type { Routes, Serving } from '../checks/serving.ts'
import { publicDocument } from '../documents/paths.ts'
import { answerMetrics } from '../fleet/http.ts'
import { refuse } from '../http/refuse.ts'
import { type ErrorCode, PlatteError } from '../kernel/errors.ts'

/** Both spellings of both paths: a redirect would lose the POST. */
const updatePaths = ['/v1/update', '/v1/update/', '/omaha', '/omaha/']

/** Where documents are; which keys there are answered says `publicDocument`. */
const documentPaths = ['/catalog.jws', '/root/*', '/apps/*', '/notes/*']

/**
 * The whole endpoint as one `fetch`.
 * @param more further routes, such as those of uploads: what only answers checks does not carry them.
 */
export function createApp(serving: Serving, ...more: readonly Routes[]): Hono {
  const app = new Hono({ getPath: resolvedPath })
  const update = answerUpdate(serving)
  for (const path of updatePaths) {
    app.post(path, update)
    app.get(path, describeUpdateEndpoint)
  }
  app.get('/healthz', answerHealth(serving))
  if (serving.explain) app.get('/v1/explain', answerExplain(serving, serving.explain))
  if (serving.metrics) app.get('/metrics', answerMetrics(serving.metrics))
  serving.locks?.mount(app, serving)
  app.get('/packages/*', answerPackage(serving))
  for (const path of documentPaths) app.get(path, answerDocument(serving))
  for (const add of more) add(app)
  app.get(coreUpdatePaths[0], answerCoreUpdate(serving, 'packages'))
  app.get(coreUpdatePaths[1], answerCoreUpdate(serving, 'channels'))
  app.notFound(async (c) => (await serving.pages?.(serving, c)) ?? answerElse(serving, c))
  app.onError((error, c) => answerError(serving, error, c))
  return app
}

/** Deno hands a path on as it was sent; the others resolve "." and ".." before, and one path must be one path everywhere. */
const resolvedPath = (request: Request): string =>
  getPath(isResolved(request.url) ? request : new Request(new URL(request.url)))

const isResolved = (url: string): boolean => !url.includes('%') && !url.includes('/.')

/** Other methods and other paths; here, since a second handler on a path would cost every check a dispatch. */
function answerElse({ explain, metrics }: Serving, c: Context): Response {
  const { path } = c.req
  if (updatePaths.includes(path))
    return refuse(c, 405, 'POST a check here, or GET a description', { allow: 'GET, HEAD, POST' })
  const isRead =
    path === '/healthz' ||
    (path === '/v1/explain' && explain !== undefined) ||
    (path === '/metrics' && metrics !== undefined) ||
    path.startsWith('/packages/') ||
    coreUpdatePaths.some((one) => one === path) ||
    publicDocument(path.slice(1)) !== undefined
  if (isRead) return refuse(c, 405, 'this can only be read: GET it', { allow: 'GET, HEAD' })
  return refuse(c, 404, 'nothing here; update checks go to /v1/update/, health is at /healthz')
}

function answerError({ reader }: Serving, error: Error, c: Context): Response {
  const status = error instanceof PlatteError ? statusOf(error.code) : 500
  reader.log({
    level: status >= 500 ? 'error' : 'info',
    event: 'refused',
    path: loggedPath(c.req.path),
    status,
    problem: error.message.slice(0, 300),
  })
  return refuse(c, status, wordsFor(error, status))
}

/** What is wrong here is not told. */
function wordsFor(error: Error, status: number): string {
  if (!(error instanceof PlatteError) || status >= 500) return 'something went wrong here; the log says what'
  return error.hint ? `${error.message}\nhint: ${error.hint}` : error.message
}

/** Without what only their holders are to know: the id of an upload is all that it takes to send its parts. */
const loggedPath = (path: string): string => path.replace(/^(\/v1\/uploads\/).+/, '$1…').slice(0, 100)

function statusOf(code: ErrorCode): 400 | 401 | 403 | 409 | 413 | 415 | 424 | 500 | 503 {
  switch (code) {
    case 'bad-request':
    case 'usage':
      return 400
    case 'too-large':
      return 413
    case 'unsupported-encoding':
      return 415
    case 'unauthorized':
      return 401
    case 'refused':
      return 403
    case 'conflict':
      return 409
    case 'credentials':
      return 424
    case 'issuer-unavailable':
    case 'store-unavailable':
    case 'forbidden':
      return 503
    case 'bad-document':
    case 'bad-signature':
    case 'expired':
    case 'from-the-future':
    case 'rollback':
    case 'fork':
    case 'mismatch':
    case 'missing':
    case 'configuration':
      return 500
  }
}
