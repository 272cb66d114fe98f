/**
 * Documents and packages in an R2 bucket bound to a Worker. The binding is strongly consistent; the public URL of the
 * bucket is not, because a cache lies in front of it.
 *
 * A token is the object's `etag` (conditions on the quoted `httpEtag` fail): equal bytes are the same state.
 *
 * @see https://developers.cloudflare.com/r2/api/workers/workers-api-reference/
 */
import type {
  R2Bucket,
  R2Conditional,
  R2ListOptions,
  R2ObjectBody,
  ReadableStream as R2ReadableStream,
} from '@cloudflare/workers-types'
import { checkKey } from '../../documents/paths.ts'
import { messageOf, PlatteError } from '../../kernel/errors.ts'
import type { NewHasher } from '../../kernel/hasher.ts'
import type { Documents, Marked } from '../documents.ts'
import type { ByteRange, OpenPackage, Packages } from '../packages.ts'
import { checkRange, equalBytes, hashInto, readAtMost, tooLarge } from '../streams.ts'

/** The cap for reading back a write: more than any document has. */
const readBackBytes = 16 * 1024 * 1024

/** @param prefix of every key in the bucket, such as `updates/`. */
export function r2Documents(bucket: R2Bucket, prefix = ''): Documents {
  const get = async <Known extends Marked = never>(key: string, maxBytes: number, known?: Known) => {
    const unless = known && { onlyIf: { etagDoesNotMatch: known.token } }
    const object = await asking('get', key, () => bucket.get(prefix + key, unless))
    if (object === null) return undefined
    if (!('body' in object)) return known
    return { bytes: await bytesOf(object, maxBytes, key), token: object.etag }
  }
  const holds = async (key: string, bytes: Uint8Array): Promise<boolean> => {
    const there = await get(key, Math.max(readBackBytes, bytes.length))
    return there !== undefined && equalBytes(there.bytes, bytes)
  }
  /** Whether the condition held. After a failure of R2, equal bytes mean that the write landed. */
  const putIf = async (key: string, bytes: Uint8Array, onlyIf: R2Conditional): Promise<boolean> => {
    try {
      return (await asking('put', key, () => bucket.put(prefix + key, bytes.slice(), { onlyIf }))) !== null
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
    list: (keyPrefix) => listKeys(bucket, prefix, keyPrefix),
    folders: (folder) => listFolders(bucket, prefix + folder),
  }
}

export interface R2PackagesOptions {
  readonly newHasher: NewHasher
  /** Of every key in the bucket. */
  readonly prefix?: string
}

/** Packages of at most 5 GB, the limit of R2. Only inside workerd: `put` needs its `FixedLengthStream`. */
export function r2Packages(bucket: R2Bucket, { newHasher, prefix = '' }: R2PackagesOptions): Packages {
  const stat = async (key: string) => {
    const object = await asking('head', key, () => bucket.head(prefix + key))
    return object === null ? undefined : { size: object.size }
  }
  return {
    async open(key, range) {
      const options = range && { range: { offset: range.start, length: range.end - range.start + 1 } }
      try {
        const object = await asking('get', checkKey(key), () => bucket.get(prefix + key, options))
        return object === null ? undefined : await packageIn(object, key, range)
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
      const storing = asking('put', key, () => bucket.put(prefix + key, readable, { sha256: expected.sha256 }))
      // Without this, writes would wait for a reader that has gone.
      const settled = storing.catch(async (error) => {
        storeFailed = true
        await writer.abort(error).catch(() => undefined)
      })
      try {
        await hashInto(body, (chunk) => writer.write(chunk), { hasher: newHasher(), name: key, expected })
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
    remove: async (key) => asking('delete', checkKey(key), () => bucket.delete(prefix + key)),
    list: (keyPrefix) => listKeys(bucket, prefix, keyPrefix),
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

/** The same streams under another type. */
const bodyOf = (object: R2ObjectBody): ReadableStream<Uint8Array> =>
  object.body as unknown as ReadableStream<Uint8Array>

async function bytesOf(object: R2ObjectBody, maxBytes: number, key: string): Promise<Uint8Array> {
  const body = bodyOf(object)
  if (object.size > maxBytes) {
    await body.cancel()
    throw tooLarge(key, maxBytes)
  }
  return await asking('send', key, () => readAtMost(body, maxBytes, key))
}

async function packageIn(object: R2ObjectBody, key: string, range: ByteRange | undefined): Promise<OpenPackage> {
  const body = bodyOf(object)
  try {
    checkRange(key, range, object.size)
    return { size: object.size, body }
  } catch (error) {
    await body.cancel()
    throw error
  }
}

/** R2 needs the length of a body: exactly `size` bytes must be written here. */
export function fixedLength(size: number) {
  const { FixedLengthStream } = globalThis as unknown as {
    FixedLengthStream: new (size: number) => { readable: R2ReadableStream; writable: WritableStream<Uint8Array> }
  }
  return new FixedLengthStream(size)
}

async function* listKeys(bucket: R2Bucket, prefix: string, keyPrefix: string): AsyncIterable<string> {
  for await (const { objects } of pagesOf(bucket, { prefix: prefix + keyPrefix }))
    for (const { key } of objects) yield key.slice(prefix.length)
}

async function* listFolders(bucket: R2Bucket, folder: string): AsyncIterable<string> {
  for await (const { delimitedPrefixes } of pagesOf(bucket, { prefix: folder, delimiter: '/' }))
    for (const found of delimitedPrefixes) yield found.slice(folder.length, -1)
}

export async function* pagesOf(bucket: R2Bucket, options: R2ListOptions & { readonly prefix: string }) {
  let cursor: string | undefined
  do {
    const more = cursor === undefined ? options : { ...options, cursor }
    const page = await asking('list', options.prefix, () => bucket.list(more))
    yield page
    cursor = page.truncated ? page.cursor : undefined
  } while (cursor !== undefined)
}
