/** The Worker with Durable Objects, under a clock that requests may set; and the suite of reboot locks over its driver. */
import type { R2Bucket } from '@cloudflare/workers-types'
import { systemClock } from '../../src/kernel/clock.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { objectDocuments } from '../../src/lock-objects/calls.ts'
import type { Objects } from '../../src/lock-objects/forward.ts'
import { moveGroup } from '../../src/locks/driver.ts'
import worker, { LockGroup as Group } from '../../src/runtime/worker-objects.ts'
import type { Documents } from '../../src/store/documents.ts'
import { r2Documents } from '../../src/store/r2/r2.ts'
import { lockRows } from '../conformance/locks.ts'
import { failures } from '../conformance/rows.ts'

interface Env {
  readonly PLATTE_BUCKET: R2Bucket
  readonly PLATTE_LOCK_GROUPS: Objects
}

function setClock({ headers }: Request): void {
  const now = headers.get('x-test-now')
  if (now !== null) Date.now = () => Number(now)
}

export class LockGroup extends Group {
  override fetch(request: Request): Promise<Response> {
    setClock(request)
    return super.fetch(request)
  }
}

/** Where each new group moves into an object at once. */
function moving(env: Env): Documents {
  const documents = objectDocuments(r2Documents(env.PLATTE_BUCKET), env.PLATTE_LOCK_GROUPS)
  return {
    ...documents,
    async create(key, bytes) {
      const outcome = await documents.create(key, bytes)
      const [, group = ''] = /^locks\/(.*)\.json$/.exec(key) ?? []
      const locking = { documents: r2Documents(env.PLATTE_BUCKET), clock: systemClock, random: systemRandom }
      if (outcome === 'created' && group !== '') await moveGroup(locking, group, 'durable-object')
      return outcome
    },
  }
}

export default {
  async fetch(request: Request, env: Env, context: never): Promise<Response> {
    if (new URL(request.url).pathname === '/suite')
      return Response.json(await failures(lockRows, () => () => moving(env), 'objects'))
    return worker.fetch(request, { ...env }, context)
  },
}
