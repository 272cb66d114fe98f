/** An Omaha server as an upstream: `omaha:https://HOST/v1/update/`. */
import { PlatteError } from '../../kernel/errors.ts'
import { configuredAt } from '../../store/http/fetch.ts'
import { type Opening, placed, type Upstream } from '../offer.ts'
import { walkPath } from './path.ts'

/** @param place the URL of its update checks. @throws PlatteError('usage') for another text. */
export function openOmaha(place: string, { transport }: Opening): Upstream {
  const url = URL.canParse(place) ? new URL(place) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.username || url.password || url.hash)
    throw new PlatteError('usage', 'the upstream is not a URL of update checks', {
      hint: 'write it like omaha:https://updates.example.org/v1/update/, without credentials',
    })
  const upstream = { name: url.origin, from: configuredAt(url.href), transport }
  return {
    ...upstream,
    ask: (wanted) =>
      walkPath(upstream, wanted).catch((error: unknown) => {
        throw placed(error, `${url.origin}, channel ${wanted.channel}, board ${wanted.board}`)
      }),
  }
}
