/**
 * A tar archive as a read-only store. Opening indexes it and unpacks nothing. A name that is no key, a link, a duplicate or
 * an oversized document refuses the whole archive. Readers verify the contents.
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

/** More than a store of a thousand channels has. */
const maxFiles = 200_000
const chunkBytes = 256 * 1024

interface Extent {
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
 * @throws PlatteError('usage') where it is missing; 'bad-document' where it is no tar, cut, or has a file that no store has;
 *   'too-large'; 'store-unavailable'.
 */
export async function openTar(path: string): Promise<TarReader> {
  const handle = await open(path).catch((error: unknown) => {
    if (errorName(error) === 'ENOENT') throw new PlatteError('usage', `${path} is not there`)
    throw storeError(error, 'read', path)
  })
  try {
    const extents = await indexOf(handle, path)
    return { ...storeOf(handle, extents), close: () => handle.close() }
  } catch (error) {
    await handle.close()
    throw storeError(error, 'read', path)
  }
}

async function indexOf(handle: FileHandle, path: string): Promise<ReadonlyMap<string, Extent>> {
  const extents = new Map<string, Extent>()
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
    if (found === undefined) return extents
    at += blockBytes
    const head = isExtension(found) ? found : { ...found, ...extended }
    if (!(head.size >= 0 && at + head.size <= length)) throw cut()
    if (isExtension(found)) extended = { ...extended, ...parseExtension(found.type, await read(at, found.size)) }
    else {
      addFile(extents, head, at)
      extended = {}
    }
    at += head.size + paddingOf(head.size)
  }
}

function addFile(extents: Map<string, Extent>, { name, type, size }: TarHead, at: number): void {
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
  if (extents.has(key)) refuse('comes twice')
  if (extents.size === maxFiles) throw new PlatteError('too-large', `the archive has more than ${maxFiles} files`)
  extents.set(key, { at, size })
}

async function readAt(handle: FileHandle, { at, size }: Extent): Promise<Uint8Array> {
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

function storeOf(handle: FileHandle, extents: ReadonlyMap<string, Extent>): Omit<TarReader, 'close'> {
  const get: Documents['get'] = async (key, maxBytes) => {
    const extent = extents.get(key)
    if (extent === undefined) return undefined
    if (extent.size > maxBytes) throw tooLarge(key, maxBytes)
    return { bytes: await readAt(handle, extent), token: '' }
  }
  return {
    documents: { get, create: async (key) => onlyRead(key), swap: async (key) => onlyRead(key) },
    packages: {
      async open(key, range) {
        const extent = extents.get(key)
        if (extent === undefined) return undefined
        const { start, end } = checkRange(key, range, extent.size)
        return { size: extent.size, body: streamOf(handle, { at: extent.at + start, size: end + 1 - start }) }
      },
      async put(key, body) {
        await body.cancel()
        return onlyRead(key)
      },
      stat: async (key) => extents.get(key),
      remove: async (key) => onlyRead(key),
    },
  }
}

function streamOf(handle: FileHandle, { at, size }: Extent): ReadableStream<Uint8Array> {
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
