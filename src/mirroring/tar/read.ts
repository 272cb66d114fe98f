/**
 * A tar archive as a store that is only read. It is gone through once, and nothing of it is unpacked: a name that is no
 * key, a link, a name that comes twice or a document that is too long refuses the whole, by that name. What the files hold
 * is for whoever reads them to verify.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { isKey, publicDocument } from '../../documents/paths.ts'
import { PlatteError } from '../../kernel/errors.ts'
import type { Documents } from '../../store/documents.ts'
import { errorName, storeError } from '../../store/folder/files.ts'
import type { Packages } from '../../store/packages.ts'
import { checkRange, tooLarge } from '../../store/streams.ts'
import {
  blockBytes,
  type Extended,
  isExtension,
  paddingOf,
  parseExtension,
  parseTarHead,
  shown,
  type TarHead,
} from './format.ts'

/** A store of a thousand channels has not so many. */
const maxFiles = 200_000
const chunkBytes = 256 * 1024

interface Place {
  readonly at: number
  readonly size: number
}

export interface TarReader {
  readonly documents: Documents
  readonly packages: Packages
  close(): Promise<void>
}

/**
 * Opens an archive.
 * @throws PlatteError('usage') for what is not there; 'bad-document' for what is no tar, is cut, or has a file that no store has; 'too-large'; 'store-unavailable'.
 */
export async function openTar(path: string): Promise<TarReader> {
  const handle = await open(path).catch((error: unknown) => {
    if (errorName(error) === 'ENOENT') throw new PlatteError('usage', `${path} is not there`)
    throw storeError(error, 'read', path)
  })
  try {
    const places = await indexOf(handle, path)
    return { ...storeOf(handle, places), close: () => handle.close() }
  } catch (error) {
    await handle.close()
    throw storeError(error, 'read', path)
  }
}

async function indexOf(handle: FileHandle, path: string): Promise<ReadonlyMap<string, Place>> {
  const places = new Map<string, Place>()
  const { size: length } = await handle.stat()
  const cut = (): PlatteError =>
    new PlatteError('bad-document', `${path}: ends before its end`, {
      hint: 'copy it again; `platte export` ends with exit code 0',
    })
  const read = async (at: number, size: number): Promise<Uint8Array> => {
    if (at + size > length) throw cut()
    return readAt(handle, { at, size })
  }
  if (length >= 2 && (await read(0, 2)).join() === '31,139')
    throw new PlatteError('bad-document', `${path}: is compressed`, { hint: 'gunzip it first' })
  let extended: Extended = {}
  for (let at = 0; ; ) {
    const found = parseTarHead(await read(at, blockBytes), at)
    if (found === undefined) return places
    at += blockBytes
    const head = isExtension(found) ? found : { ...found, ...extended }
    if (!(head.size >= 0 && at + head.size <= length)) throw cut()
    if (isExtension(found)) extended = { ...extended, ...parseExtension(found.type, await read(at, found.size)) }
    else {
      addFile(places, head, at)
      extended = {}
    }
    at += head.size + paddingOf(head.size)
  }
}

function addFile(places: Map<string, Place>, { name, type, size }: TarHead, at: number): void {
  const refuse = (why: string): never => {
    throw new PlatteError('bad-document', `${shown(name)}: ${why}: nothing was taken from this archive`, {
      hint: '`platte export` makes archives that hold a store and nothing else',
    })
  }
  if (type === '5') return
  if (type === '1' || type === '2') refuse('is a link')
  if (type !== '0') refuse('is no plain file')
  const key = name.replace(/^\.\//, '')
  if (!isKey(key)) refuse('is no object of a store')
  const kind = publicDocument(key)
  if (kind === undefined && !key.startsWith('packages/')) refuse('is no object that is handed on')
  if (kind !== undefined && size > kind.maxBytes) throw tooLarge(shown(key), kind.maxBytes)
  if (places.has(key)) refuse('comes twice')
  if (places.size === maxFiles) throw new PlatteError('too-large', `the archive has more than ${maxFiles} files`)
  places.set(key, { at, size })
}

async function readAt(handle: FileHandle, { at, size }: Place): Promise<Uint8Array> {
  const bytes = new Uint8Array(size)
  for (let done = 0; done < size; ) {
    const { bytesRead } = await handle.read(bytes, done, size - done, at + done)
    if (bytesRead === 0) throw new PlatteError('store-unavailable', 'the archive became shorter while it was read')
    done += bytesRead
  }
  return bytes
}

const onlyRead = (key: string): never => {
  throw new PlatteError('refused', `${key}: an archive is only read`)
}

function storeOf(handle: FileHandle, places: ReadonlyMap<string, Place>): Omit<TarReader, 'close'> {
  const get: Documents['get'] = async (key, maxBytes) => {
    const ref = places.get(key)
    if (ref === undefined) return undefined
    if (ref.size > maxBytes) throw tooLarge(key, maxBytes)
    return { bytes: await readAt(handle, ref), token: '' }
  }
  return {
    documents: { get, create: async (key) => onlyRead(key), swap: async (key) => onlyRead(key) },
    packages: {
      async open(key, range) {
        const ref = places.get(key)
        if (ref === undefined) return undefined
        const { start, end } = checkRange(key, range, ref.size)
        return { size: ref.size, body: streamOf(handle, { at: ref.at + start, size: end + 1 - start }) }
      },
      async put(key, body) {
        await body.cancel()
        return onlyRead(key)
      },
      stat: async (key) => places.get(key),
      remove: async (key) => onlyRead(key),
    },
  }
}

/** Reads only when asked. */
function streamOf(handle: FileHandle, { at, size }: Place): ReadableStream<Uint8Array> {
  let done = 0
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const part = { at: at + done, size: Math.min(chunkBytes, size - done) }
        if (part.size > 0) controller.enqueue(await readAt(handle, part))
        done += part.size
        if (done === size) controller.close()
      },
    },
    { highWaterMark: 0 },
  )
}
