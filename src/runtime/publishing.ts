/** The publish function as every runtime composes it: orders, uploads, and a catalog that names them at once. */
import { type Context, Hono } from 'hono'
import { fetchIssuerKeys } from '../adapters/issuer-keys.ts'
import type { Policy } from '../documents/policy.ts'
import { authorizeBy, publishPaths, publishRoutes } from '../http/publish.ts'
import type { Routes } from '../http/serving.ts'
import { uploadRoutes } from '../http/uploads.ts'
import { type CatalogCache, reload } from '../service/catalog-cache.ts'
import { refresh } from '../service/refresh.ts'
import type { Uploading } from '../service/upload-records.ts'
import type { PublishState } from './publish-state.ts'

export interface PublishParts extends PublishState {
  readonly policy: Policy
  readonly cache: CatalogCache
}

/** Orders and uploads, for `createApp`. */
export function publishingRoutes(
  publishing: Uploading,
  { policy, cache, remembered, asked }: PublishParts,
): readonly Routes[] {
  const authorising = { policy, remembered, fetchKeys: fetchIssuerKeys, clock: publishing.clock }
  const publishFunction = { publishing, authorising }
  return [
    publishRoutes({
      ...{ publishFunction, asked },
      refresh: async (only) => {
        const { kind, expires, rolled } = await refresh(publishing, { seen: cache.state, only })
        if (kind === 'refreshed') await reload(cache, publishing)
        return { kind, expires, rolled }
      },
      reload: () => reload(cache, publishing),
    }),
    uploadRoutes({ uploading: publishing, authorize: authorizeBy(publishFunction) }),
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
