/** Publishes an upstream's release under the own release key: the same bytes, verified and copied. */
import { type ChannelEntry, packagesOf, unknownChannel } from '../catalog/channels.ts'
import { emptyChannel } from '../catalog/commit-channel.ts'
import { loadWanted } from '../catalog/details.ts'
import { checkKeys } from '../catalog/edit-catalog.ts'
import { type ChannelRef, channelEntry, loadCatalog, loadChannel } from '../catalog/read.ts'
import { commit } from '../channels/commit.ts'
import { checkFor, judgeStored, type PackageCheck } from '../channels/payload.ts'
import { type EditState, loadState, type ManifestEdit, type Plan, plan } from '../channels/plan.ts'
import {
  addBoards,
  boardsOf,
  effectiveOf,
  type Placing,
  packagesIn,
  passFloors,
  withMarksBelow,
} from '../channels/promote.ts'
import type { Publisher } from '../channels/publish.ts'
import { type ChannelManifest, isEnded } from '../documents/channel.ts'
import { maxNotesBytes, notesKey, packageFolder } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { judged } from '../payload/check.ts'
import { checkSameBytes, findRelease } from '../release/add-release.ts'
import { type Channel, type DetailedRelease, filesOf, isDetailed, type Release } from '../release/channel.ts'
import { type Between, floorsBetween } from '../release/floors-between.ts'
import { isSameVersion, newestFirst } from '../release/version.ts'
import { beginPass, copyNotes, copyPackage, type Mirroring, type MirrorOptions, noteProblem } from './mirror-pass.ts'

export interface Adoption extends Pick<Placing, 'ramp' | 'floor' | 'belowNewest' | 'skipFloors'> {
  /** The channel of the upstream. */
  readonly from: ChannelRef
  /** The own channel of the same app. */
  readonly to: string
  /** Minimum age of a release at the upstream, in milliseconds. */
  readonly afterMs: number
  readonly create?: boolean | undefined
  /** Leaves payloads unjudged. */
  readonly raw?: boolean | undefined
  readonly onPackage?: MirrorOptions['onPackage']
}

type Adopted = Readonly<{ app: string; releases: readonly DetailedRelease[] }>

export interface PlannedAdoption extends Adoption {
  readonly planned: Plan
  /** Of the upstream. */
  readonly adopted: Adopted
}

/**
 * Plans to publish the newest release of an upstream's channel that is old enough, neither held nor withdrawn, with the
 * floors and dead ends before it that the own channel does not have.
 * @param upstream is verified under its own root.
 * @throws PlatteError('refused') for an unknown channel, a floor that is held or withdrawn, or as publishing refuses.
 */
export async function planAdoption(publisher: Publisher, upstream: Mirroring['from'], adoption: Adoption) {
  const { from, to, create } = adoption
  const state = await loadCatalog(upstream)
  const entry = channelEntry(state.catalog.catalog, from.app, from.channel)
  const stored = entry && (await loadChannel(upstream, state, { ...from, entry })).manifest
  if (entry === undefined || stored === undefined || isEnded(stored))
    throw unknownChannel(state, from, 'name another channel of the upstream')
  const ref = { app: from.app, channel: to }
  const chosen = choose({ entry, manifest: stored }, publisher.clock() - adoption.afterMs)
  const wanted = chosen && withMarksBelow(chosen.version, true)
  const details: ManifestEdit['details'] = wanted && ((channels) => wanted([...channels, stored]))
  const manifest = {
    ...stored,
    releases: await loadWanted(upstream, from.app, stored.releases, wanted?.([stored]) ?? (() => false)),
  }
  const own = await loadState(publisher, { ref, others: 'all', details })
  const current = own.head?.manifest ?? { ...emptyChannel, ...ref }
  const isTaken = chosen !== undefined && (adoption.belowNewest || !isBelow(chosen, current))
  const target = isTaken ? findRelease(manifest, chosen.version) : undefined
  const between = target && !adoption.skipFloors ? betweenOf(own, current, { entry, manifest, target }) : []
  const parts = between.flatMap(({ release, boards }) => (release ? [onBoards(release, boards)] : []))
  const releases = (target ? [...parts, target] : []).filter(isDetailed)
  const edit: ManifestEdit = {
    ref,
    create,
    others: 'all',
    details,
    check: ({ others }) => {
      for (const other of others.values())
        for (const { version, boards } of releases)
          for (const [board, packages] of Object.entries(boards))
            checkSameBytes(other, `channel ${other.channel}`, { version, board, packages })
    },
    apply: (channel, state, at) => {
      if (target === undefined) return channel
      const now = adoption.skipFloors ? [] : betweenOf(state, channel, { entry, manifest, target })
      const passed = passFloors(channel, now, { ...adoption, withFloors: true, version: target.version, at })
      return addBoards(passed, target, { ...adoption, boards: boardsOf(target, { to }, passed), at })
    },
    packages: ({ head }, edited) => (target ? packagesIn(edited, head?.manifest, target.version) : []),
  }
  const planned = plan(edit, own, { at: publisher.clock() })
  return { ...adoption, planned, adopted: { app: from.app, releases } }
}

const onBoards = (release: Release, boards: readonly string[]): Release => ({
  ...release,
  boards: Object.fromEntries(Object.entries(release.boards).filter(([board]) => boards.includes(board))),
})

/** What the own channel lacks of the upstream's floors and dead ends before a release. */
function betweenOf(
  own: EditState,
  current: ChannelManifest,
  { entry, manifest, target }: ChannelEntry & { readonly target: Release },
): readonly Between[] {
  const upstream = { name: 'the upstream', channel: manifest, holds: entry.holds ?? [] }
  const arriving = { version: target.version, boards: Object.keys(target.boards) }
  return floorsBetween(effectiveOf(own, current), arriving, [upstream])
}

/**
 * Copies and publishes. Safe to repeat.
 * @throws PlatteError('missing' | 'mismatch') for a package; 'refused' for one that its clients would refuse; as `commit`.
 */
export async function adopt(publisher: Publisher, upstream: Mirroring['from'], adoption: PlannedAdoption) {
  const { planned, adopted, onPackage, raw } = adoption
  if (adopted.releases.length === 0) return commit(publisher, planned)
  checkKeys(publisher, planned.state.catalog)
  const checks = raw ? new Map() : checksOf(publisher, planned, adopted)
  const check: MirrorOptions['check'] = (key, body) => {
    const found = checks.get(key)
    return found ? judged(body, found) : body
  }
  const pass = beginPass({ from: upstream, to: publisher }, { packages: 'all', onPackage, check })
  for (const { notes } of adopted.releases)
    if (notes && !(await publisher.documents.get(notesKey(notes.sha256), maxNotesBytes)))
      await copyNotes(pass, notes.sha256)
  for (const [key, one] of packagesOf(adopted)) {
    const found = checks.get(key)
    const isThere = (await publisher.packages.stat(key))?.size === one.size
    const problem = isThere ? undefined : await copyPackage(pass, key, one)
    if (problem?.code === 'refused') throw problem
    if (problem) noteProblem(pass, key, problem.message)
    if (isThere && found) await judgeStored(publisher, key, found)
  }
  const [first] = pass.copied.missing
  if (first === undefined) return commit(publisher, planned)
  throw new PlatteError('missing', `${first.problem}: nothing was published`)
}

/** How each package is judged: under the payload keys of the own channel. */
function checksOf(publisher: Publisher, { state }: Plan, { app, releases }: Adopted) {
  const check = checkFor(publisher, app, state)
  const boards = releases.flatMap(({ version, boards }) =>
    Object.entries(boards).map(([board, of]) => ({
      folder: packageFolder({ app, version, board }, filesOf(of)),
      packages: filesOf(of),
      version,
    })),
  )
  const all = boards.flatMap(({ folder, packages, version }) =>
    packages.map((one, i): [string, PackageCheck] => [folder + one.name, check(one, i, version)]),
  )
  return new Map(all)
}

/** The release to adopt. @param until its latest publication, in milliseconds since 1970. */
function choose({ entry, manifest }: ChannelEntry, until: number): Release | undefined {
  const isBraked = ({ version, withdrawn }: Release): boolean =>
    withdrawn !== undefined || (entry.holds ?? []).some((hold) => isSameVersion(hold.version, version))
  const sorted = [...manifest.releases].sort(newestFirst)
  return sorted.find((one) => Date.parse(one.publishedAt) <= until && !isBraked(one))
}

const isBelow = (one: Release, { releases }: Channel): boolean => releases.some((other) => newestFirst(one, other) > 0)
