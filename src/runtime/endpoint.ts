/** The endpoint of a process as it starts: checks at once, Hono and all other routes with the first request that needs them. */
import type { Serving } from '../checks/serving.ts'
import type { MaybePromise } from '../kernel/maybe-promise.ts'
import { checksFirst, type Fetch } from './checks-first.ts'

type App = Pick<typeof import('./app.ts'), 'createApp'>

/** @param load its other routes. */
export function openEndpoint(serving: Serving, load: () => MaybePromise<App>): Fetch {
  let others: Fetch | undefined
  return checksFirst(serving, async (...request) => {
    others ??= (await load()).createApp(serving).fetch
    return others(...request)
  })
}
