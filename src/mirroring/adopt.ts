/** Publishes what somebody else released under one's own release key: the same bytes, verified upstream, and copied. */

import { packagesOf } from '../catalog/channels.ts'
import { loadHead } from '../catalog/commit-channel.ts'
import { checkKeys, unknownChannel } from '../catalog/point-catalog.ts'
import { type ChannelRef, channelEntry, loadCatalog, loadChannel } from '../catalog/read.ts'
import { instantText, loadForWriting } from '../catalog/write.ts'
import { otherChannels } from '../channels/channel-life.ts'
import { type EditOptions, type EditResult, editChannel } from '../channels/edit-channel.ts'
import { addBoard, boardsOf, withMarks } from '../channels/promote.ts'
import type { Publisher } from '../channels/publish.ts'
import type { CatalogChannel } from '../documents/catalog.ts'
import { type ChannelManifest, isEnded } from '../documents/channel.ts'
import { maxNotesBytes, notesKey } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { checkSameBytes } from '../release/add-release.ts'
import type { RampStep, Release } from '../release/channel.ts'
import { compareVersions, parseVersion } from '../release/version.ts'
import { beginPass, copyByDigest, copyPackage, type Mirroring, type MirrorOptions } from './mirror-pass.ts'

export interface Adoption {
  /** The channel of the upstream. */
  readonly from: ChannelRef
  /** The own channel of the same app. */
  readonly to: string
  /** Only what is so old there, in milliseconds. */
  readonly afterMs: number
  /** Of each release in the own channel. */
  readonly ramp?: readonly RampStep[] | undefined
  readonly onPackage?: MirrorOptions['onPackage']
}

/**
 * Takes over the newest release of an upstream's channel that is old enough there, neither held nor withdrawn, and the
 * floors before it that the own channel has not passed. Safe to repeat: a pipeline may run it every hour.
 * @param upstream is verified under its own root.
 * @throws PlatteError('refused') where the channel is not there, a floor on the way is held or withdrawn, or publishing
 *   refuses it; 'missing' for a package that the upstream does not have; 'mismatch' and what verifying throws.
 */
export async function adopt(
  publisher: Publisher,
  upstream: Mirroring['from'],
  adoption: Adoption,
  options: EditOptions = {},
): Promise<EditResult> {
  const { from, to } = adoption
  const state = await loadCatalog(upstream)
  const entry = channelEntry(state.catalog.catalog, from.app, from.channel)
  const manifest = entry && (await loadChannel(upstream, state, { ...from, entry })).manifest
  if (entry === undefined || manifest === undefined || isEnded(manifest))
    throw unknownChannel(state, from, 'name another one of the upstream')
  const own = { app: from.app, channel: to }
  const writable = await loadForWriting(publisher)
  const current = (await loadHead(publisher, writable, own))?.manifest
  const chosen = choose({ entry, manifest }, current, publisher.clock() - adoption.afterMs)
  if (!options.dryRun && chosen.length > 0) {
    checkKeys(publisher, writable)
    for (const other of await otherChannels(publisher, own)) for (const one of chosen) checkBytes(other, one)
    await copyOf(publisher, upstream, { manifest: { ...manifest, releases: chosen }, adoption })
  }
  const at = instantText(publisher.clock())
  const add = (channel: ChannelManifest): ChannelManifest =>
    chosen.reduce((before, release) => {
      const boards = boardsOf(release, { to }, before)
      const added = boards.reduce((one, board) => addBoard(one, release, { board, at, ramp: adoption.ramp }), before)
      return added === before ? before : withMarks(added, release)
    }, channel)
  return editChannel(publisher, own, add, options)
}

interface Upstream {
  readonly entry: CatalogChannel
  readonly manifest: ChannelManifest
}

const order = (a: Release, b: Release): number => compareVersions(parseVersion(a.version), parseVersion(b.version))

/** What is to be adopted, oldest first. @param until the latest publication, in milliseconds since 1970. */
function choose({ entry, manifest }: Upstream, current: ChannelManifest | undefined, until: number): Release[] {
  const brakeOf = ({ version, withdrawn }: Release): string | undefined => {
    const isIt = (held: string) => compareVersions(parseVersion(held), parseVersion(version)) === 0
    return withdrawn?.reason ?? entry.holds?.find((hold) => isIt(hold.version))?.reason
  }
  const sorted = [...manifest.releases].sort(order)
  const target = sorted.findLast((one) => Date.parse(one.publishedAt) <= until && brakeOf(one) === undefined)
  if (target === undefined) return []
  const newest = [...(current?.releases ?? [])].sort(order).at(-1)
  if (newest !== undefined && order(target, newest) < 0) return []
  const floors = sorted.filter(
    (one) => one.floor && order(one, target) < 0 && (newest === undefined || order(one, newest) > 0),
  )
  const braked = floors.find((one) => brakeOf(one) !== undefined)
  if (braked)
    throw new PlatteError('refused', `machines must pass through ${braked.version}, which is held or withdrawn there`, {
      hint: `the upstream says: ${brakeOf(braked)}`,
    })
  return [...floors, target]
}

function checkBytes(other: ChannelManifest, { version, boards }: Release): void {
  for (const [board, packages] of Object.entries(boards))
    checkSameBytes(other, `channel ${other.channel}`, { version, board, packages })
}

async function copyOf(
  publisher: Publisher,
  upstream: Mirroring['from'],
  { manifest, adoption: { onPackage } }: { readonly manifest: ChannelManifest; readonly adoption: Adoption },
): Promise<void> {
  const pass = beginPass({ from: upstream, to: publisher }, { packages: 'all', onPackage })
  for (const { notes } of manifest.releases)
    if (notes && !(await publisher.documents.get(notesKey(notes.sha256), maxNotesBytes)))
      await copyByDigest(pass, notesKey(notes.sha256), { sha256: notes.sha256, maxBytes: maxNotesBytes })
  for (const [key, one] of packagesOf(manifest)) {
    const stat = await publisher.packages.stat(key)
    if (stat?.size !== one.size) await copyPackage(pass, key, one)
  }
  const [first] = pass.copied.absent
  if (first !== undefined) throw new PlatteError('missing', `${first} is not at the upstream: nothing was published`)
}
