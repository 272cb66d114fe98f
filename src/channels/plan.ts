/** One way to change a channel: an edit, applied to the newest state, makes a plan; `commit.ts` carries it out. */
import { brakeWarnings } from '../catalog/catalog-log.ts'
import { type ChannelEntry, checkNewName, isLive, storeFailures, unknownChannel, viewOf } from '../catalog/channels.ts'
import {
  checkAllowed,
  emptyChannel,
  type Issue,
  loadHead,
  nextManifest,
  storedForm,
} from '../catalog/commit-channel.ts'
import { loadWanted } from '../catalog/details.ts'
import { checkCatalogFits, checkFits, fillWarning } from '../catalog/fill.ts'
import type { CatalogState, ChannelRef, StoreReader, StoreWriter } from '../catalog/read.ts'
import { channelEntry, channelsOf, encode, loadForWriting } from '../catalog/read.ts'
import type { Catalog, CatalogChannel } from '../documents/catalog.ts'
import { type ChannelManifest, howEnded, isEnded } from '../documents/channel.ts'
import { newAppText } from '../documents/new-app.ts'
import { asPartOf, refuseUnfinished } from '../documents/parts.ts'
import { PlatteError } from '../kernel/errors.ts'
import { isoText } from '../kernel/format.ts'
import type { PayloadKey } from '../payload/keys.ts'
import { sameJson } from '../release/add-release.ts'
import type { Channel, Release } from '../release/channel.ts'
import { type Brakes, type Change, diffBrakes, diffChannels } from '../release/diff.ts'
import { withField } from '../release/edits.ts'
import { effectsBelow } from '../release/effects.ts'
import { type Reach, reachOf, type Side } from '../release/reach.ts'
import type { Packages } from '../store/packages.ts'
import { sealedSize } from '../trust/envelope.ts'
import type { VerifiedChannel } from '../trust/verify-documents.ts'
import { loadLive, type OnFailure } from './live.ts'

export interface EditState {
  readonly catalog: CatalogState
  /** `undefined`: there is no such channel yet. */
  readonly head: VerifiedChannel | undefined
  /** Live channels of the app, by name. */
  readonly others: ReadonlyMap<string, ChannelManifest>
  /** One sentence for each other channel that cannot be read. */
  readonly unreadable: readonly string[]
}

interface AnyEdit {
  readonly ref: ChannelRef
  readonly others?: ((current: ChannelManifest | undefined) => readonly string[]) | 'all' | 'readable'
  /** Which releases are loaded with their details, of all the channels that are loaded. */
  readonly details?: ((channels: readonly Channel[]) => (release: Release) => boolean) | undefined
  /** Whether what this channel and the others follow is loaded, too. */
  readonly withFollowed?: boolean
  /** Refuses what the other channels forbid. */
  readonly check?: (state: EditState) => void
  /** Whether `check` runs again after the commit, since no write covers two channels. */
  readonly isRechecked?: boolean
}

/** Changes what the release key signs. All functions are pure, and run again after a lost race. */
export interface ManifestEdit extends AnyEdit {
  /** Creates a channel that does not exist or was deleted. */
  readonly create?: boolean | undefined
  /** Leaves a deleted channel alone; otherwise it is refused. */
  readonly orEnded?: boolean
  /** Brakes and repairs fit where publishing does not any more. */
  readonly isBrake?: boolean
  /** @param at the date of the change. Equal content changes nothing. */
  readonly apply: (current: ChannelManifest, state: EditState, at: string) => ChannelManifest
  /** Keys of packages that must be in the store when this is committed. */
  readonly packages?: (state: EditState, edited: ChannelManifest) => readonly string[]
  /** Release notes that are stored before the commit, by key. */
  readonly notes?: ReadonlyMap<string, Uint8Array>
  /** Whether a change takes the timestamp key, too. */
  readonly needsTimestamp?: boolean
  /** What it is a part of, where one catalog must name it with more: no refresh names its manifest. */
  readonly partOf?: string
  /** What the catalog that names it changes, too. @param state with the catalog that is edited; the same one changes nothing. */
  readonly together?: (writer: Committer, state: CatalogState, plan: Plan) => Catalog
  readonly preview?: (writer: Committer, plan: Plan) => Promise<Partial<EditResult>>
  readonly finish?: (writer: Committer, result: EditResult, plan: Plan) => Promise<EditResult>
}

/** Changes what the timestamp key signs of a channel: its holds, and when its ramps were stopped. */
export type BrakeEdit = AnyEdit & { readonly brake: (current: ChannelEntry, state: EditState, at: string) => Brakes }

export type Edit = ManifestEdit | BrakeEdit
export type Committer = StoreWriter & { readonly packages: Packages }

export interface Plan {
  readonly edit: Edit
  readonly state: EditState
  readonly issue: Issue
  /** Revision of the channel afterwards. */
  readonly seq: number
  /** What would be signed; neither: nothing changes. */
  readonly manifest?: ChannelManifest
  /** Details that it names, by key: they are stored before it. */
  readonly documents?: ReadonlyMap<string, Uint8Array>
  /** With its details. */
  readonly edited?: ChannelManifest
  readonly entry?: CatalogChannel
  readonly changes: readonly Change[]
  /** Which machines would get what is added below newer releases, or in place of one: sentences. */
  readonly effects?: readonly string[]
  /** Which machines it reaches at once that were not reached before: sentences. */
  readonly reach?: readonly string[]
  /** Keys of packages that the manifest needs. */
  readonly packages: readonly string[]
  /** What will need attention, in sentences. */
  readonly warnings: readonly string[]
}

/** `seq`: revision of the channel. `sha256`: of the manifest; not of a plan. */
export interface EditResult extends Pick<Plan, 'seq' | 'changes' | 'effects' | 'reach'> {
  readonly kind: 'changed' | 'unchanged' | 'dry-run'
  /** `false`: live after the next refresh, because the timestamp key was not at hand. */
  readonly inForce: boolean
  readonly sha256?: string
  /** Of a plan: what its change would sign. Holds and stops of ramps are in the catalog, and make no new revision. */
  readonly signs?: 'manifest' | 'catalog' | 'nothing'
  readonly warnings?: readonly string[]
  /** Of a plan: what the channel's payloads must be signed with. */
  readonly payloadKeys?: readonly PayloadKey[]
  /** Packages that were, or would be, removed. */
  readonly packages?: readonly Readonly<{ key: string; size: number }>[]
}

export async function loadState(reader: StoreReader, edit: AnyEdit, catalog?: CatalogState): Promise<EditState> {
  const { ref, others = () => [], withFollowed = false, details } = edit
  const state = catalog ?? (await loadForWriting(reader))
  const head = await loadHead(reader, state, ref)
  const names =
    typeof others === 'string' ? Object.keys(channelsOf(state.catalog.catalog, ref.app)) : others(head?.manifest)
  const unreadable: string[] = []
  const onFailure = (channel: string, error: unknown): void => {
    const isItsOwn = error instanceof PlatteError && !storeFailures.includes(error.code)
    if (others !== 'readable' || !isItsOwn) throw error
    unreadable.push(`cannot compare with ${channel}: ${error.message}`)
  }
  const load = (more: readonly string[]) =>
    loadLive(reader, state, { app: ref.app, names: more.filter((name) => name !== ref.channel) }, onFailure)
  const found = await load(names)
  const followed = withFollowed ? [head?.manifest, ...found.values()].flatMap((one) => one?.follow?.channel ?? []) : []
  const sources = await load([...new Set(followed)].filter((name) => !names.includes(name)))
  const all = new Map([...found, ...sources])
  const source = head?.manifest.follow?.channel
  // What it reaches depends on it; brakes go on where it cannot be read.
  const own =
    source && !all.has(source) ? await loadLive(reader, state, { app: ref.app, names: [source] }, () => {}) : []
  const read = { catalog: state, head, others: new Map([...all, ...own]), unreadable }
  return details ? loadDetailed(reader, read, details, onFailure) : read
}

/** With details; leaves out other channels whose details cannot be had. */
export async function loadDetailed(
  reader: StoreReader,
  { head, others, ...state }: EditState,
  wanted: NonNullable<AnyEdit['details']>,
  onFailure: OnFailure = () => {},
): Promise<EditState> {
  const isWanted = wanted([...(head ? [head.manifest] : []), ...others.values()])
  const detailed = async (one: ChannelManifest): Promise<ChannelManifest> => ({
    ...one,
    releases: await loadWanted(reader, one.app, one.releases, isWanted),
  })
  const found = new Map<string, ChannelManifest>()
  for (const [channel, one] of others) {
    const manifest = await detailed(one).catch((error) => void onFailure(channel, error))
    if (manifest) found.set(channel, manifest)
  }
  return { ...state, head: head && { ...head, manifest: await detailed(head.manifest) }, others: found }
}

/** Pure. @throws PlatteError('refused', 'usage') by the state of the channel, or by the edit. */
export function plan(edit: Edit, state: EditState, issue: Issue): Plan {
  edit.check?.(state)
  const outcome = 'brake' in edit ? planBrakes(edit, state, issue) : planManifest(edit, state, issue)
  return { edit, state, issue, ...outcome }
}

type Outcome = Omit<Plan, 'edit' | 'state' | 'issue'>

const howToCreate = '`platte channel create` makes a new one'
const nothing = { changes: [], packages: [], warnings: [] } as const

function planManifest(edit: ManifestEdit, state: EditState, issue: Issue): Outcome {
  const { ref, create = false, orEnded = false, isBrake = false } = edit
  const current = state.head?.manifest ?? { ...emptyChannel, ...ref }
  if (orEnded && isEnded(current)) return { ...nothing, seq: current.seq, effects: [howEnded(current, state.others)] }
  const isThere = isLive(current)
  if (!isThere && !create) throw unknownChannel(state.catalog, ref, howToCreate)
  if (current.seq === 0) checkNewName(ref.channel)
  if (state.head && !isBrake && !edit.partOf)
    refuseUnfinished(state.head.manifest, channelEntry(state.catalog.catalog.catalog, ref.app, ref.channel)?.seq)
  const begun = isEnded(current) ? withField(current, 'expires', undefined) : current
  const edited = edit.apply(begun, state, isoText(issue.at))
  const packages = edit.packages?.(state, edited) ?? []
  if (isThere && sameJson(edited, begun)) return { ...nothing, seq: current.seq, packages }
  const { manifest: stored, documents } = storedForm(state.catalog.root, edited)
  const manifest = asPartOf(nextManifest(state.head, stored, issue, 'usage'), edit.partOf)
  checkAllowed(manifest, state.catalog.root)
  const warnings = checkManifestFits(edit, state, manifest)
  const sideOf = (channel: ChannelManifest): Side => sideWith(state, entryOf(state, ref), channel)
  const [before, after] = [sideOf(current), sideOf(manifest)]
  const reach = reachOf(before, after, issue.at)
  const effects = effectsBelow(current, manifest, after.view, issue.at)
  const changes = diffChannels(current, edited, entryOf(state, ref).holds)
  return { seq: manifest.seq, manifest, documents, edited, changes, ...said(reach, effects), packages, warnings }
}

/** The entry of a channel, also of one that the catalog does not name yet. */
export const entryOf = ({ catalog }: EditState, { app, channel }: ChannelRef): CatalogChannel =>
  channelEntry(catalog.catalog.catalog, app, channel) ?? { seq: 1, sha256: '', size: 1 }

function sideWith(state: EditState, entry: CatalogChannel, manifest: ChannelManifest): Side {
  const { app, follow } = manifest
  const source = follow && state.others.get(follow.channel)
  const sourceEntry = source && { entry: entryOf(state, { app, channel: source.channel }), manifest: source }
  return { channel: manifest, view: viewOf({ entry, manifest }, sourceEntry) }
}

function planBrakes({ ref, brake }: BrakeEdit, state: EditState, issue: Issue): Outcome {
  const entry = channelEntry(state.catalog.catalog.catalog, ref.app, ref.channel)
  const manifest = state.head?.manifest
  if (entry === undefined || !isLive(manifest)) throw unknownChannel(state.catalog, ref, howToCreate)
  const brakes = brake({ entry, manifest }, state, isoText(issue.at))
  const holds = brakes.holds?.length ? [...brakes.holds] : undefined
  const edited = withField(withField(entry, 'rampAsOf', brakes.rampAsOf), 'holds', holds)
  if (sameJson(edited, entry)) return { ...nothing, seq: entry.seq }
  const warnings = brakeWarnings(state.catalog, ref, edited, issue)
  const reach = reachOf(sideWith(state, entry, manifest), sideWith(state, edited, manifest), issue.at)
  return { ...nothing, seq: entry.seq, entry: edited, changes: diffBrakes(entry, brakes), ...said(reach), warnings }
}

const said = ({ reach, instead }: Reach, more: readonly string[] = []): Pick<Plan, 'effects' | 'reach'> => {
  const effects = [...more, ...instead]
  return { ...(effects.length > 0 && { effects }), ...(reach.length > 0 && { reach }) }
}

/** @returns warnings. @throws PlatteError('refused') where the manifest, or the catalog that names it, is too large. */
function checkManifestFits(edit: ManifestEdit, state: EditState, manifest: ChannelManifest): readonly string[] {
  const { ref, isBrake = false, partOf } = edit
  const { root, catalog } = state.catalog
  const size = sealedSize('platte-channel+jws', encode(manifest).length, root.root.roles.release.keyIds.length)
  checkFits(root, { kind: 'manifest', ref, bytes: size, before: state.head?.size ?? 0, isBrake })
  const { seq, aliases } = manifest
  const entry = channelEntry(catalog.catalog, ref.app, ref.channel)
  const named = { ...withField({ ...entry }, 'aliases', aliases && [...aliases]), seq, sha256: '0'.repeat(64), size }
  const isNew = partOf ? undefined : newAppText(catalog.catalog, ref.app)
  const fills = [fillWarning(root, size, ref), fillWarning(root, checkCatalogFits(state.catalog, ref, named))]
  return [isNew, ...fills].filter((one) => one !== undefined)
}
