/** The publish function as every runtime composes it: orders, uploads, and a catalog that names them at once. */
import { type Context, Hono } from 'hono'
import { type CatalogCache, reload } from '../catalog/cache.ts'
import { refresh } from '../catalog/refresh.ts'
import type { Routes } from '../checks/serving.ts'
import { authorizeBy, publishPaths, publishRoutes } from './http-publish.ts'
import { uploadRoutes } from './http-uploads.ts'
import type { Policy } from './policy-document.ts'
import type { PublishState } from './state.ts'
import type { Uploading } from './upload-records.ts'

export interface PublishParts extends PublishState {
  readonly policy: Policy
  readonly cache: CatalogCache
}

/** Orders and uploads, for `createApp`. */
export function publishingRoutes(
  publisher: Uploading,
  { policy, cache, remembered, request }: PublishParts,
): readonly Routes[] {
  const authorising = { policy, remembered, clock: publisher.clock }
  const publishFunction = { publisher, authorising }
  return [
    publishRoutes({
      ...{ publishFunction, request },
      refresh: async (only) => {
        const { kind, expires, rolled } = await refresh(publisher, { seen: cache.state, only })
        if (kind === 'refreshed') await reload(cache, publisher)
        return { kind, expires, rolled }
      },
      reload: () => reload(cache, publisher),
    }),
    uploadRoutes({ uploading: publisher, authorize: authorizeBy(publishFunction) }),
  ]
}

/**
 * The same where keys are read only when somebody publishes, and for each request, since Workers share no promises.
 * @param open the store with its keys.
 */
export const publishingOnDemand =
  (open: () => Promise<Uploading>, parts: PublishParts): Routes =>
  (app) => {
    const answer = async (c: Context): Promise<Response> => {
      const inner = new Hono()
      for (const add of publishingRoutes(await open(), parts)) add(inner)
      inner.onError((error) => {
        throw error
      })
      return inner.fetch(c.req.raw)
    }
    for (const path of publishPaths) app.all(path, answer)
  }
