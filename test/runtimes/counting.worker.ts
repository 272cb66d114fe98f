/** The Worker as it is, and in its log how often each call of its schedule asked R2. */
import type { R2Bucket } from '@cloudflare/workers-types'
import { consoleLog } from '../../src/kernel/console-log.ts'
import worker from '../../src/runtime/worker-full.ts'
import type { Env } from '../../src/runtime/worker-handler.ts'

let times = 0

const counted = (bucket: R2Bucket): R2Bucket =>
  new Proxy(bucket, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...given: readonly unknown[]) => {
        times++
        return Reflect.apply(member, target, given)
      }
    },
  })

const watched = ({ PLATTE_BUCKET, ...others }: Env): Env => ({
  ...others,
  ...(PLATTE_BUCKET && { PLATTE_BUCKET: counted(PLATTE_BUCKET) }),
})

export default {
  fetch: (request, env, context) => worker.fetch(request, watched(env), context),
  async scheduled(controller, env) {
    times = 0
    await worker.scheduled(controller, watched(env))
    consoleLog({ level: 'info', event: 'asked', times })
  },
} satisfies typeof worker
