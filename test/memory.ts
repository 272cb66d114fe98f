/** Stores in memory. */

import { checkKey } from '../src/documents/paths.ts'
import { equalBytes, joined } from '../src/kernel/bytes.ts'
import type { NewHasher } from '../src/kernel/hasher.ts'
import { tooLarge } from '../src/kernel/streams.ts'
import type { Documents, StoredDocument } from '../src/store/documents.ts'
import type { Packages } from '../src/store/packages.ts'
import { checkRange, hashInto, pumpPart } from '../src/store/streams.ts'
import { type MachineUploads, type Uploads, uploadGone, usualPartBytes } from '../src/store/uploads.ts'

/** A token is the number of the write: equal bytes written later are another state. */
export function memoryDocuments(): Documents {
  const stored = new Map<string, StoredDocument>()
  let writes = 0
  const put = (key: string, bytes: Uint8Array) => stored.set(key, { bytes: bytes.slice(), token: `${++writes}` })
  return {
    async get(key, maxBytes, known) {
      const document = stored.get(checkKey(key))
      if (document === undefined) return undefined
      if (document.token === known?.token) return known
      if (document.bytes.length > maxBytes) throw tooLarge(key, maxBytes)
      return { bytes: document.bytes.slice(), token: document.token }
    },
    async create(key, bytes) {
      const there = stored.get(checkKey(key))
      if (there !== undefined) return equalBytes(there.bytes, bytes) ? 'same' : 'taken'
      put(key, bytes)
      return 'created'
    },
    async swap(key, bytes, token) {
      if (stored.get(checkKey(key))?.token !== token) return 'conflict'
      put(key, bytes)
      return 'ok'
    },
    list: (prefix) => listKeys(stored, prefix),
    folders: (folder) => listFolders(stored, folder),
  }
}

export function memoryPackages(newHasher: NewHasher): Packages {
  const stored = new Map<string, Uint8Array>()
  return {
    async open(key, range) {
      const bytes = stored.get(checkKey(key))
      if (bytes === undefined) return undefined
      const { start, end } = checkRange(key, range, bytes.length)
      return { size: bytes.length, body: streamOf(bytes.subarray(start, end + 1)) }
    },
    async put(key, body, expected) {
      if (stored.get(checkKey(key))?.length === expected.size) {
        await body.cancel()
        return 'same'
      }
      const chunks: Uint8Array[] = []
      const keep = async (chunk: Uint8Array) => void chunks.push(chunk.slice())
      await hashInto(body, keep, { hasher: newHasher(), name: key, expected })
      if (stored.get(key)?.length === expected.size) return 'same'
      stored.set(key, joined(chunks))
      return 'stored'
    },
    async stat(key) {
      const bytes = stored.get(checkKey(key))
      return bytes && { size: bytes.length }
    },
    async remove(key) {
      stored.delete(checkKey(key))
    },
    list: (prefix) => listKeys(stored, prefix),
  }
}

async function* listKeys(stored: ReadonlyMap<string, unknown>, prefix: string): AsyncIterable<string> {
  yield* [...stored.keys()].filter((key) => key.startsWith(prefix)).sort()
}

async function* listFolders(stored: ReadonlyMap<string, unknown>, folder: string): AsyncIterable<string> {
  const below = [...stored.keys()].filter((key) => key.startsWith(folder)).map((key) => key.slice(folder.length))
  yield* [...new Set(below.filter((key) => key.includes('/')).map((key) => key.slice(0, key.indexOf('/'))))]
}

const streamOf = (bytes: Uint8Array): ReadableStream<Uint8Array> => new Blob([bytes.slice()]).stream()

interface Held {
  readonly begun: number
  readonly parts: Map<number, Uint8Array>
  whole: Uint8Array | undefined
}

export function memoryUploads({ clock, partBytes = usualPartBytes }: MachineUploads): Uploads {
  const uploads = new Map<string, Held>()
  return {
    partBytes,
    maxBytes: 1024 ** 3,
    async begin() {
      const token = crypto.randomUUID()
      uploads.set(token, { begun: clock(), parts: new Map(), whole: undefined })
      return token
    },
    async putPart(token, part, body) {
      const chunks: Uint8Array[] = []
      await pumpPart(body, part, async (chunk) => void chunks.push(chunk.slice()))
      const held = uploads.get(token)
      if (held === undefined || held.whole !== undefined) return 'gone'
      held.parts.set(part.number, joined(chunks))
      return 'stored'
    },
    async parts(token) {
      const held = uploads.get(token)
      if (held?.whole !== undefined) return 'whole'
      return held && inOrder(held).map(([number, { length }]) => ({ number, size: length }))
    },
    async complete(token) {
      const held = uploads.get(token)
      if (held === undefined) throw uploadGone()
      const bytes = inOrder(held).map(([, part]) => part)
      held.whole ??= joined(bytes)
    },
    async open(token) {
      const bytes = uploads.get(token)?.whole
      return bytes && { size: bytes.length, body: streamOf(bytes) }
    },
    async discard(token) {
      uploads.delete(token)
    },
    async *unfinished(before) {
      for (const [token, { begun, whole }] of [...uploads]) if (begun < before && whole === undefined) yield token
    },
  }
}

const inOrder = ({ parts }: Held): readonly (readonly [number, Uint8Array])[] => [...parts].sort(([a], [b]) => a - b)
