/** Judges the packages of a release as their clients will, before it is published. */
import { foldersOf } from '../catalog/channels.ts'
import { loadDetails } from '../catalog/details.ts'
import { crxJudge, isNamedByKey } from '../crx/door.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { packageFolder } from '../documents/paths.ts'
import type { NewHasher } from '../kernel/hasher.ts'
import { type PayloadCheck, payloadReader } from '../payload/check.ts'
import { findRelease, loadedBoard, refusal, sameJson } from '../release/add-release.ts'
import { type BoardPackages, filesOf, isDetailed, isImage, type Package, packagesFor } from '../release/channel.ts'
import { isSameVersion, newestFirst } from '../release/version.ts'
import type { Committer, EditState, Plan } from './plan.ts'

/** CoreOS Container Linux and Flatcar: one id. */
const updateEngineApps = ['e96281a6-d1af-4bde-9a0a-97b76e56dc57']
const magicBytes = 4
/** Releases of an app whose first bytes are read to learn what it publishes. */
const readAtMost = 10

type Reading = Pick<Committer, 'documents' | 'packages'>
export type Judging = Reading & Readonly<{ newHasher: NewHasher }>
type File = Pick<Package, 'name' | 'size'>
/** @param index of the package in the release of this version: clients install the first. */
export type Check = (file: File, index: number, version: string) => PackageCheck
export type PackageCheck = PayloadCheck & { readonly isWhole: boolean }

/** Whether the first package of an app's releases is a payload in any case. */
export const needsPayload = (app: string): boolean => updateEngineApps.includes(app)

/** Judges under the payload keys of the channel; a package of Chromium by the key that its app is named by. */
export function checkFor({ newHasher, ...reading }: Judging, app: string, state: EditState): Check {
  const keys = state.head?.manifest.payloadKeys ?? []
  const isWhole = keys.length > 0 || isNamedByKey(app)
  const needsOne = async () => keys.length > 0 || needsPayload(app) || (await havePayloads(state, reading))
  return ({ name, size }, index, version) => {
    const isExtra = index > 0
    const other = crxJudge({ name, app, version, isExtra, newHasher })
    const isRequired = async () => !isExtra && (await needsOne())
    return { name, size, newHasher, keys, isExtra, isWhole, other, isRequired }
  }
}

/**
 * Judges what a plan adds to a channel from packages that are in the store: all of them under the channel's payload keys,
 * all first ones of an app that is named by a key, and otherwise the first bytes of `own`. @param own the board that is being published.
 */
export async function judgeAdded(judging: Judging, { state, edited: manifest }: Plan, own?: Own): Promise<void> {
  if (manifest === undefined) return
  const check = checkFor(judging, manifest.app, state)
  const hasKeys = manifest.payloadKeys !== undefined
  const isWhole = hasKeys || isNamedByKey(manifest.app)
  // What was not loaded is there.
  for (const { version, boards } of manifest.releases.filter(isDetailed))
    for (const [board, added] of Object.entries(boards)) {
      const isOwn = own !== undefined && isSameVersion(version, own.version) && board === own.board
      if (isImage(added) || (isOwn && own.isJudged) || !(isOwn || isWhole) || isThere(state, version, board, added))
        continue
      if (hasKeys && added.codebases.length > 0) throw elsewhere(version, manifest)
      const folder = packageFolder({ app: manifest.app, version, board }, added.packages)
      for (const [i, one] of added.packages.entries())
        if (added.codebases.length === 0 && (hasKeys || i === 0))
          await judgeStored(judging, folder + one.name, check(one, i, version))
    }
}

/** `isJudged`: while it was read. */
type Own = Readonly<{ version: string; board: string; isJudged: boolean }>

const isThere = ({ head }: EditState, version: string, board: string, added: BoardPackages): boolean => {
  const release = head && findRelease(head.manifest, version)
  return sameJson(filesOf(loadedBoard(release, board)), added.packages)
}

const elsewhere = (version: string, { channel }: ChannelManifest) =>
  refusal(
    `the packages of ${version} are at other URLs: they cannot be judged under the payload keys of ${channel}`,
    '--raw leaves them unjudged',
  )

/** A package that is not there yet is judged when it arrives. Unless all of it counts, only its first bytes are read. */
export async function judgeStored(
  { packages }: Pick<Judging, 'packages'>,
  key: string,
  check: PackageCheck,
): Promise<void> {
  const isWhole = check.isWhole || (check.size ?? 0) < magicBytes
  const open = await packages.open(key, isWhole ? undefined : { start: 0, end: magicBytes - 1 })
  if (open === undefined) return
  const reader = payloadReader(check)
  for await (const chunk of open.body) await reader.update(chunk)
  if (isWhole) await reader.end()
}

async function havePayloads({ head, others }: EditState, reading: Reading): Promise<boolean> {
  const manifests = [...(head ? [head.manifest] : []), ...others.values()]
  const served = manifests.flatMap(({ app, releases }) =>
    [...foldersOf({ app, releases })].map((one) => [...one, app] as const),
  )
  const newest = new Map(served.sort(([, a], [, b]) => newestFirst(a.release, b.release)).map((one) => [one[0], one]))
  for (const [folder, { release, board }, app] of [...newest.values()].slice(0, readAtMost)) {
    const [first] = filesOf(packagesFor(await loadDetails(reading, app, release), board))
    const end = Math.min(first?.size ?? 1, magicBytes) - 1
    const open = first && (await reading.packages.open(folder + first.name, { start: 0, end }))
    if (open && (await new Response(open.body).text()) === 'CrAU') return true
  }
  return false
}
