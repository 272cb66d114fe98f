/**
 * What deciding does not need of a release: its packages, and what people read. `notes/releases/<sha256>`, unsigned: a
 * manifest of format 2 names its digest, and channels with the same release share it.
 */
import * as v from 'valibot'
import { textDigest } from '../kernel/digest.ts'
import { defined } from '../kernel/json.ts'
import type { Verified } from '../kernel/verified.ts'
import { refusal, sameJson } from '../release/add-release.ts'
import { type DetailedRelease, isDetailed, packagesFor, type Release } from '../release/channel.ts'
import { type ChannelManifest, content, maxDetailsBytes } from './channel.ts'
import * as field from './fields.ts'
import { detailsKey, setOf } from './paths.ts'

export const detailsSchema = v.strictObject({
  format: v.literal(2),
  type: v.literal('details'),
  app: field.appName,
  version: field.publishedVersion,
  ...content,
})

export type ReleaseDetails = v.InferOutput<typeof detailsSchema>

const { decode } = field.documentOf(detailsSchema, 'details')

/** @throws PlatteError('bad-document') */
export const decodeDetails: (bytes: Verified<Uint8Array>) => ReleaseDetails = decode

export type Described = Pick<Release, 'version' | 'boards' | 'details'>

/** Whether these are the version, the boards and the packages that a release names. */
export function areDetailsOf(found: ReleaseDetails, { version, boards }: Described): boolean {
  const [names, others] = [Object.keys(boards), Object.keys(found.boards)]
  const isSame = (board: string): boolean => {
    const packages = packagesFor(found, board)
    return packages !== undefined && sameJson(setOf(packages), boards[board])
  }
  return found.version === version && others.length === names.length && names.every(isSame)
}

/** A manifest whose releases all name their details, and these documents by key. The same content makes the same bytes. */
export function moveDetails<M extends ChannelManifest>(manifest: M) {
  const documents = new Map<string, Uint8Array>()
  const releases = manifest.releases.map((release) => {
    if (!isDetailed(release)) return release
    const { key, bytes, moved } = moveRelease(manifest.app, release)
    documents.set(key, bytes)
    return moved
  })
  return { manifest: documents.size === 0 ? manifest : { ...manifest, releases }, documents }
}

function moveRelease(app: string, release: DetailedRelease) {
  const { version, publishedAt, components, cves, notes, boards, ...others } = release
  const details = defined({ format: 2, type: 'details', app, version, components, cves, notes, boards })
  // What no reader accepts would close the channel.
  field.check(detailsSchema, 'release', details, 'usage')
  const text = JSON.stringify(details)
  const bytes = new TextEncoder().encode(text)
  if (bytes.length > maxDetailsBytes)
    throw refusal(`the details of ${version} would have ${bytes.length} bytes; the limit is ${maxDetailsBytes}`)
  const sha256 = textDigest(text)
  const sets = Object.entries(boards).map(([board, packages]) => [board, setOf(packages)])
  const moved: Release = {
    ...{ version, publishedAt, boards: Object.fromEntries(sets), details: { sha256, size: bytes.length } },
    ...others,
  }
  return { key: detailsKey(sha256), bytes, moved }
}
