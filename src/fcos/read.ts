/** Reads both files of a stream: what is rolled out, and the list of all releases, which is elsewhere. */
import { PlatteError } from '../kernel/errors.ts'
import type { Configured } from '../store/http/fetch.ts'
import type { Transport } from '../store/http/transport.ts'
import { askText, plainUrl, refusalOf } from '../url-files/ask.ts'
import { readStream, type StreamFile, type StreamRelease } from './stream.ts'

/** In bytes; the files of `stable` have 3 kB and 500 kB. */
const [maxUpdatesBytes, maxIndexBytes] = [1024 * 1024, 8 * 1024 * 1024]

export interface StreamPlace {
  readonly stream: string
  /** Of `updates/<stream>.json`. */
  readonly updates: string
  /** Of `releases.json`; on a host of its own it is judged by itself, since the operator named it. */
  readonly index: string
}

/**
 * The files of a stream as Fedora lays them out.
 * @param index the URL of releases.json, if it is elsewhere. @throws PlatteError('usage')
 */
export function streamPlace(updates: string, index?: string): StreamPlace {
  const url = plainUrl(updates)
  const [, stream] = /\/updates\/([a-z0-9][a-z0-9._-]{0,62})\.json$/.exec(url?.pathname ?? '') ?? []
  if (url === undefined || stream === undefined)
    throw new PlatteError('usage', 'the upstream is not the URL of the updates of a stream', {
      hint: 'write it like fcos:https://builds.example.org/updates/stable.json, without credentials',
    })
  const there = index === undefined ? new URL(`../prod/streams/${stream}/releases.json`, url) : plainUrl(index)
  if (there === undefined)
    throw new PlatteError('usage', 'the list of releases is not a plain http(s) URL', {
      hint: 'write it like https://builds.example.org/prod/streams/stable/releases.json',
    })
  return { stream, updates: url.href, index: there.href }
}

export type StreamReading = Readonly<{ transport: Transport; now: number; from: (url: string) => Configured }>

/** @throws PlatteError as `readStream`; 'store-unavailable', 'forbidden', 'missing' or 'too-large' naming the file. */
export async function fetchStream(place: StreamPlace, reading: StreamReading): Promise<readonly StreamRelease[]> {
  const { stream } = place
  const updates = await fetchFile({ name: `updates/${stream}.json`, url: place.updates }, maxUpdatesBytes, reading)
  const index = await fetchFile({ name: 'releases.json', url: place.index }, maxIndexBytes, reading)
  return readStream(stream, { updates, index }, reading.now)
}

async function fetchFile(
  { name, url }: Readonly<{ name: string; url: string }>,
  maxBytes: number,
  { transport, from }: StreamReading,
): Promise<StreamFile> {
  const headers = { accept: 'application/json' }
  const answer = await askText({ url, key: name, headers, from: from(url), transport }, { name, maxBytes })
  const { status, text, origin } = answer
  if (status === 200) return { name, text }
  const hint = 'check the URL; --releases-json names releases.json, where it is elsewhere'
  if (status === 404) throw new PlatteError('missing', `${name}: ${origin} answers 404`, { hint })
  throw refusalOf(answer, name, hint)
}
