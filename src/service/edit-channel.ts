/** Changes channels: every command is an edit of the newest state, applied again where somebody else was faster. */
import { type Brakes, type Change, diffBrakes, diffChannels } from '../core/diff.ts'
import { sameJson } from '../core/edit.ts'
import type { CatalogChannel } from '../documents/catalog.ts'
import { type ChannelManifest, checkChannel, maxChannelBytes } from '../documents/channel.ts'
import { PlatteError } from '../errors.ts'
import { commitChannel, emptyChannel, loadHead } from './commit-channel.ts'
import { editCatalog } from './edit-catalog.ts'
import { checkKeys, checkNewName, isLive, offer, revived, unknownChannel } from './offering.ts'
import { type CatalogState, channelEntry, type Place } from './reading.ts'
import { dateOf, encode, instantText, loadForWriting, signersOf, type Writing } from './writing.ts'

/** What a command did to a channel, or would. */
export interface Edited {
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
  writing: Writing,
  place: Place,
  edit: ChannelEdit,
  { dryRun = false, create = false }: EditOptions = {},
): Promise<Edited> {
  const state = await loadForWriting(writing)
  let changes: readonly Change[] = []
  const apply = (current: ChannelManifest): ChannelManifest => {
    if (!isLive(current) && !create) throw unknownChannel(state, place, '`platte channel create` makes a new one')
    if (current.seq === 0) checkNewName(place.channel)
    const begun = revived(current)
    const edited = edit(begun, state)
    checkSize(checkChannel({ ...edited, seq: current.seq + 1, issuedAt: instantText(dateOf(writing)) }, 'usage'))
    changes = diffChannels(current, edited)
    const isMade = isLive(current) || !create
    return isMade && sameJson(edited, begun) ? current : edited
  }
  const before = (await loadHead(writing, state, place))?.manifest
  const start = before ?? { ...emptyChannel, ...place }
  const after = apply(start)
  if (dryRun) return { kind: 'dry-run', seq: start.seq + (after === start ? 0 : 1), inForce: false, changes }
  if (after !== start) checkKeys(writing, state)
  const { head, changed } = await commitChannel(writing, place, apply)
  const inForce = await offer(writing, place, head)
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
export interface Braked {
  readonly entry: CatalogChannel
  readonly manifest: ChannelManifest
}

/**
 * Edits what the timestamp key says of a channel: its holds, and when its ramps were stopped.
 * @throws PlatteError('refused') where the channel is not in the catalog, or by the edit; 'credentials' without the key.
 */
export async function editBrakes(
  writing: Writing,
  place: Place,
  edit: (current: Braked, state: CatalogState) => Brakes | Promise<Brakes>,
  { dryRun = false }: EditOptions = {},
): Promise<Edited> {
  let changes: readonly Change[] = []
  let [seq, sha256] = [0, '']
  const apply = async (state: CatalogState): Promise<CatalogChannel> => {
    const entry = channelEntry(state.catalog.catalog, place.app, place.channel)
    const head = entry && (await loadHead(writing, state, place))
    if (entry === undefined || !isLive(head?.manifest))
      throw unknownChannel(state, place, '`platte channel create` makes a new one')
    const { manifest } = head
    const { holds: _, rampAsOf: __, ...named } = entry
    const brakes = await edit({ entry, manifest }, state)
    ;[seq, sha256] = [entry.seq, entry.sha256]
    changes = diffBrakes(entry, brakes)
    const { holds = [], rampAsOf } = brakes
    const edited = { ...named, ...(holds.length > 0 && { holds: [...holds] }), ...(rampAsOf && { rampAsOf }) }
    return sameJson(edited, entry) ? entry : edited
  }
  const state = await loadForWriting(writing)
  await apply(state)
  if (dryRun) return { kind: 'dry-run', seq, inForce: false, changes }
  if (changes.length > 0) signersOf(writing.timestamp, 'timestamp', state.root)
  const { written } = await editCatalog(writing, async (catalog, fresh) => {
    const entry = await apply(fresh)
    const app = catalog.apps[place.app]
    if (app === undefined || app.channels[place.channel] === entry) return catalog
    const channels = { ...app.channels, [place.channel]: entry }
    return { ...catalog, apps: { ...catalog.apps, [place.app]: { ...app, channels } } }
  })
  return { kind: written ? 'changed' : 'unchanged', seq, inForce: true, sha256, changes }
}

/** The newest manifest of a channel that is live. @throws PlatteError('refused') */
export async function requireChannel(writing: Writing, state: CatalogState, place: Place): Promise<ChannelManifest> {
  const head = await loadHead(writing, state, place)
  if (isLive(head?.manifest)) return head.manifest
  throw unknownChannel(state, place, '`platte channel list` shows them')
}

/** @throws PlatteError('refused') where a channel follows another. */
export function refuseFollower({ channel, follow }: ChannelManifest, why: string): void {
  if (follow === undefined) return
  throw new PlatteError('refused', `${channel} follows ${follow.channel}: ${why}`, {
    hint: 'one level only: follow that one, or let it follow none with `platte follow --none`',
  })
}
