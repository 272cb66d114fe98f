/** Files of other web servers, read as those of this machine are: a package at a URL, of a size that is known before. */
import { messageOf, PlatteError } from '../kernel/errors.ts'
import { streamFrom } from '../kernel/streams.ts'
import type { Configured, FetchRequest } from '../store/http/fetch.ts'
import type { Transport } from '../store/http/transport.ts'
import { openResumed, type ResumedRequest, statAt } from '../store/http/upstream.ts'

export interface DownloadOptions {
  /** How the runtime connects. */
  readonly transport: Transport
  /** Gives up on a server that sends nothing for this long, in milliseconds. */
  readonly idleMs?: number
  /** The server that named the URL, if another one did: a public server may not name an address of this network. */
  readonly from?: Configured | undefined
  /** In bytes, if known: what the server sends must be as long. Otherwise the server is asked for it first. */
  readonly size?: number | undefined
  /** Of a file whose size is not known. */
  readonly maxBytes?: number
}

/** A file at a URL, its size in bytes; it can be read more than once. */
export interface RemoteFile {
  readonly name: string
  readonly size: number
  /** @param isSumKnown whether the reader has a digest. Else it resumes only what the server marks as the same file. */
  open(isSumKnown?: boolean): ReadableStream<Uint8Array>
}

const defaultIdleMs = 20_000
const defaultMaxBytes = 16 * 1024 ** 3

/**
 * Names the file of a URL. Reading it resumes where a connection breaks off, and bounds silence and slowness; who reads
 * it checks its digests.
 * @param url http(s), without credentials; its name is the last part of the path.
 * @throws PlatteError('usage') for another URL; 'missing' where there is no such file; 'too-large'; 'store-unavailable'.
 *   Reading throws these, too, and 'mismatch' for another size.
 */
export async function remoteFile(url: string, options: DownloadOptions): Promise<RemoteFile> {
  const { transport, from, maxBytes = defaultMaxBytes, idleMs = defaultIdleMs } = options
  const { href, key, name } = placeOf(url)
  const request: FetchRequest = { url: href, key, transport, idleMs, from }
  const absent = () => new PlatteError('missing', `${key}: there is no such file`, { hint: 'check the URL' })
  const size = options.size ?? (await statAt(request))?.size
  if (size === undefined) throw absent()
  if (size > maxBytes) throw new PlatteError('too-large', `${key}: has ${size} bytes, more than ${maxBytes}`)
  return { name, size, open: (isSumKnown) => lazily(() => openExactly({ ...request, isSumKnown }, size, absent)) }
}

/** @returns how messages name it: without what may be a secret. */
function placeOf(url: string): { readonly href: string; readonly key: string; readonly name: string } {
  const { protocol, origin, pathname, username, password, href } = URL.canParse(url)
    ? new URL(url)
    : ({} as Partial<URL>)
  if (
    href === undefined ||
    origin === undefined ||
    !['http:', 'https:'].includes(protocol ?? '') ||
    username ||
    password
  )
    throw new PlatteError('usage', `${JSON.stringify(url.slice(0, 200))} is not an http(s) URL without credentials`)
  try {
    return { href, key: origin + pathname, name: decodeURIComponent(pathname?.split('/').at(-1) ?? '') }
  } catch (cause) {
    throw new PlatteError('usage', `${origin}${pathname} has no name: ${messageOf(cause)}`, { cause })
  }
}

async function openExactly(request: ResumedRequest, size: number, absent: () => PlatteError) {
  const opened = await openResumed(request)
  if (opened === undefined) throw absent()
  if (opened.size === size) return opened.body
  await opened.body.cancel()
  throw new PlatteError('mismatch', `${request.key}: has ${opened.size} bytes, expected ${size}`)
}

/** A body that is opened when it is read first. */
function lazily(open: () => Promise<ReadableStream<Uint8Array>>): ReadableStream<Uint8Array> {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  const next = async (): Promise<Uint8Array | undefined> => {
    reader ??= (await open()).getReader()
    return (await reader.read()).value
  }
  return streamFrom(next, (reason) => reader?.cancel(reason))
}
