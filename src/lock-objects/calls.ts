/** Calls of a Worker to the object of a group. Headers that a client sends under these names are replaced. */
import type { DurableObjectNamespace } from '@cloudflare/workers-types'
import { lockGroupOf, lockKey } from '../documents/paths.ts'
import { equalBytes } from '../kernel/bytes.ts'
import { errorCodes, messageOf, PlatteError } from '../kernel/errors.ts'
import { decodeStored, type LockStub, maxLockBytes } from '../locks/document.ts'
import type { Documents, StoredDocument } from '../store/documents.ts'
import { isObjectToken } from './held.ts'

/** What is called: a request of a machine is `answer`ed as a whole. */
export type Call = 'answer' | 'get' | 'swap'
export const callHeader = 'platte-object-call'
export const groupHeader = 'platte-object-group'
/** The move of a stub that is settled; empty while the group moves. */
export const moveHeader = 'platte-object-move'
export const tokenHeader = 'platte-object-token'

const objectUrl = 'https://lock-object.invalid/'

/** @throws PlatteError('store-unavailable') without an answer. */
export async function callObject(
  objects: DurableObjectNamespace,
  call: Call,
  { group, move, lock, back }: LockStub,
  { request = new Request(objectUrl), token = '' }: { readonly request?: Request; readonly token?: string } = {},
): Promise<Response> {
  const called = new Request(request)
  called.headers.set(callHeader, call)
  called.headers.set(groupHeader, group)
  called.headers.set(moveHeader, lock || back ? '' : move)
  called.headers.set(tokenHeader, token)
  try {
    // The same types under other names.
    return (await objects.getByName(group).fetch(called as never)) as unknown as Response
  } catch (cause) {
    throw new PlatteError('store-unavailable', `the Durable Object of group ${group}: ${messageOf(cause)}`, { cause })
  }
}

/** What the bucket says of a group, where something else keeps it. @throws as `Documents` does. */
export async function stubOf(bucket: Documents, group: string): Promise<LockStub | undefined> {
  const stored = await bucket.get(lockKey(group), maxLockBytes)
  return stored && stubIn(group, stored)
}

/** Nothing for a damaged document: who reads it reports it. */
function stubIn(group: string, { bytes }: StoredDocument): LockStub | undefined {
  try {
    const found = decodeStored(lockKey(group), bytes)
    return found.type === 'lock-stub' && found.group === group ? found : undefined
  } catch {
    return undefined
  }
}

/** The documents of a bucket, with those of groups from where they are kept. */
export function objectDocuments(bucket: Documents, objects: DurableObjectNamespace): Documents {
  const get = async (key: string, maxBytes: number): Promise<StoredDocument | undefined> => {
    const [stored, group = ''] = [await bucket.get(key, maxBytes), lockGroupOf(key)]
    const stub = stored && stubIn(group, stored)
    if (stub === undefined) return stored
    const answer = await checked(await callObject(objects, 'get', stub))
    const token = answer.headers.get(tokenHeader)
    return token === null ? undefined : { bytes: new Uint8Array(await answer.arrayBuffer()), token }
  }
  return {
    ...bucket,
    get: async (key, maxBytes, known) =>
      lockGroupOf(key) === undefined ? bucket.get(key, maxBytes, known) : get(key, maxBytes),
    async swap(key, bytes, token) {
      const group = lockGroupOf(key)
      if (group === undefined || !isObjectToken(token)) return bucket.swap(key, bytes, token)
      const stub = await stubOf(bucket, group)
      if (stub === undefined) return 'conflict'
      try {
        const request = new Request(objectUrl, { method: 'PUT', body: bytes.slice() })
        return (await (await checked(await callObject(objects, 'swap', stub, { request, token }))).text()) as 'ok'
      } catch (error) {
        const there = await get(key, maxLockBytes).catch(() => undefined)
        if (there && equalBytes(there.bytes, bytes)) return 'ok'
        throw error
      }
    },
  }
}

/** An error on its way out of an object. */
export const refusal = (error: unknown): Response => {
  const code = error instanceof PlatteError ? error.code : 'store-unavailable'
  return Response.json({ code, message: messageOf(error) }, { status: 500 })
}

/** @throws PlatteError as the object threw it. */
async function checked(answer: Response): Promise<Response> {
  if (answer.ok) return answer
  const { code, message } = (await answer.json()) as { readonly code?: unknown; readonly message?: unknown }
  throw new PlatteError(errorCodes.find((known) => known === code) ?? 'store-unavailable', String(message))
}
