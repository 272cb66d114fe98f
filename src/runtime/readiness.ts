/** `GET /healthz/ready`, for what sends requests only to processes that can answer them. */
import { currentCatalog } from '../catalog/cache.ts'
import type { Feature } from '../checks/serving.ts'
import { refuse, refuseMethod } from '../http/problem.ts'

const path = '/healthz/ready'

/**
 * Ready is a process that has verified a catalog, and stays ready: what happens to the store later happens to all
 * processes, and machines should get an answer with the reason. So is one that finds an expired catalog.
 */
export const readinessFeature: Feature<object> = {
  name: 'readiness',
  open: async (_, { cache, reader }) => ({
    name: 'readiness',
    mount: (app) => {
      app.get(path, async (c) => {
        await currentCatalog(cache, reader, undefined)
        const { state, failure } = cache
        if (state !== undefined || failure?.reason === 'catalog-expired')
          return c.json({ status: 'ready' }, 200, { 'cache-control': 'no-store' })
        return refuse(c, 'store-unavailable', failure?.message ?? 'no catalog was read yet')
      })
      app.all(path, (c) => refuseMethod(c, 'GET, HEAD'))
    },
  }),
}
