/** Answers checks before Hono, whose dispatch is a tenth of the cost of a check. */
import type { Context, Hono } from 'hono'
import { getPath } from 'hono/utils/url'
import { answerUpdate, updatePaths } from '../checks/http-updates.ts'
import type { Serving } from '../checks/serving.ts'

export type Fetch = Hono['fetch']

export function checksFirst(serving: Serving, others: Fetch): Fetch {
  const update = answerUpdate(serving)
  return (request, env, executionCtx) => {
    const path = request.method === 'POST' ? resolvedPath(request) : ''
    if (!updatePaths.includes(path)) return others(request, env, executionCtx)
    return update(request, path, serving.background({ executionCtx } as Pick<Context, 'executionCtx'>))
  }
}

/** Deno passes paths on unresolved, other runtimes resolve "." and "..": routes must see the same path everywhere. */
export const resolvedPath = (request: Request): string =>
  getPath(request.url.includes('%') || request.url.includes('/.') ? new Request(new URL(request.url)) : request)
