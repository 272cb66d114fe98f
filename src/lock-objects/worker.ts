/** A Worker whose groups of reboot locks may be kept in Durable Objects. */
import type { R2Bucket } from '@cloudflare/workers-types'
import type { MaybePromise } from '../kernel/maybe-promise.ts'
import type { Documents } from '../store/documents.ts'
import { objectDocuments } from './calls.ts'
import { answerInObject, type Objects } from './forward.ts'

interface Env {
  readonly PLATTE_BUCKET?: R2Bucket
  /** Bound to `LockGroup`. Without it the Worker refuses groups that objects keep. */
  readonly PLATTE_LOCK_GROUPS?: Objects
}

interface Handler {
  fetch(request: Request, env: Env, context: never): MaybePromise<Response>
}

type Over = (env: Env) => (bucket: Documents) => Documents

const over: Over =
  ({ PLATTE_LOCK_GROUPS: objects }) =>
  (bucket) =>
    objects ? objectDocuments(bucket, objects) : bucket

/** @param open the Worker over other documents than those of its bucket. */
export function withObjects<Worker extends Handler>(
  documentsOf: (bucket: R2Bucket) => Documents,
  open: (over: Over) => Worker,
): Worker {
  const worker = open(over)
  return {
    ...worker,
    async fetch(request, env, context) {
      const { PLATTE_BUCKET: bucket, PLATTE_LOCK_GROUPS: objects } = env
      const answered = bucket && objects && (await answerInObject(request, documentsOf(bucket), objects))
      return answered ?? worker.fetch(request, env, context)
    },
  }
}
