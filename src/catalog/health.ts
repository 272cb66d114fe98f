/** What an operator should look at, in sentences. */

import type { Instant } from '../kernel/clock.ts'
import { timeText } from '../kernel/format.ts'
import { explainReason } from '../release/reasons.ts'
import type { VerifiedCatalog } from '../trust/verify-catalog.ts'
import type { CatalogCache } from './cache.ts'

/** A root is rare to sign and needs people: warn this long before it expires. */
const rootWarningMs = 30 * 24 * 60 * 60 * 1000

export const staleSentence = ({ catalog, expiresMs }: VerifiedCatalog): string =>
  `the catalog expired at ${timeText(catalog.expires)}: stale, but accepted until ${timeText(expiresMs)}`

/** @returns one sentence for each problem, safe to publish: the log has the details. */
export function findProblems(cache: CatalogCache, now: Instant): readonly string[] {
  const problems: string[] = []
  if (cache.failure) problems.push(`${cache.failure.reason}: ${explainReason(cache.failure.reason)}`)
  if (cache.state) {
    const { catalog, root } = cache.state
    const expiresMs = Date.parse(catalog.catalog.expires)
    const at = timeText(expiresMs)
    if (now >= catalog.expiresMs)
      problems.push(`catalog-expired: the catalog expired at ${at}: check it, then run platte refresh --force`)
    else if (now >= expiresMs) problems.push(staleSentence(catalog))
    else if (expiresMs - now < (expiresMs - catalog.issuedAtMs) / 3)
      problems.push(`the catalog expires at ${at} and was not refreshed: check the job that runs platte refresh`)
    const { expires, version } = root.root
    if (expires !== undefined && Date.parse(expires) - now < rootWarningMs)
      problems.push(`root ${version} expires at ${timeText(expires)}: publish its successor`)
  }
  for (const [name, loaded] of cache.channels)
    if ('reason' in loaded && loaded.reason !== 'unknown-channel')
      problems.push(`${name}: ${loaded.reason}: ${explainReason(loaded.reason)}`)
  return problems
}
