/** Stores that break one sentence of their contract each. A suite that lets one of them pass is worth nothing. */

import { systemClock } from '../../src/kernel/clock.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import type { Documents, StoredDocument } from '../../src/store/documents.ts'
import type { Packages } from '../../src/store/packages.ts'
import type { Uploads } from '../../src/store/uploads.ts'
import { memoryDocuments, memoryPackages, memoryUploads } from '../memory.ts'

/** What the liar does, the row that must fail, and the liar. */
export type Liar<Store> = readonly [lie: string, row: string, open: () => Store]

const plenty = 1024 * 1024 * 1024

/** An honest store with some methods replaced. */
function lyingDocuments(lie: (honest: Documents) => Partial<Documents>): () => Documents {
  return () => {
    const honest = memoryDocuments()
    return { ...honest, ...lie(honest) }
  }
}

function lyingPackages(lie: (honest: Packages) => Partial<Packages>): () => Packages {
  return () => {
    const honest = memoryPackages(nodeHasher)
    return { ...honest, ...lie(honest) }
  }
}

const force = async (store: Documents, key: string, bytes: Uint8Array): Promise<void> => {
  const there = await store.get(key, plenty)
  if (there === undefined) await store.create(key, bytes)
  else await store.swap(key, bytes, there.token)
}

const without = (list: AsyncIterable<string>, change: (keys: string[]) => string[]): AsyncIterable<string> =>
  (async function* () {
    const keys: string[] = []
    for await (const key of list) keys.push(key)
    yield* change(keys)
  })()

const lookingSwap = lyingDocuments((honest) => ({
  swap: async (key, bytes, token) => {
    if ((await honest.get(key, plenty))?.token !== token) return 'conflict'
    await force(honest, key, bytes)
    return 'ok'
  },
}))

export const documentLiars: readonly Liar<Documents>[] = [
  [
    'create always says created',
    'create with other bytes is taken and changes nothing',
    lyingDocuments(({ create }) => ({
      create: async (key, bytes) => {
        await create(key, bytes)
        return 'created'
      },
    })),
  ],
  [
    'create overwrites',
    'of 8 racing creates exactly one wins',
    lyingDocuments((honest) => ({
      create: async (key, bytes) => {
        await force(honest, key, bytes)
        return 'created'
      },
    })),
  ],
  [
    'create looks, waits and then writes',
    'of 16 racing creates exactly one wins',
    lyingDocuments((honest) => ({
      create: async (key, bytes) => {
        const there = await honest.get(key, plenty)
        if (there !== undefined) return await honest.create(key, bytes)
        await force(honest, key, bytes)
        return 'created'
      },
    })),
  ],
  [
    'create never says same',
    'create with equal bytes is same',
    lyingDocuments(({ create }) => ({
      create: async (key, bytes) => ((await create(key, bytes)) === 'created' ? 'created' : 'taken'),
    })),
  ],
  ['create writes nothing', 'create stores the bytes', lyingDocuments(() => ({ create: async () => 'created' }))],
  [
    'swap ignores its token',
    'swap with a stale token is a conflict and changes nothing',
    lyingDocuments((honest) => ({
      swap: async (key, bytes) => {
        await force(honest, key, bytes)
        return 'ok'
      },
    })),
  ],
  [
    'swap takes any token of what is there',
    'swap with a stale token is a conflict and changes nothing',
    lyingDocuments((honest) => ({
      swap: async (key, bytes) => {
        const there = await honest.get(key, plenty)
        return there === undefined ? 'conflict' : await honest.swap(key, bytes, there.token)
      },
    })),
  ],
  ['swap looks, waits and then writes', 'of 8 racing swaps exactly one wins', lookingSwap],
  ['swap of many looks, waits and then writes', 'of 16 racing swaps exactly one wins', lookingSwap],
  [
    'swap makes what is not there',
    'swap of a missing document is a conflict and creates none',
    lyingDocuments((honest) => ({
      swap: async (key, bytes, token) => {
        if ((await honest.get(key, plenty)) !== undefined) return await honest.swap(key, bytes, token)
        await honest.create(key, bytes)
        return 'ok'
      },
    })),
  ],
  [
    'swap says ok and writes nothing',
    'swap replaces the state that its token marks',
    lyingDocuments(() => ({ swap: async () => 'ok' })),
  ],
  [
    'a lost swap says ok',
    'a counter under racing swaps loses nothing',
    lyingDocuments(({ swap }) => ({
      swap: async (key, bytes, token) => {
        await swap(key, bytes, token)
        return 'ok'
      },
    })),
  ],
  [
    'get gives the bytes before the last',
    'every get after an answered write sees it',
    lyingDocuments((honest) => {
      const seen = new Map<string, StoredDocument>()
      return {
        get: async (key, maxBytes) => {
          const now = await honest.get(key, maxBytes)
          const before = seen.get(key)
          if (now !== undefined) seen.set(key, now)
          return before && now ? { bytes: before.bytes, token: now.token } : now
        },
      }
    }),
  ],
  ['get ignores its cap', 'get holds its cap', lyingDocuments(({ get }) => ({ get: async (key) => get(key, plenty) }))],
  [
    'get cuts at its cap',
    'get holds its cap',
    lyingDocuments(({ get }) => ({
      get: async (key, maxBytes) => {
        const all = await get(key, plenty)
        return all && { ...all, bytes: all.bytes.slice(0, maxBytes) }
      },
    })),
  ],
  [
    'get hands out its own memory',
    'what the caller does to bytes that it got changes nothing',
    lyingDocuments(({ get }) => {
      const handedOut = new Map<string, StoredDocument>()
      return {
        get: async (key, maxBytes) => {
          const now = await get(key, maxBytes)
          const known = handedOut.get(`${key} ${now?.token}`)
          if (now !== undefined && known === undefined) handedOut.set(`${key} ${now.token}`, now)
          return known ?? now
        },
      }
    }),
  ],
  [
    'create keeps the memory of its caller',
    'what the caller does to its bytes afterwards changes nothing',
    lyingDocuments((honest) => {
      const kept = new Map<string, Uint8Array>()
      return {
        create: async (key, bytes) => {
          const outcome = await honest.create(key, bytes)
          if (outcome === 'created') kept.set(key, bytes)
          return outcome
        },
        get: async (key, maxBytes) => {
          const there = await honest.get(key, maxBytes)
          const bytes = kept.get(key)
          return there && bytes ? { ...there, bytes: bytes.slice() } : there
        },
      }
    }),
  ],
  [
    'get gives what is known whatever the state',
    'what is known is returned itself until the state is another one',
    lyingDocuments(({ get }) => ({ get: async (key, maxBytes, known) => known ?? (await get(key, maxBytes)) })),
  ],
  [
    'get never gives what is known',
    'what is known is returned itself until the state is another one',
    lyingDocuments(({ get }) => ({ get: (key, maxBytes) => get(key, maxBytes) })),
  ],
  [
    'folders leaves one out',
    'folders names what holds keys',
    lyingDocuments(({ folders }) => ({
      folders: (folder) => without(folders?.(folder) ?? none(), (all) => all.slice(1)),
    })),
  ],
  [
    'folders names keys, too',
    'folders names what holds keys',
    lyingDocuments(({ folders }) => ({
      folders: (folder) => without(folders?.(folder) ?? none(), (all) => [...all, 'a.jws']),
    })),
  ],
  [
    'what is absent is an error',
    'a key that was never written is absent',
    lyingDocuments(({ get }) => ({
      get: async (key, maxBytes) => {
        const there = await get(key, maxBytes)
        if (there === undefined) throw new PlatteError('forbidden', `${key}: access denied`)
        return there
      },
    })),
  ],
  [
    'what is absent is empty',
    'a key that was never written is absent',
    lyingDocuments(({ get }) => ({
      get: async (key, maxBytes) => (await get(key, maxBytes)) ?? { bytes: new Uint8Array(), token: '' },
    })),
  ],
  [
    'an error looks absent',
    'a key that leaves the store, or that nothing builds, is refused',
    lyingDocuments(({ get }) => ({ get: (key, maxBytes) => get(key, maxBytes).catch(() => undefined) })),
  ],
  [
    'every get has another token',
    'a token is the same as long as the state is',
    lyingDocuments(({ get }) => {
      let gets = 0
      return {
        get: async (key, maxBytes) => {
          const there = await get(key, maxBytes)
          gets += 1
          return there && { ...there, token: `${there.token} ${gets}` }
        },
      }
    }),
  ],
  [
    'list loses its first key',
    'list gives the keys with the prefix, in byte order',
    lyingDocuments(({ list }) => ({
      list: (prefix) => without(list?.(prefix) ?? none(), (keys) => keys.slice(1)),
    })),
  ],
  [
    'list is sorted by another alphabet',
    'list gives the keys with the prefix, in byte order',
    lyingDocuments(({ list }) => ({
      list: (prefix) => without(list?.(prefix) ?? none(), (keys) => keys.sort((a, b) => a.localeCompare(b))),
    })),
  ],
  [
    'list names its own files',
    'list names no more than was stored, also after swaps',
    lyingDocuments(({ list }) => ({
      list: (prefix) => without(list?.(prefix) ?? none(), (keys) => keys.flatMap((key) => [key, `${key}.lock`])),
    })),
  ],
]

async function* none(): AsyncIterable<string> {}

const whole = async (body: ReadableStream<Uint8Array>): Promise<Uint8Array> =>
  new Uint8Array(await new Response(body).arrayBuffer())

const streamOf = (bytes: Uint8Array): ReadableStream<Uint8Array> =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(bytes)
      controller.close()
    },
  })

/** Puts whatever the body holds, as if it had been announced. */
async function putAnyway(honest: Packages, key: string, bytes: Uint8Array): Promise<'stored' | 'same'> {
  const hasher = nodeHasher()
  await hasher.update(bytes)
  return await honest.put(key, streamOf(bytes), { size: bytes.length, sha256: (await hasher.digest()).sha256 })
}

export const packageLiars: readonly Liar<Packages>[] = [
  [
    'put checks no digest',
    'a body with another digest is refused and leaves nothing',
    lyingPackages((honest) => ({
      put: async (key, body, expected) => {
        const bytes = await whole(body)
        if (bytes.length !== expected.size) throw new PlatteError('mismatch', `${key}: wrong size`)
        return await putAnyway(honest, key, bytes)
      },
    })),
  ],
  [
    'put takes a short body',
    'a short body is refused and leaves nothing',
    lyingPackages((honest) => ({ put: async (key, body) => putAnyway(honest, key, await whole(body)) })),
  ],
  [
    'put cuts a long body',
    'a long body is refused and leaves nothing',
    lyingPackages((honest) => ({
      put: async (key, body, { size }) => putAnyway(honest, key, (await whole(body)).slice(0, size)),
    })),
  ],
  [
    'put checks no SHA-1',
    'a body with another SHA-1 alone is refused and leaves nothing',
    lyingPackages((honest) => ({
      put: async (key, body, { size, sha256 }) => honest.put(key, body, { size, sha256 }),
    })),
  ],
  [
    'put keeps what came before the line broke',
    'a body that breaks leaves nothing, and the next try succeeds',
    lyingPackages((honest) => ({
      put: async (key, body, expected) => {
        try {
          return await honest.put(key, body, expected)
        } catch (error) {
          await putAnyway(honest, key, new Uint8Array(10))
          throw error
        }
      },
    })),
  ],
  [
    'put leaves the body open where the package is there',
    'put again is same, and cancels the body',
    lyingPackages((honest) => ({
      put: async (key, body, expected) =>
        (await honest.stat(key))?.size === expected.size ? 'same' : await honest.put(key, body, expected),
    })),
  ],
  [
    'put says stored again',
    'put again is same, and cancels the body',
    lyingPackages((honest) => ({
      put: async (key, body, expected) => {
        await honest.put(key, body, expected)
        return 'stored'
      },
    })),
  ],
  [
    'put stores zeros',
    'put stores the bytes',
    lyingPackages((honest) => ({
      put: async (key, body) => putAnyway(honest, key, new Uint8Array((await whole(body)).length)),
    })),
  ],
  [
    'open ignores the range',
    'a range is exactly its bytes',
    lyingPackages(({ open }) => ({ open: (key) => open(key) })),
  ],
  [
    'open takes the end of a range as excluded',
    'a range is exactly its bytes',
    lyingPackages(({ open }) => ({
      open: (key, range) => open(key, range && { start: range.start, end: Math.max(range.start, range.end - 1) }),
    })),
  ],
  [
    'open takes a range that ends behind the package',
    'a range outside of the package is refused',
    lyingPackages(({ open, stat }) => ({
      open: async (key, range) => {
        const end = ((await stat(key))?.size ?? 0) - 1
        return await open(key, range && { start: Math.min(range.start, end), end: Math.min(range.end, end) })
      },
    })),
  ],
  [
    'open names the size of the range',
    'a range is exactly its bytes',
    lyingPackages(({ open }) => ({
      open: async (key, range) => {
        const found = await open(key, range)
        return found && range ? { ...found, size: range.end - range.start + 1 } : found
      },
    })),
  ],
  [
    'stat is that of the last package',
    'packages do not mix',
    lyingPackages(({ put, stat }) => {
      let last = ''
      return {
        put: (key, body, expected) => {
          last = key
          return put(key, body, expected)
        },
        stat: async (key) => (await stat(key)) && (await stat(last)),
      }
    }),
  ],
  [
    'remove removes nothing',
    'a removed package is absent, and removing nothing is no error',
    lyingPackages(() => ({ remove: async () => undefined })),
  ],
  [
    'remove of nothing is an error',
    'a removed package is absent, and removing nothing is no error',
    lyingPackages(({ remove, stat }) => ({
      remove: async (key) => {
        if ((await stat(key)) === undefined) throw new PlatteError('missing', `${key}: is not there`)
        await remove(key)
      },
    })),
  ],
  [
    'staged bytes are listed',
    'staged bytes that are discarded leave nothing',
    lyingPackages((honest) => ({
      stage: async (body) => {
        const bytes = await whole(body)
        await putAnyway(honest, 'conformance/r0/staged', bytes)
        return { size: bytes.length, sha256: '', sha1: '', keep: async () => 'stored', discard: async () => undefined }
      },
    })),
  ],
]

function lyingUploads(lie: (honest: Uploads) => Partial<Uploads>): () => Uploads {
  return () => {
    const honest = memoryUploads({ clock: systemClock, partBytes: 200_000 })
    return { ...honest, ...lie(honest) }
  }
}

export const uploadLiars: readonly Liar<Uploads>[] = [
  [
    'all uploads are one',
    'uploads do not mix',
    () => {
      const honest = memoryUploads({ clock: systemClock, partBytes: 200_000 })
      const only = honest.begin()
      return { ...honest, begin: () => only }
    },
  ],
  [
    'parts are joined in the order in which they came',
    'parts in any order become the whole, once it is completed',
    lyingUploads(({ putPart }) => {
      let came = 0
      return {
        putPart: async (token, part, body) => (await putPart?.(token, { ...part, number: ++came }, body)) ?? 'gone',
      }
    }),
  ],
  [
    'what is not complete can be read',
    'parts in any order become the whole, once it is completed',
    lyingUploads(({ complete, open }) => ({
      open: async (token) => {
        await complete(token)
        return await open(token)
      },
    })),
  ],
  [
    'the size of a part is believed',
    'a part that is longer or shorter than announced is refused, and leaves nothing',
    lyingUploads(({ putPart }) => ({
      putPart: async (token, part, body) => {
        const bytes = new Uint8Array(await new Response(body).arrayBuffer())
        const size = bytes.length
        return (await putPart?.(token, { ...part, size }, new Blob([bytes]).stream())) ?? 'gone'
      },
    })),
  ],
  [
    'a part is kept that broke off',
    'a part that breaks off leaves nothing, and the next try succeeds',
    lyingUploads(({ putPart }) => ({
      putPart: async (token, part, body) => {
        const one = new Blob([new Uint8Array(1)]).stream()
        await putPart?.(token, { number: part.number, size: 1 }, one)
        return (await putPart?.(token, part, body)) ?? 'gone'
      },
    })),
  ],
  [
    'the first of two parts stays',
    'a part that is sent again replaces the one before',
    lyingUploads(({ parts, putPart }) => ({
      putPart: async (token, part, body) => {
        const there = await parts(token)
        if (Array.isArray(there) && there.some(({ number }) => number === part.number)) return 'stored'
        return (await putPart?.(token, part, body)) ?? 'gone'
      },
    })),
  ],
  [
    'completing again fails',
    'completing again changes nothing',
    lyingUploads(({ parts, complete }) => ({
      complete: async (token) => {
        if ((await parts(token)) === 'whole') throw new PlatteError('conflict', 'it is complete')
        await complete(token)
      },
    })),
  ],
  [
    'parts are taken after completion',
    'a part that comes after completion changes nothing',
    lyingUploads(() => ({ putPart: async () => 'stored' })),
  ],
  [
    'what is discarded stays',
    'what is discarded is gone, in every state, and discarding again is no error',
    lyingUploads(() => ({ discard: async () => {} })),
  ],
  [
    'a list of parts has only its first page',
    'a list of more parts than one page has is whole',
    lyingUploads(({ parts }) => ({
      parts: async (token) => {
        const all = await parts(token)
        return all === 'whole' ? all : all?.slice(0, 3)
      },
    })),
  ],
  [
    'every upload is old',
    'uploads that were begun before a time are found, until they are discarded',
    lyingUploads(({ unfinished }) => ({
      async *unfinished() {
        yield* unfinished?.(Number.POSITIVE_INFINITY) ?? []
      },
    })),
  ],
]
