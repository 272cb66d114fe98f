/**
 * A tar archive as a read-only store. Opening indexes it and unpacks nothing. A name that is not a key, a link, a duplicate or
 * an oversized document refuses the whole archive. Readers verify the contents. Also reads GNU tar's.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { isKey, publicDocument } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { streamFrom, tooLarge } from '../kernel/streams.ts'
import { errorName, storeError } from '../store/folder/files.ts'
import { checkRange } from '../store/streams.ts'
import type { Store } from './mirror-pass.ts'
import { blockBytes, checksumOf, paddingOf, type TarHead } from './tar-write.ts'

/** Of an extended header: far more than our keys and sizes need. */
const mostExtendedBytes = 4096
const decoder = new TextDecoder()
/** More than a store of a thousand channels has. */
const maxFiles = 200_000
const chunkBytes = 256 * 1024

interface Extent {
  readonly at: number
  readonly size: number
}

/** Fields that replace those of the next header. */
interface Extended {
  name?: string
  size?: number
}

/**
 * @throws PlatteError('usage') where it is missing; 'bad-document' where it is no tar, cut, or has a file that no store has;
 *   'too-large'; 'store-unavailable'.
 */
export async function openTar(path: string): Promise<Store & { close(): Promise<void> }> {
  const handle = await open(path).catch((error: unknown) => {
    if (errorName(error) === 'ENOENT') throw new PlatteError('usage', `${path} does not exist`)
    const refused = storeError(error, 'read', path)
    throw refused instanceof PlatteError ? new PlatteError('usage', refused.message, { cause: error }) : refused
  })
  try {
    if (!(await handle.stat()).isFile()) throw new PlatteError('usage', `${path} is not a file`)
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
  const hint = 'copy it again; `platte export` ends with exit code 0'
  const cut = () => new PlatteError('bad-document', `${path}: is truncated, or not a tar archive`, { hint })
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
  if (type !== '0') refuse('is not a regular file')
  const key = name.replace(/^\.\//, '')
  if (!isKey(key)) refuse('is not a store object')
  const kind = publicDocument(key)
  if (kind === undefined && !key.startsWith('packages/')) refuse('is not an object that a bundle may hold')
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
  throw new PlatteError('refused', `${key}: an archive is read-only`)
}

function storeOf(handle: FileHandle, extents: ReadonlyMap<string, Extent>): Store {
  return {
    documents: {
      async get(key: string, maxBytes: number) {
        const extent = extents.get(key)
        if (extent !== undefined && extent.size > maxBytes) throw tooLarge(key, maxBytes)
        return extent && { bytes: await readAt(handle, extent), token: '' }
      },
      create: async (key) => onlyRead(key),
      swap: async (key) => onlyRead(key),
    },
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
  return streamFrom(async () => {
    const part = { at: at + done, size: Math.min(chunkBytes, size - done) }
    done += part.size
    return part.size > 0 ? readAt(handle, part) : undefined
  })
}

/** @returns `undefined` for the zeros at the end. @throws PlatteError('bad-document') for anything but a header. */
export function parseTarHead(bytes: Uint8Array, at: number): TarHead | undefined {
  if (bytes.every((byte) => byte === 0)) return undefined
  const text = (from: number, length: number): string => {
    const field = bytes.subarray(from, from + length)
    const end = field.indexOf(0)
    return decoder.decode(end < 0 ? field : field.subarray(0, end))
  }
  if (text(257, 5) !== 'ustar' || parseOctal(text(148, 8)) !== checksumOf(bytes))
    throw new PlatteError('bad-document', `there is no head of a tar at byte ${at}`)
  // Only POSIX's has one.
  const prefix = bytes[262] === 0 ? text(345, 155) : ''
  const size = parseOctal(text(124, 12))
  const name = prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`
  if (size === undefined) throw new PlatteError('bad-document', `${shown(name)}: has no octal size in its header`)
  return { name, size, type: text(156, 1) || '0' }
}

function parseOctal(text: string): number | undefined {
  const digits = text.trim()
  return /^[0-7]{1,12}$/.test(digits) ? Number.parseInt(digits, 8) : undefined
}

/** Whether a header extends the next one. @throws PlatteError('too-large') */
function isExtension({ type, size, name }: TarHead): boolean {
  if (!['x', 'g', 'L'].includes(type)) return false
  if (size > mostExtendedBytes) throw new PlatteError('too-large', `${shown(name)}: says ${size} bytes of the next one`)
  return true
}

/** @throws PlatteError('bad-document') */
export function parseExtension(type: string, bytes: Uint8Array): Extended {
  const text = decoder.decode(bytes)
  if (type === 'L') return { name: text.replace(/\0.*$/s, '') }
  const fields: Extended = {}
  for (let at = 0; at < text.length; ) {
    const [, length = '', field, value = ''] = /^(\d{1,4}) ([^=\n]+)=([^\n]*)\n/.exec(text.slice(at)) ?? []
    if (field === undefined || Number(length) !== `${length} ${field}=${value}\n`.length)
      throw new PlatteError('bad-document', 'the tar has a malformed pax header')
    if (field === 'path' && type === 'x') fields.name = value
    if (field === 'size' && type === 'x') fields.size = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN
    at += Number(length)
  }
  return fields
}

/** A name as messages repeat it. */
const shown = (name: string): string => JSON.stringify(name.slice(0, 200))
