/**
 * Documents and packages in an R2 bucket bound to a Worker. The binding is strongly consistent; the public URL of the
 * bucket is not, because a cache lies in front of it.
 *
 * A token is the object's `etag` (conditions on the quoted `httpEtag` fail): equal bytes are the same state.
 * @see https://developers.cloudflare.com/r2/api/workers/workers-api-reference/
 */

import type * as cf from '@cloudflare/workers-types'
import { checkKey } from '../../documents/paths.ts'
import { equalBytes } from '../../kernel/bytes.ts'
import { messageOf, PlatteError } from '../../kernel/errors.ts'
import type { NewHasher } from '../../kernel/hasher.ts'
import { readAtMost, tooLarge } from '../../kernel/streams.ts'
import type { Documents, Marked } from '../documents.ts'
import type { Packages } from '../packages.ts'
import { checkRange, hashedChunks } from '../streams.ts'

/** The cap for reading back a write: more than any document has. */
const readBackBytes = 16 * 1024 * 1024

export function r2Documents(bucket: cf.R2Bucket): Documents {
  const get = async <Known extends Marked = never>(key: string, maxBytes: number, known?: Known) => {
    const unless = known && { onlyIf: { etagDoesNotMatch: known.token } }
    const object = await asking('get', key, () => bucket.get(key, unless))
    if (object === null) return undefined
    if (!('body' in object)) return known
    const body = await bodyOf(object, (size) => {
      if (size > maxBytes) throw tooLarge(key, maxBytes)
    })
    return { bytes: await asking('send', key, () => readAtMost(body, maxBytes, key)), token: object.etag }
  }
  const holds = async (key: string, bytes: Uint8Array): Promise<boolean> => {
    const there = await get(key, Math.max(readBackBytes, bytes.length))
    return there !== undefined && equalBytes(there.bytes, bytes)
  }
  /** Whether the condition held. After a failure of R2, equal bytes mean that the write landed. */
  const putIf = async (key: string, bytes: Uint8Array, onlyIf: cf.R2Conditional): Promise<boolean> => {
    try {
      return (await asking('put', key, () => bucket.put(key, bytes.slice(), { onlyIf }))) !== null
    } catch (error) {
      if (await holds(key, bytes).catch(() => false)) return true
      throw error
    }
  }
  return {
    get: async (key, maxBytes, known) => get(checkKey(key), maxBytes, known),
    async create(key, bytes) {
      if (await putIf(checkKey(key), bytes, { etagDoesNotMatch: '*' })) return 'created'
      return (await holds(key, bytes)) ? 'same' : 'taken'
    },
    async swap(key, bytes, token) {
      return (await putIf(checkKey(key), bytes, { etagMatches: token })) ? 'ok' : 'conflict'
    },
    list: (prefix) => listKeys(bucket, prefix),
    async *folders(folder) {
      for await (const { delimitedPrefixes } of pagesOf(bucket, { prefix: folder, delimiter: '/' }))
        yield* delimitedPrefixes.map((found) => found.slice(folder.length, -1))
    },
  }
}

/** Packages of at most 5 GB, the limit of R2. Only inside workerd: `put` needs its `FixedLengthStream`. */
export function r2Packages(bucket: cf.R2Bucket, { newHasher }: { readonly newHasher: NewHasher }): Packages {
  const stat = async (key: string) => {
    const object = await asking('head', key, () => bucket.head(key))
    return object === null ? undefined : { size: object.size }
  }
  return {
    async open(key, range) {
      const options = range && { range: { offset: range.start, length: range.end - range.start + 1 } }
      try {
        const object = await asking('get', checkKey(key), () => bucket.get(key, options))
        if (object === null) return undefined
        return { size: object.size, body: await bodyOf(object, (size) => checkRange(key, range, size)) }
      } catch (error) {
        // R2 reports an unsatisfiable range as any other failure.
        if (range !== undefined) checkRange(key, range, (await stat(key))?.size ?? 0)
        throw error
      }
    },
    async put(key, body, expected) {
      if ((await stat(checkKey(key)))?.size === expected.size) {
        await body.cancel()
        return 'same'
      }
      const { readable, writable } = fixedLength(expected.size)
      const writer = writable.getWriter()
      let storeFailed = false
      const storing = asking('put', key, () => bucket.put(key, readable, { sha256: expected.sha256 }))
      // Without this, writes would wait for a reader that has gone.
      const settled = storing.catch(async (error) => {
        storeFailed = true
        await writer.abort(error).catch(() => undefined)
      })
      try {
        let held: Uint8Array | undefined
        // R2 stores what has its full length, so the last bytes come once all are verified.
        for await (const chunk of hashedChunks(body, { hasher: newHasher(), name: key, expected })) {
          if (held) await writer.write(held)
          held = chunk
        }
        if (held) await writer.write(held)
        await writer.close().catch(() => undefined)
        await storing
      } catch (error) {
        const isDoubtful = storeFailed
        await writer.abort(error).catch(() => undefined)
        await settled
        if (!isDoubtful || (await stat(key))?.size !== expected.size) throw error
      }
      return 'stored'
    },
    stat: async (key) => stat(checkKey(key)),
    remove: async (key) => asking('delete', checkKey(key), () => bucket.delete(key)),
    list: (prefix) => listKeys(bucket, prefix),
  }
}

/** Runs `work`; a failure of R2 becomes an error that names the action. */
export async function asking<T>(action: string, key: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw new PlatteError('store-unavailable', `${key}: R2 failed to ${action} it: ${messageOf(cause)}`, { cause })
  }
}

/** The body, cancelled if `check` throws. */
async function bodyOf(object: cf.R2ObjectBody, check: (size: number) => void) {
  // The same stream under another type.
  const body = object.body as unknown as ReadableStream<Uint8Array>
  try {
    check(object.size)
    return body
  } catch (error) {
    await body.cancel()
    throw error
  }
}

/** R2 needs the length of a body: exactly `size` bytes must be written here. */
export function fixedLength(size: number) {
  const { FixedLengthStream } = globalThis as unknown as {
    FixedLengthStream: new (size: number) => { readable: cf.ReadableStream; writable: WritableStream<Uint8Array> }
  }
  return new FixedLengthStream(size)
}

async function* listKeys(bucket: cf.R2Bucket, prefix: string): AsyncIterable<string> {
  for await (const { objects } of pagesOf(bucket, { prefix })) yield* objects.map(({ key }) => key)
}

export async function* pagesOf(bucket: cf.R2Bucket, options: cf.R2ListOptions & { readonly prefix: string }) {
  let cursor: string | undefined
  do {
    const more = cursor === undefined ? options : { ...options, cursor }
    const page = await asking('list', options.prefix, () => bucket.list(more))
    yield page
    cursor = page.truncated ? page.cursor : undefined
  } while (cursor !== undefined)
}
