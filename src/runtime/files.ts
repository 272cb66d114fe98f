/** Files of this machine as sources, and short texts from files or URLs. */
import { createReadStream, openAsBlob, type Stats } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Source } from '../channels/staging.ts'
import { messageOf, PlatteError } from '../kernel/errors.ts'
import { byteStreamFrom } from '../kernel/streams.ts'
import { readAt } from '../store/http/upstream.ts'
import { decodeText } from './text-file.ts'
import { transport } from './transport.ts'

/** Release notes and component lists are shorter. */
const maxTextBytes = 1024 * 1024

/**
 * A file to publish. @throws PlatteError('usage') where it is missing or no plain file; reading it, 'mismatch' where it is no
 * longer what it was.
 */
export async function fileSource(path: string): Promise<Source> {
  const first = await statFile(path)
  return {
    name: basename(path),
    size: first.size,
    open: () => fileStream(path, first),
  }
}

/** Half of one file and half of another must not become a version: it would stay. */
async function checkSame(path: string, handle: FileHandle, { size, mtimeMs }: Stats): Promise<void> {
  const now = await handle.stat()
  if (now.size === size && now.mtimeMs === mtimeMs) return
  throw new PlatteError('mismatch', `${path}: was changed while it was read`, {
    hint: 'run it again when the file is complete; nothing was published',
  })
}

/** Opens the file when it is read. */
function fileStream(path: string, first: Stats): ReadableStream<Uint8Array> {
  let opening: Promise<FileHandle> | undefined
  const close = async (): Promise<void> => (await opening)?.close()
  return byteStreamFrom(async (memory) => {
    opening ??= open(path)
    const handle = await opening
    try {
      const { bytesRead } = await handle.read(memory)
      if (bytesRead === 0) {
        await checkSame(path, handle, first)
        await handle.close()
      }
      return memory.subarray(0, bytesRead)
    } catch (error) {
      await handle.close()
      throw error
    }
  }, close)
}

/** A part of a file, read when it is sent. */
export const sliceOf = async (path: string, start: number, size: number): Promise<Blob> =>
  (await openAsBlob(path)).slice(start, start + size)

async function statFile(path: string): Promise<Stats> {
  const found = await readable(path, stat(path))
  if (!found.isFile()) throw new PlatteError('usage', `${path} is not a file`)
  return found
}

/**
 * Reads a file, a pipe, standard input (`-`) or an http(s) URL, 1 MiB unless more is allowed.
 * @throws PlatteError('usage') naming it.
 */
export async function readShort(source: string, maxBytes = maxTextBytes): Promise<Uint8Array> {
  if (/^https?:\/\//.test(source)) return readable(source, fetchShort(source, maxBytes))
  const stats = source === '-' ? undefined : await readable(source, stat(source))
  if (stats?.isDirectory()) throw new PlatteError('usage', `${source} is not a file`)
  const stream = source === '-' ? process.stdin : createReadStream(source)
  const chunks: Uint8Array[] = []
  let left = maxBytes
  const reading = async () => {
    for await (const chunk of stream) {
      chunks.push(chunk)
      left -= chunk.length
      if (left < 0) throw new Error(`has more than ${maxBytes} bytes`)
    }
  }
  await readable(source === '-' ? 'standard input' : source, reading())
  return Buffer.concat(chunks)
}

/** As `readShort`, decoded. */
export const readShortText = async (source: string, maxBytes?: number): Promise<string> =>
  decodeText(await readShort(source, maxBytes))

async function fetchShort(url: string, maxBytes: number): Promise<Uint8Array> {
  const bytes = await readAt({ url, key: 'the answer', transport, idleMs: 10_000 }, maxBytes)
  if (bytes === undefined) throw new Error('there is no such file')
  return bytes
}

const readable = <T>(source: string, reading: Promise<T>): Promise<T> =>
  reading.catch((cause: unknown) => {
    const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
    throw new PlatteError('usage', `${source} cannot be read: ${messageOf(reason)}`, { cause })
  })
