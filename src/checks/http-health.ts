/** `GET /healthz`: always 200; the body lists the problems. */
import type { Context } from 'hono'
import { currentCatalog, findProblems } from '../catalog/cache.ts'
import { answering, type Serving } from './serving.ts'

export function answerHealth(serving: Serving): (c: Context) => Promise<Response> {
  return async (c) => {
    const { cache, reader, background } = answering(serving, c)
    await currentCatalog(cache, reader, background)
    const problems = findProblems(cache, reader.clock())
    return c.json(
      {
        status: problems.length === 0 ? 'ok' : 'degraded',
        catalogExpires: cache.state?.catalog.catalog.expires ?? null,
        problems,
      },
      200,
      { 'cache-control': 'no-store' },
    )
  }
}
