/** Publishes an upstream's release under the own release key: the same bytes, verified and copied. */
import { type ChannelEntry, packagesOf, unknownChannel } from '../catalog/channels.ts'
import { checkKeys } from '../catalog/edit-catalog.ts'
import { type ChannelRef, channelEntry, loadCatalog, loadChannel } from '../catalog/read.ts'
import { commit } from '../channels/commit.ts'
import { loadState, type ManifestEdit, type Plan, plan } from '../channels/plan.ts'
import { addBoards, boardsOf } from '../channels/promote.ts'
import type { Publisher } from '../channels/publish.ts'
import { type ChannelManifest, isEnded } from '../documents/channel.ts'
import { maxNotesBytes, notesKey } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { checkSameBytes } from '../release/add-release.ts'
import type { RampStep, Release } from '../release/channel.ts'
import { isSameVersion, oldestFirst } from '../release/version.ts'
import { beginPass, copyNotes, copyPackage, type Mirroring, type MirrorOptions } from './mirror-pass.ts'

export interface Adoption {
  /** The channel of the upstream. */
  readonly from: ChannelRef
  /** The own channel of the same app. */
  readonly to: string
  /** Minimum age of a release at the upstream, in milliseconds. */
  readonly afterMs: number
  readonly create?: boolean | undefined
  readonly ramp?: readonly RampStep[] | undefined
  readonly onPackage?: MirrorOptions['onPackage']
}

export interface PlannedAdoption extends Adoption {
  readonly planned: Plan
  /** The upstream's manifest with the chosen releases only. */
  readonly manifest: ChannelManifest
}

/**
 * Plans to publish the newest release of an upstream's channel that is old enough, neither held nor withdrawn, and the
 * floors before it that the own channel has not passed.
 * @param upstream is verified under its own root.
 * @throws PlatteError('refused') for an unknown channel, a floor that is held or withdrawn, or as publishing refuses.
 */
export async function planAdoption(publisher: Publisher, upstream: Mirroring['from'], adoption: Adoption) {
  const { from, to, create } = adoption
  const state = await loadCatalog(upstream)
  const entry = channelEntry(state.catalog.catalog, from.app, from.channel)
  const manifest = entry && (await loadChannel(upstream, state, { ...from, entry })).manifest
  if (entry === undefined || manifest === undefined || isEnded(manifest))
    throw unknownChannel(state, from, 'name another channel of the upstream')
  const ref = { app: from.app, channel: to }
  const own = await loadState(publisher, { ref, others: 'all' })
  const releases = choose({ entry, manifest }, own.head?.manifest, publisher.clock() - adoption.afterMs)
  const edit: ManifestEdit = {
    ref,
    create,
    others: 'all',
    check: ({ others }) => {
      for (const other of others.values())
        for (const { version, boards } of releases)
          for (const [board, packages] of Object.entries(boards))
            checkSameBytes(other, `channel ${other.channel}`, { version, board, packages })
    },
    apply: (channel, _, at) =>
      releases.reduce((before, release) => {
        const boards = boardsOf(release, { to }, before)
        return addBoards(before, release, { boards, at, ramp: adoption.ramp })
      }, channel),
  }
  const planned = plan(edit, own, { at: publisher.clock() })
  return { ...adoption, planned, manifest: { ...manifest, releases } }
}

/** Copies and publishes. Safe to repeat. @throws PlatteError('missing' | 'mismatch') for a package; as `commit`. */
export async function adopt(publisher: Publisher, upstream: Mirroring['from'], adoption: PlannedAdoption) {
  const { planned, manifest, onPackage } = adoption
  if (manifest.releases.length === 0) return commit(publisher, planned)
  checkKeys(publisher, planned.state.catalog)
  const pass = beginPass({ from: upstream, to: publisher }, { packages: 'all', onPackage })
  for (const { notes } of manifest.releases)
    if (notes && !(await publisher.documents.get(notesKey(notes.sha256), maxNotesBytes)))
      await copyNotes(pass, notes.sha256)
  for (const [key, one] of packagesOf(manifest))
    if ((await publisher.packages.stat(key))?.size !== one.size) await copyPackage(pass, key, one)
  const [first] = pass.copied.absent
  if (first === undefined) return commit(publisher, planned)
  throw new PlatteError('missing', `${first} is missing at the upstream: nothing was published`)
}

/** The releases to adopt, oldest first. @param until their latest publication, in milliseconds since 1970. */
function choose({ entry, manifest }: ChannelEntry, current: ChannelManifest | undefined, until: number): Release[] {
  const brakeOf = ({ version, withdrawn }: Release): string | undefined =>
    withdrawn?.reason ?? entry.holds?.find((hold) => isSameVersion(hold.version, version))?.reason
  const sorted = [...manifest.releases].sort(oldestFirst)
  const target = sorted.findLast((one) => Date.parse(one.publishedAt) <= until && brakeOf(one) === undefined)
  if (target === undefined) return []
  const newest = [...(current?.releases ?? [])].sort(oldestFirst).at(-1)
  if (newest !== undefined && oldestFirst(target, newest) < 0) return []
  const floors = sorted.filter(
    (one) => one.floor && oldestFirst(one, target) < 0 && (newest === undefined || oldestFirst(one, newest) > 0),
  )
  const braked = floors.find((one) => brakeOf(one) !== undefined)
  if (braked === undefined) return [...floors, target]
  const message = `machines must pass through ${braked.version}: the upstream holds or withdrew it`
  throw new PlatteError('refused', message, { hint: `its reason: ${brakeOf(braked)}` })
}
