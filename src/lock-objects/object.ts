/**
 * The class of objects, one for each group. It answers the requests of machines itself, over its own storage: from reading
 * the document to writing it no other request comes in between, so that no write loses a race.
 */
import type { DurableObjectState } from '@cloudflare/workers-types'
import { lockKey } from '../documents/paths.ts'
import { maxLockBytes } from '../locks/document.ts'
import type { Documents } from '../store/documents.ts'
import { callHeader, groupHeader, moveHeader, refusal, tokenHeader } from './calls.ts'
import { type Held, openHeld } from './held.ts'
import { agreeWith, ownDocuments } from './own.ts'

interface Deployment {
  fetch(request: Request, env: unknown, context: never): Response | Promise<Response>
}

/** @param open a deployment like the Worker's, over other documents. */
export type OpenOver<Env> = (env: Env, over: (bucket: Documents) => Documents) => Promise<Deployment>

export const lockGroup = <Env>(open: OpenOver<Env>) =>
  class {
    readonly #state: DurableObjectState
    readonly #env: Env
    readonly #held: Held
    /** Whether storage and stub agree, as of the start or the last move. */
    #isSettled = false
    #opened: Promise<{ readonly deployment: Deployment; readonly documents: Documents }> | undefined

    constructor(state: DurableObjectState, env: Env) {
      this.#state = state
      this.#env = env
      this.#held = openHeld(state.storage)
    }

    async fetch(request: Request): Promise<Response> {
      const { headers } = request
      const key = lockKey(headers.get(groupHeader) ?? '')
      if (this.#held.head()?.move !== headers.get(moveHeader)) this.#isSettled = false
      try {
        this.#opened ??= this.#open(key)
        const { deployment, documents } = await this.#opened
        if (headers.get(callHeader) === 'get') return await sendDocument(documents, key)
        if (headers.get(callHeader) !== 'swap') return await deployment.fetch(request, this.#env, this.#state as never)
        const bytes = new Uint8Array(await request.arrayBuffer())
        return new Response(await documents.swap(key, bytes, headers.get(tokenHeader) ?? ''))
      } catch (error) {
        return refusal(error)
      }
    }

    async #open(key: string) {
      let documents: Documents | undefined
      const deployment = await open(this.#env, (bucket) => {
        documents = ownDocuments(bucket, key, this.#held, () => this.#agree(bucket, key))
        return documents
      })
      if (documents === undefined) throw new Error('there is no bucket')
      return { deployment, documents }
    }

    /** Alone. An error inside of the block would end the object. */
    async #agree(bucket: Documents, key: string): Promise<void> {
      if (this.#isSettled) return
      const failed = await this.#state.blockConcurrencyWhile(async () => {
        if (this.#isSettled) return undefined
        try {
          await agreeWith(bucket, key, this.#held)
          this.#isSettled = true
          return undefined
        } catch (error) {
          return { error }
        }
      })
      if (failed) throw failed.error
    }
  }

async function sendDocument(documents: Documents, key: string): Promise<Response> {
  const stored = await documents.get(key, maxLockBytes)
  if (stored === undefined) return new Response(null)
  return new Response(stored.bytes.slice(), { headers: { [tokenHeader]: stored.token } })
}
