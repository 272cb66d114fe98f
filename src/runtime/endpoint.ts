/** The endpoint of a process as it starts: checks at once, Hono and all other routes with the first request that needs them. */
import type { Serving } from '../checks/serving.ts'
import { checksFirst, type Fetch } from './checks-first.ts'

export function openEndpoint(serving: Serving): Fetch {
  let others: Fetch | undefined
  return checksFirst(serving, async (...request) => {
    others ??= (await import('./app.ts')).createApp(serving).fetch
    return others(...request)
  })
}
