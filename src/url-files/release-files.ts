/** The files of a release at URLs: what they must be by the sums beside them, and the folder that they share. */
import type { Source } from '../channels/staging.ts'
import { PlatteError } from '../kernel/errors.ts'
import { defined } from '../kernel/json.ts'
import type { FetchRequest } from '../store/http/fetch.ts'
import { readAt } from '../store/http/upstream.ts'
import { type DownloadOptions, remoteFile } from './download.ts'

/** More than the sums of all files of a release. */
const maxSumsBytes = 64 * 1024

export const isUrl = (place: string): boolean => /^https?:\/\//i.test(place)

/**
 * A file to publish. If there is a `.sha256` file beside it, that gives the SHA-256.
 * @throws PlatteError as `remoteFile`; 'mismatch' if that file has no sum of this one.
 */
export async function urlSource(url: string, options: DownloadOptions): Promise<Source> {
  const file = await remoteFile(url, options)
  const sha256 = await sumBeside(url, file.name, options)
  return { ...file, ...defined({ sha256 }), open: () => file.open(sha256 !== undefined) }
}

async function sumBeside(url: string, name: string, { transport, idleMs = 20_000 }: DownloadOptions) {
  const { origin, pathname } = new URL(url)
  const beside = `${origin}${pathname}.sha256`
  const request: FetchRequest = { url: beside, key: beside, transport, idleMs }
  const bytes = await readAt(request, maxSumsBytes).catch((error: unknown) => {
    // Buckets that nobody may list answer so for what is not there.
    if (error instanceof PlatteError && error.code === 'forbidden') return undefined
    throw error
  })
  return bytes && sumIn(new TextDecoder().decode(bytes), name, beside)
}

/** One sum, whatever it names, or the one that names the file. */
function sumIn(text: string, name: string, where: string): string {
  const lines = text.split('\n').flatMap((line) => line.trim() || [])
  const sums = lines.flatMap((line) => {
    const [, sum, path = ''] = /^([0-9a-f]{64})(?: [ *](.+))?$/i.exec(line) ?? []
    return sum === undefined ? [] : [{ sum: sum.toLowerCase(), name: path.split('/').at(-1) }]
  })
  const found = sums.length === 1 ? sums[0] : sums.find((one) => one.name === name)
  if (lines.length > 0 && sums.length === lines.length && found) return found.sum
  throw new PlatteError('mismatch', `${where}: is not what \`sha256sum ${name}\` writes`, {
    hint: 'if that is a page of the server, download the file and publish it from disk',
  })
}

/**
 * The URL that clients glue the names of all files to.
 * @throws PlatteError('usage') naming the first place that is no URL of the same folder.
 */
export function sharedFolder(places: readonly string[]): string {
  const folders = places.map((place) => {
    const { origin, pathname, search, hash } = isUrl(place) ? new URL(place) : ({} as Partial<URL>)
    if (pathname === undefined)
      throw new PlatteError('usage', `--reference: ${place} is a file of this machine, not a URL`)
    if (search || hash)
      throw new PlatteError('usage', `--reference: ${origin}${pathname}: clients send no query and no fragment`)
    return origin + pathname.slice(0, pathname.lastIndexOf('/') + 1)
  })
  const [first = ''] = folders
  const other = folders.find((folder) => folder !== first)
  if (other === undefined) return first
  throw new PlatteError('usage', `--reference: all files of a release lie in one folder, not in ${first} and ${other}`)
}
