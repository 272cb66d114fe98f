/** Details of releases: from the manifest itself, or, in format 2, from a document that it names. */

import type { ReleaseDetails } from '../documents/details.ts'
import { detailsKey } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { describeError } from '../kernel/log.ts'
import { after, type MaybePromise } from '../kernel/maybe-promise.ts'
import {
  type BoardContent,
  type BoardPackages,
  type DetailedRelease,
  type Details,
  isDetailed,
  type PackageSet,
  packagesFor,
  type Release,
} from '../release/channel.ts'
import type { Documents } from '../store/documents.ts'
import { verifyDetails } from '../trust/verify-documents.ts'
import { type Problem, problemOf } from './channels.ts'
import { inTime, isFresh, noAnswer } from './in-time.ts'
import type { StoreReader } from './read.ts'

type Reader = { readonly documents: Pick<Documents, 'get'> }

/** @throws PlatteError('missing', 'mismatch', 'bad-document', 'too-large'); as `Documents` does. */
async function readDetails({ documents }: Reader, app: string, release: Release): Promise<ReleaseDetails> {
  const { sha256, size } = release.details ?? { sha256: '', size: 0 }
  const key = detailsKey(sha256)
  const stored = await documents.get(key, size)
  if (stored) return verifyDetails(stored.bytes, app, release)
  throw new PlatteError('missing', `${key}, the details of ${release.version}, are not in the store`)
}

/** A release with its details, without a cache. @throws as `readDetails`. */
export async function loadDetails(reader: Reader, app: string, release: Release): Promise<DetailedRelease> {
  return isDetailed(release) ? release : withDetails(release, await readDetails(reader, app, release))
}

export function withDetails(release: Release, { components, cves, notes, boards }: Details): DetailedRelease {
  const { details: _, ...others } = release
  return { ...others, ...(components && { components }), ...(cves && { cves }), ...(notes && { notes }), boards }
}

/** Releases whose details are read at once. */
const readsAtOnce = 8

/** The same list with the details of those that are wanted. @throws as `readDetails`. */
export async function loadWanted(
  reader: Reader,
  app: string,
  releases: readonly Release[],
  isWanted: (release: Release) => boolean,
): Promise<readonly Release[]> {
  const found = [...releases]
  const left = [...found.entries()].filter(([, one]) => !isDetailed(one) && isWanted(one)).values()
  const work = async (): Promise<void> => {
    for (const [i, one] of left) found[i] = await loadDetails(reader, app, one)
  }
  await Promise.all(Array.from({ length: readsAtOnce }, work))
  return found
}

/** Bytes of documents in each of the two halves: in memory, details take about half as much again. */
const maxHalfBytes = 2 * 1024 * 1024

type Known = ReleaseDetails | (Problem & { readonly at: number })

/** By digest. Two halves: what is not used while one fills is forgotten. Finished reads only, as all that is shared here. */
export interface DetailsCache {
  young: Map<string, Known>
  old: Map<string, Known>
  /** Of `young`. */
  bytes: number
}

export const newDetailsCache = (): DetailsCache => ({ young: new Map(), old: new Map(), bytes: 0 })

function keep(cache: DetailsCache, { sha256, size }: { readonly sha256: string; readonly size: number }, known: Known) {
  if (cache.bytes + size > maxHalfBytes) Object.assign(cache, { young: new Map(), old: cache.young, bytes: 0 })
  cache.bytes += cache.young.has(sha256) ? 0 : size
  cache.young.set(sha256, known)
}

export interface DetailsReader {
  readonly cache: { readonly details: DetailsCache; readonly waitMs: number }
  readonly reader: Pick<StoreReader, 'clock' | 'log' | 'documents'>
}

/**
 * The details of a release: at once where they are known. Without them nothing can be offered: `not-mirrored` if they are
 * missing or wrong, `store-unavailable` if the store does not answer in time. A problem is remembered for one TTL. Never throws.
 */
export function findDetails(from: DetailsReader, app: string, release: Release): MaybePromise<Details | Problem> {
  if (isDetailed(release)) return release
  const { cache, reader } = from
  const ref = release.details ?? { sha256: '', size: 0 }
  const { young, old } = cache.details
  const known = young.get(ref.sha256) ?? old.get(ref.sha256)
  if (known !== undefined && !('reason' in known && !isFresh(known.at, reader.clock()))) {
    if (!young.has(ref.sha256)) keep(cache.details, ref, known)
    return known
  }
  const finish = (found: Known): Known => {
    keep(cache.details, ref, found)
    return found
  }
  const work = readDetails(reader, app, release).catch((error: unknown) => problemFor(from, app, release, error))
  return inTime(work.then(finish), cache.waitMs).then(
    (found) => found ?? finish({ ...noAnswer(cache.waitMs), at: reader.clock() }),
  )
}

function problemFor({ reader }: DetailsReader, app: string, { version }: Release, error: unknown): Known {
  const { reason, message } = problemOf(error)
  const problem = reason === 'store-unavailable' ? { reason, message } : missing(version)
  reader.log({ level: 'error', event: 'details', app, version, ...problem, ...describeError(error) })
  return { ...problem, at: reader.clock() }
}

const missing = (version: string): Problem => ({
  reason: 'not-mirrored',
  message: `the details of ${version} are not in this store`,
})

/** The packages of a board of a release. Never throws. */
export const findPackages = (
  from: DetailsReader,
  ref: { readonly app: string; readonly board: string },
  { release, packages }: { readonly release: Release; readonly packages: PackageSet },
): MaybePromise<BoardPackages | Problem> =>
  typeof packages === 'object'
    ? withPackages(packages)
    : after(findDetails(from, ref.app, release), (found) =>
        'reason' in found ? found : withPackages(packagesFor(found, ref.board) ?? missing(release.version)),
      )

const withPackages = (found: BoardContent | Problem): BoardPackages | Problem =>
  'packages' in found || 'reason' in found ? found : { reason: 'no-package', message: '' }
