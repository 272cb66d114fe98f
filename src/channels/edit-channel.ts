/** Changes channels: every command is an edit of the newest state, applied again where somebody else was faster. */

import { commitChannel, emptyChannel, loadHead } from '../catalog/commit-channel.ts'
import { editCatalog } from '../catalog/edit-catalog.ts'
import { checkKeys, checkNewName, isLive, pointCatalogAt, revived, unknownChannel } from '../catalog/point-catalog.ts'
import { type CatalogState, type ChannelRef, channelEntry } from '../catalog/read.ts'
import { dateOf, encode, instantText, loadForWriting, type StoreWriter, signersOf } from '../catalog/write.ts'
import type { CatalogChannel } from '../documents/catalog.ts'
import { type ChannelManifest, checkChannel, maxChannelBytes } from '../documents/channel.ts'
import { PlatteError } from '../kernel/errors.ts'
import { sameJson } from '../release/add-release.ts'
import { type Brakes, type Change, diffBrakes, diffChannels } from '../release/diff.ts'

/** What a command did to a channel, or would. */
export interface EditResult {
  /** `unchanged`: all of it was so before. */
  readonly kind: 'changed' | 'unchanged' | 'dry-run'
  /** Of the manifest that holds it, or would; of the one that is held, for what the timestamp key says. */
  readonly seq: number
  /** `false` without the timestamp key: in force after the next refresh. */
  readonly inForce: boolean
  /** Of that manifest; not in a dry run. */
  readonly sha256?: string
  readonly changes: readonly Change[]
}

export interface EditOptions {
  /** Says what would change, and writes nothing. */
  readonly dryRun?: boolean | undefined
  /** Makes a channel that is not there, or has ended. */
  readonly create?: boolean | undefined
}

/** An edit of a manifest. It may be called more than once; what equals its argument changes nothing. */
export type ChannelEdit = (current: ChannelManifest, state: CatalogState) => ChannelManifest

/**
 * Edits a channel under the release key.
 * @throws PlatteError('refused') where the channel is not there, or by the edit; 'credentials' without the keys; 'conflict'.
 */
export async function editChannel(
  writer: StoreWriter,
  ref: ChannelRef,
  edit: ChannelEdit,
  { dryRun = false, create = false }: EditOptions = {},
): Promise<EditResult> {
  const state = await loadForWriting(writer)
  let changes: readonly Change[] = []
  const apply = (current: ChannelManifest): ChannelManifest => {
    if (!isLive(current) && !create) throw unknownChannel(state, ref, '`platte channel create` makes a new one')
    if (current.seq === 0) checkNewName(ref.channel)
    const begun = revived(current)
    const edited = edit(begun, state)
    checkSize(checkChannel({ ...edited, seq: current.seq + 1, issuedAt: instantText(dateOf(writer)) }, 'usage'))
    changes = diffChannels(current, edited)
    const isMade = isLive(current) || !create
    return isMade && sameJson(edited, begun) ? current : edited
  }
  const before = (await loadHead(writer, state, ref))?.manifest
  const start = before ?? { ...emptyChannel, ...ref }
  const after = apply(start)
  if (dryRun) return { kind: 'dry-run', seq: start.seq + (after === start ? 0 : 1), inForce: false, changes }
  if (after !== start) checkKeys(writer, state)
  const { head, changed } = await commitChannel(writer, ref, apply)
  const inForce = await pointCatalogAt(writer, ref, head)
  const { manifest, sha256 } = head
  return { kind: changed ? 'changed' : 'unchanged', seq: manifest.seq, inForce, sha256, changes }
}

/** The payload is carried in base64. */
function checkSize(manifest: ChannelManifest): void {
  const bytes = Math.ceil((encode(manifest).length * 4) / 3)
  if (bytes <= maxChannelBytes) return
  throw new PlatteError(
    'refused',
    `the manifest would have ${bytes} bytes, more than the limit of ${maxChannelBytes}`,
    {
      hint: 'prune old releases, or list fewer machines',
    },
  )
}

/** What an edit of brakes may look at. */
export interface ChannelEntry {
  readonly entry: CatalogChannel
  readonly manifest: ChannelManifest
}

/**
 * Edits what the timestamp key says of a channel: its holds, and when its ramps were stopped.
 * @throws PlatteError('refused') where the channel is not in the catalog, or by the edit; 'credentials' without the key.
 */
export async function editBrakes(
  writer: StoreWriter,
  ref: ChannelRef,
  edit: (current: ChannelEntry, state: CatalogState) => Brakes | Promise<Brakes>,
  { dryRun = false }: EditOptions = {},
): Promise<EditResult> {
  let changes: readonly Change[] = []
  let [seq, sha256] = [0, '']
  const apply = async (state: CatalogState): Promise<CatalogChannel> => {
    const entry = channelEntry(state.catalog.catalog, ref.app, ref.channel)
    const head = entry && (await loadHead(writer, state, ref))
    if (entry === undefined || !isLive(head?.manifest))
      throw unknownChannel(state, ref, '`platte channel create` makes a new one')
    const { manifest } = head
    const { holds: _, rampAsOf: __, ...named } = entry
    const brakes = await edit({ entry, manifest }, state)
    ;[seq, sha256] = [entry.seq, entry.sha256]
    changes = diffBrakes(entry, brakes)
    const { holds = [], rampAsOf } = brakes
    const edited = { ...named, ...(holds.length > 0 && { holds: [...holds] }), ...(rampAsOf && { rampAsOf }) }
    return sameJson(edited, entry) ? entry : edited
  }
  const state = await loadForWriting(writer)
  await apply(state)
  if (dryRun) return { kind: 'dry-run', seq, inForce: false, changes }
  if (changes.length > 0) signersOf(writer.timestamp, 'timestamp', state.root)
  const { written } = await editCatalog(writer, async (catalog, fresh) => {
    const entry = await apply(fresh)
    const app = catalog.apps[ref.app]
    if (app === undefined || app.channels[ref.channel] === entry) return catalog
    const channels = { ...app.channels, [ref.channel]: entry }
    return { ...catalog, apps: { ...catalog.apps, [ref.app]: { ...app, channels } } }
  })
  return { kind: written ? 'changed' : 'unchanged', seq, inForce: true, sha256, changes }
}

/** The newest manifest of a channel that is live. @throws PlatteError('refused') */
export async function requireChannel(
  writer: StoreWriter,
  state: CatalogState,
  ref: ChannelRef,
): Promise<ChannelManifest> {
  const head = await loadHead(writer, state, ref)
  if (isLive(head?.manifest)) return head.manifest
  throw unknownChannel(state, ref, '`platte channel list` shows them')
}

/** @throws PlatteError('refused') where a channel follows another. */
export function refuseFollower({ channel, follow }: ChannelManifest, why: string): void {
  if (follow === undefined) return
  throw new PlatteError('refused', `${channel} follows ${follow.channel}: ${why}`, {
    hint: 'one level only: follow that one, or let it follow none with `platte follow --none`',
  })
}
