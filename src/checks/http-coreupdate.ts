/** `GET /_ah/api/update/v1/public/packages` and `…/channels`, as CoreUpdate has them. */
import type { Context } from 'hono'
import { packageFolder } from '../documents/paths.ts'
import { kindOf } from '../http/failure.ts'
import type { refuse } from '../http/problem.ts'
import { type Listed, listOffers } from './listing.ts'
import { answering, type Serving } from './serving.ts'
import { renderCoreUpdateChannels, renderCoreUpdateError, renderCoreUpdatePackages } from './wire-coreupdate.ts'

export const coreUpdatePaths = ['/_ah/api/update/v1/public/packages', '/_ah/api/update/v1/public/channels'] as const

const headers = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' }

/** As Google's APIs word errors: their clients print the message. */
export const refuseCoreUpdate: typeof refuse = (c, code, message, { headers: more } = {}) => {
  const { status } = kindOf(code)
  return c.body(renderCoreUpdateError(status, message), status, { ...headers, ...more })
}

export function answerCoreUpdate(serving: Serving, what: 'packages' | 'channels'): (c: Context) => Promise<Response> {
  return async (c) => {
    const offers = await listOffers(answering(serving, c))
    if ('reason' in offers) return refuseCoreUpdate(c, 'catalog-unavailable', offers.reason)
    const body =
      what === 'packages'
        ? renderCoreUpdatePackages(firstOf(offers, packageName).map((one) => packageOf(serving, one)))
        : renderCoreUpdateChannels(
            firstOf(
              offers.filter(({ isLast }) => isLast),
              ({ app, channel }) => `${app}/${channel}`,
            ).map(({ app, channel, version, publishedAt }) => ({
              ...{ appId: app, label: channel, version, dateCreated: publishedAt },
            })),
          )
    return new Response(body, { headers })
  }
}

/** CoreUpdate knows no boards: a channel is what its first board is, and a version of one board is one package. */
function firstOf(offers: readonly Listed[], nameOf: (one: Listed) => string): readonly Listed[] {
  const first = new Map<string, Listed>()
  for (const one of offers) if (!first.has(nameOf(one))) first.set(nameOf(one), one)
  return [...first.values()]
}

const packageName = ({ app, version, board }: Listed): string => `${app}/${version}/${board}`

function packageOf({ publicUrl }: Serving, { app, version, board, publishedAt, packages: bytes }: Listed) {
  const [os] = bytes.packages
  const folder = bytes.codebases[0] ?? `${publicUrl}/${packageFolder({ app, version, board }, bytes.packages)}`
  const { name, size, sha1, sha256 } = os
  return { appId: app, version, dateCreated: publishedAt, url: folder + name, size, sha1, sha256 }
}
