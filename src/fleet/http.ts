/** `GET /metrics`: numbers for Prometheus. */
import type { Context } from 'hono'
import type { Numbers } from '../checks/serving.ts'

export const answerMetrics =
  (metrics: Numbers): ((c: Context) => Promise<Response>) =>
  async (c) =>
    c.body(await metrics.render(), 200, { 'content-type': metrics.contentType, 'cache-control': 'no-store' })
