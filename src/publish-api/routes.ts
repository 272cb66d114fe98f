/** The publish function: its commands, uploads, and a catalog that names what was published at once. */
import type { Context } from 'hono'
import { Hono } from 'hono/tiny'
import { type CatalogCache, reload } from '../catalog/cache.ts'
import { refresh } from '../catalog/refresh.ts'
import type { FeatureContext } from '../checks/feature.ts'
import type { Extension, Routes } from '../checks/serving.ts'
import { type Asked, authorizeBy, publishPaths, publishRoutes } from './http-publish.ts'
import { uploadRoutes } from './http-uploads.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import type { Policy } from './policy-document.ts'
import { sweepUploads } from './sweep-uploads.ts'
import type { Uploading } from './upload-records.ts'

interface PublishParts {
  readonly policy: Policy
  readonly cache: CatalogCache
  /** Kept between requests: plain data. */
  readonly remembered: IssuerKeys
  readonly request: Asked
}

/** Reads keys for each request that publishes: Workers share no promises between requests. */
export async function openPublishFunction(policy: Policy, context: FeatureContext): Promise<Extension> {
  const { cache, packages, newHasher, openWriter, openUploads } = context
  const receiving = { packages, newHasher, uploads: await openUploads() }
  const parts = { policy, cache, remembered: new Map(), request: { at: Number.NEGATIVE_INFINITY } }
  const answer = async (c: Context): Promise<Response> => {
    const inner = new Hono()
    for (const add of publishingRoutes({ ...(await openWriter()), ...receiving }, parts)) add(inner)
    inner.onError((error) => {
      throw error
    })
    return inner.fetch(c.req.raw)
  }
  return {
    name: 'publish-api',
    mount: (app) => {
      for (const path of publishPaths) app.all(path, answer)
    },
    onSchedule: async (writer, most) => void (await sweepUploads({ ...writer, ...receiving }, most)),
  }
}

function publishingRoutes(
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
