/** The routes, and what each kind of failure is on the wire. */
import { type Context, Hono } from 'hono'
import { getPath } from 'hono/utils/url'
import { publicDocument } from '../documents/paths.ts'
import { type ErrorCode, PlatteError } from '../errors.ts'
import { answerDocument } from './documents.ts'
import { answerExplain } from './explain.ts'
import { answerHealth } from './health.ts'
import { answerMetrics } from './metrics.ts'
import { answerPackage } from './packages.ts'
import { refuse } from './refuse.ts'
import type { Serving } from './serving.ts'
import { answerUpdate, describeUpdateEndpoint } from './updates.ts'

/** Both spellings of both paths: a redirect would lose the POST. */
const updatePaths = ['/v1/update', '/v1/update/', '/omaha', '/omaha/']

/** Where documents are; which keys there are answered says `publicDocument`. */
const documentPaths = ['/catalog.jws', '/root/*', '/apps/*', '/notes/*']

/** The whole endpoint as one `fetch`. */
export function createApp(serving: Serving): Hono {
  const app = new Hono({ getPath: resolvedPath })
  const update = answerUpdate(serving)
  for (const path of updatePaths) {
    app.post(path, update)
    app.get(path, describeUpdateEndpoint)
  }
  app.get('/healthz', answerHealth(serving))
  if (serving.explain) app.get('/v1/explain', answerExplain(serving, serving.explain))
  if (serving.metrics) app.get('/metrics', answerMetrics(serving.metrics))
  app.get('/packages/*', answerPackage(serving))
  for (const path of documentPaths) app.get(path, answerDocument(serving))
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
    publicDocument(path.slice(1)) !== undefined
  if (isRead) return refuse(c, 405, 'this can only be read: GET it', { allow: 'GET, HEAD' })
  return refuse(c, 404, 'nothing here; update checks go to /v1/update/, health is at /healthz')
}

function answerError({ reading }: Serving, error: Error, c: Context): Response {
  const status = error instanceof PlatteError ? statusOf(error.code) : 500
  reading.log({
    level: status >= 500 ? 'error' : 'info',
    event: 'refused',
    path: c.req.path.slice(0, 100),
    status,
    problem: error.message.slice(0, 300),
  })
  const words =
    error instanceof PlatteError && status < 500 ? error.message : 'something went wrong here; the log says what'
  return refuse(c, status, words)
}

function statusOf(code: ErrorCode): 400 | 413 | 415 | 500 | 503 {
  switch (code) {
    case 'bad-request':
      return 400
    case 'too-large':
      return 413
    case 'unsupported-encoding':
      return 415
    case 'store-unavailable':
    case 'forbidden':
    case 'conflict':
      return 503
    case 'bad-document':
    case 'bad-signature':
    case 'expired':
    case 'from-the-future':
    case 'rollback':
    case 'fork':
    case 'mismatch':
    case 'missing':
    case 'refused':
    case 'usage':
    case 'configuration':
    case 'credentials':
      return 500
  }
}
