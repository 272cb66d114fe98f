/** Details of releases, which come before the manifest that names them. One that cannot be had keeps nothing else back. */
import { foldersOf, storeFailures } from '../catalog/channels.ts'
import { loadDetails } from '../catalog/details.ts'
import type { ChannelRef } from '../catalog/read.ts'
import { detailsKey, notesKey } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { inParallel } from '../kernel/parallel.ts'
import { type DetailedRelease, isDetailed, type Release } from '../release/channel.ts'
import { asProblem, copyNotes, keepRead, noteAbsent, noteProblem } from './mirror-pass.ts'
import { skip, type Work } from './mirror-work.ts'
import { listAlso } from './missing-list.ts'

const keyOf = ({ details }: Release): string => detailsKey(details?.sha256 ?? '')

/**
 * Copies details and notes of a manifest. Notes of current manifests come after the catalog, except for schedules and bundles.
 * @param isPast whether it is a manifest of history. @returns whether the bounds left time for all.
 */
export async function copyAllDetails(
  work: Work,
  ref: ChannelRef,
  releases: readonly Release[],
  isPast = false,
): Promise<boolean> {
  const { held, options, left } = work
  // A schedule does not read what is here.
  const isKnown = (one: Release): boolean =>
    isDetailed(one) ? !lacksNotes(work, one) : (isPast || options.bounds !== undefined) && held.has(keyOf(one))
  const wanted = releases.filter((one) => !isKnown(one))
  await inParallel(wanted, atOnce(work), async (one) => {
    if (!isDetailed(one) && skip(work, keyOf(one))) return lose(work, ref, one)
    left.isCut ||= options.bounds?.isSpent() === true
    if (left.isCut) return
    if (isDetailed(one)) await copyOwnNotes(work, one, isPast)
    else await detailsAtHand(work, ref, one, isPast)
  })
  return !left.isCut
}

const atOnce = ({ options }: Work): number => (options.bounds ? 1 : (options.packagesAtOnce ?? 8))

const lacksNotes = (work: Work, { notes }: DetailedRelease): boolean => {
  const key = notesKey(notes?.sha256 ?? '')
  return notes !== undefined && !work.held.has(key) && !skip(work, key)
}

async function copyOwnNotes(work: Work, one: DetailedRelease, isPast: boolean): Promise<void> {
  const { options, notes, held } = work
  if (one.notes === undefined || !lacksNotes(work, one)) return
  const { sha256 } = one.notes
  if (!isPast && !options.bounds && !options.bundle) return void notes.add(sha256)
  await copyNotes(work, sha256)
  held.add(notesKey(sha256))
}

/** Details from the own copy, else from the upstream. @returns `undefined` where they cannot be had. */
export async function detailsAtHand(
  work: Work,
  ref: ChannelRef,
  one: Release,
  isPast = false,
): Promise<DetailedRelease | undefined> {
  if (isDetailed(one)) return one
  const key = keyOf(one)
  const known = work.detailed.get(key)
  if (known || work.lost.has(key)) return known
  const found = (await fromOwn(work, ref.app, one)) ?? (await fromUpstream(work, ref.app, one))
  if (found instanceof PlatteError) {
    if (found.code === 'missing') noteAbsent(work, key)
    else noteProblem(work, key, found.message)
    await lose(work, ref, one)
    return undefined
  }
  await copyOwnNotes(work, found, isPast)
  await keep(work, key)
  if (!work.options.bounds && !isPast) work.detailed.set(key, found)
  return found
}

/** An archive cannot be read; a damaged copy is replaced. */
async function fromOwn({ held, to }: Work, app: string, one: Release): Promise<DetailedRelease | undefined> {
  if (!held.has(keyOf(one))) return undefined
  const found = await loadDetails(to, app, one).catch(asProblem)
  if (!(found instanceof PlatteError)) return found
  if (storeFailures.includes(found.code)) throw found
  if (found.code !== 'missing') held.delete(keyOf(one))
  return undefined
}

/** After some failures of the upstream, no more is asked for: a hold must not wait for each. */
async function fromUpstream({ from, left }: Work, app: string, one: Release): Promise<DetailedRelease | PlatteError> {
  if (left.failures <= 0) return new PlatteError('store-unavailable', `${keyOf(one)}: the upstream failed for others`)
  const found = await loadDetails(from, app, one).catch(asProblem)
  if (found instanceof PlatteError && storeFailures.includes(found.code)) left.failures--
  return found
}

/** Keeps what was read from the upstream. */
async function keep(work: Work, key: string): Promise<void> {
  const { held, read, failed } = work
  if (read.has(key) && !held.has(key)) await keepRead(work, key)
  read.delete(key)
  held.add(key)
  failed.delete(key)
}

/** Withholds a release without details: a schedule lists it at once, others before the catalog. */
async function lose(work: Work, { app, channel }: ChannelRef, one: Release): Promise<void> {
  const { lost, options, failed } = work
  const problem = failed.get(keyOf(one)) ?? ''
  const folders = [...foldersOf({ app, releases: [one] }).keys()]
  const listed = options.packages === 'none' ? [] : folders.map((packages) => ({ packages, channel, problem }))
  lost.set(keyOf(one), listed)
  if (options.bounds && listed.length > 0) await listAlso(work, listed)
}

/** Releases with their details, as far as these can be had. */
export async function detailedOf(
  work: Work,
  ref: ChannelRef,
  releases: readonly Release[],
): Promise<DetailedRelease[]> {
  const found: (DetailedRelease | undefined)[] = []
  await inParallel([...releases.entries()], atOnce(work), async ([i, one]) => {
    found[i] = await detailsAtHand(work, ref, one)
  })
  return found.filter((one) => one !== undefined)
}
