/** Checks of a package store. Each is also a row of the port's suite. */

import { readAtMost, streamFrom } from '../kernel/streams.ts'
import type { ByteRange, ExpectedPackage, Packages } from '../store/packages.ts'
import { sha256Hex } from '../trust/digest.ts'
import { checksOf, listed, present, refuses, same, sample } from './checks.ts'

/** Bytes of the package that checks put. */
export const size = 300_000
export const newContent = (): Uint8Array => sample(size, 7)

/** A body in chunks of uneven sizes. */
export function bodyOf(bytes: Uint8Array, chunk = 40_013): ReadableStream<Uint8Array> {
  let at = 0
  return streamFrom(async () => {
    at += chunk
    return at - chunk < bytes.length ? bytes.slice(at - chunk, at) : undefined
  })
}

export const readAll = (body: ReadableStream<Uint8Array>): Promise<Uint8Array> =>
  readAtMost(body, Number.POSITIVE_INFINITY, 'a package')

/** The size and digests announced for these bytes. */
export const claimOf = async (bytes: Uint8Array): Promise<ExpectedPackage> => ({
  size: bytes.length,
  sha256: await sha256Hex(bytes),
})

export const stored = async (store: Packages, key: string, bytes: Uint8Array): Promise<void> =>
  same(await store.put(key, bodyOf(bytes), await claimOf(bytes)), 'stored', 'put')

/** The bytes of the package that checks put, or a range of them. */
export async function opened(store: Packages, key: string, range?: ByteRange): Promise<Uint8Array> {
  const found = present(await store.open(key, range), `open ${key}`)
  same(found.size, size, 'the size of the whole package')
  return await readAll(found.body)
}

export async function isAbsent(store: Packages, key: string): Promise<void> {
  same(await store.stat(key), undefined, 'stat')
  same(await store.open(key), undefined, 'open')
  if (store.list !== undefined) same(await listed(store.list(key)), [], 'list')
}

/** Independent; together 19 calls that send 1.2 MB and read as much, about 30 requests over S3. */
export const packageChecks = checksOf<Packages>({
  'put stores the bytes': {
    otherwise: 'machines would download other bytes than those published',
    async run(store, at) {
      const content = newContent()
      await stored(store, at('os.gz'), content)
      same(await opened(store, at('os.gz')), content, 'the body')
      same(await store.stat(at('os.gz')), { size }, 'stat')
    },
  },
  'a range is exactly its bytes': {
    otherwise: 'an interrupted download could not resume',
    async run(store, at) {
      const content = newContent()
      await stored(store, at('os.gz'), content)
      for (const [start, end] of [
        [0, 0],
        [size - 1, size - 1],
        [0, size - 1],
        [100_000, 250_000],
        [1, 131_072],
      ] as const)
        same(await opened(store, at('os.gz'), { start, end }), content.slice(start, end + 1), `${start}-${end}`)
    },
  },
  'a body with another digest is refused and leaves nothing': {
    otherwise: 'a damaged upload would be served',
    async run(store, at) {
      const claim = await claimOf(sample(size, 8))
      await refuses(['mismatch'], 'put', () => store.put(at('os.gz'), bodyOf(newContent()), claim))
      await isAbsent(store, at('os.gz'))
    },
  },
  'a removed package is absent, and removing nothing is no error': {
    otherwise: 'unused packages would stay, and cost money',
    spare: true,
    async run(store, at) {
      await stored(store, at('os.gz'), newContent())
      await store.remove(at('os.gz'))
      await isAbsent(store, at('os.gz'))
      await store.remove(at('os.gz'))
    },
  },
})
