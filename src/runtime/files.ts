/** Files of this machine as sources, and short texts from files or URLs. */

import { createReadStream, openAsBlob } from 'node:fs'
import { open, readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import type { Source } from '../channels/hash-and-stage.ts'
import { messageOf, PlatteError } from '../kernel/errors.ts'

/** Release notes and component lists are short: a longer text is a mistake. */
const maxTextBytes = 1024 * 1024
const fetchTimeoutMs = 20_000

/**
 * A file to publish.
 * @throws PlatteError('usage') where it is missing or no plain file.
 */
export async function fileSource(path: string): Promise<Source> {
  const { size } = await statFile(path)
  return {
    name: basename(path),
    size,
    open: () => Readable.toWeb(createReadStream(path, { highWaterMark: 256 * 1024 })) as ReadableStream<Uint8Array>,
  }
}

/** A part of a file, read when it is sent. @param start counted from 0. */
export const sliceOf = async (path: string, start: number, size: number): Promise<Blob> =>
  (await openAsBlob(path)).slice(start, start + size)

async function statFile(path: string): Promise<{ size: number }> {
  const found = await stat(path).catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
  if (!found.isFile()) throw new PlatteError('usage', `${path} is not a file`)
  return found
}

/** A short text that a setting names. @throws Error where it is longer, or cannot be read. */
export async function readTextFile(path: string, maxBytes: number): Promise<string> {
  if ((await stat(path)).size > maxBytes) throw new Error(`has more than ${maxBytes} bytes`)
  return readFile(path, 'utf8')
}

/** Whether a file starts as update_engine's payloads do. */
export async function startsLikePayload(path: string): Promise<boolean> {
  const handle = await open(path)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0)
    return bytesRead === 4 && buffer.toString('latin1') === 'CrAU'
  } finally {
    await handle.close()
  }
}

/**
 * Reads a short text from a file or an http(s) URL.
 * @throws PlatteError('usage') naming it, where it is missing, does not answer or is longer than 1 MiB.
 */
export async function readShort(source: string): Promise<Uint8Array> {
  const bytes = /^https?:\/\//.test(source) ? await fetchShort(source) : await readShortFile(source)
  if (bytes.length > maxTextBytes) throw new PlatteError('usage', `${source} has more than ${maxTextBytes} bytes`)
  return bytes
}

async function readShortFile(path: string): Promise<Uint8Array> {
  if ((await statFile(path)).size > maxTextBytes)
    throw new PlatteError('usage', `${path} has more than ${maxTextBytes} bytes`)
  return readFile(path).catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
}

async function fetchShort(url: string): Promise<Uint8Array> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(fetchTimeoutMs) })
    if (!response.ok) throw new Error(`it answered ${response.status}`)
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of response.body ?? []) {
      size += chunk.length
      if (size > maxTextBytes) throw new Error(`it has more than ${maxTextBytes} bytes`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  } catch (cause) {
    throw unreadable(url, cause)
  }
}

function unreadable(source: string, cause: unknown): PlatteError {
  const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  return new PlatteError('usage', `${source} cannot be read: ${messageOf(reason)}`, {
    cause,
  })
}
