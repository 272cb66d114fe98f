/** Publishes a release: packages, then the manifest (the commit), then the catalog. Safe to repeat from any point. */
import { checkNewName, isLive, refuseOtherName, unknownChannel } from '../catalog/channels.ts'
import { checkKeys } from '../catalog/edit-catalog.ts'
import type { ChannelRef, StoreReader } from '../catalog/read.ts'
import { type ChannelManifest, checkOrder } from '../documents/channel.ts'
import { maxNotesBytes, notesKey, packageFolder } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { Digests, NewHasher } from '../kernel/hasher.ts'
import { defined } from '../kernel/json.ts'
import { addRelease, checkSameBytes, checkVersionOrder, findRelease } from '../release/add-release.ts'
import type { BoardPackages, Package, Release } from '../release/channel.ts'
import type { Change } from '../release/diff.ts'
import type { Packages, StagedPackage } from '../store/packages.ts'
import { sha256Hex } from '../trust/digest.ts'
import { commit, preview, type Signing } from './commit.ts'
import {
  type Committer,
  type EditResult,
  type EditState,
  loadState,
  type ManifestEdit,
  type Plan,
  plan,
} from './plan.ts'
import { requireRoom } from './room.ts'

/** A ramp is for a release that is new. */
export interface ReleaseOrder extends ChannelRef, Pick<Release, 'version' | 'components' | 'cves' | 'ramp'> {
  readonly board: string
  /** Markdown. */
  readonly notes?: Uint8Array
  /** Whether a missing channel is created. */
  readonly create: boolean
}

/** A file to publish, its size in bytes; it can be read more than once. */
export type Source = Readonly<{ name: string; size: number; open(): ReadableStream<Uint8Array> }>

/** The OS package first. */
export type PublishOrder = ReleaseOrder & { readonly sources: readonly [Source, ...Source[]] }
export type StoredOrder = ReleaseOrder & Pick<BoardPackages, 'packages'>

type Staging = Readonly<{ packages: Packages; newHasher: NewHasher }>

export interface Publisher extends Committer, Staging {}

/** Takes the size of each chunk. The sum is the size of the files: where they are read twice, half each. */
type OnBytes = (bytes: number) => void

export interface PublishResult extends Pick<EditResult, 'seq' | 'sha256' | 'signs' | 'warnings'> {
  /** `unchanged`: all of it was published before. */
  readonly kind: 'published' | 'unchanged' | 'dry-run'
  /** `false`: offered after the next refresh, because the timestamp key was not at hand. */
  readonly offered: boolean
  readonly packages: readonly Package[]
  /** Of a plan. */
  readonly changes?: readonly Change[]
}

/** @throws PlatteError('refused') by policy or for want of room, before any byte is copied; 'credentials' without the release key. */
export async function publish(
  publisher: Publisher,
  order: PublishOrder,
  onBytes: OnBytes = () => {},
  signing: Signing = {},
): Promise<PublishResult> {
  const { catalog, head } = await admit(publisher, order)
  const known = head && findRelease(head.manifest, order.version)
  if (!Object.hasOwn(known?.boards ?? {}, order.board)) checkKeys(publisher, catalog)
  const staged = await hashAndStage(publisher, order.sources, onBytes)
  const kept = new Set<StagedPackage>()
  try {
    const packages = describe(order.sources, staged)
    const planned = await planRelease(publisher, { ...order, packages }, signing)
    if (planned.manifest) checkKeys(publisher, planned.state.catalog)
    for (const [i, one] of staged.entries()) {
      await one.keep(planned.packages[i] ?? '')
      kept.add(one)
    }
    return publishResult(await commit(publisher, planned, signing.seal), packages)
  } finally {
    await Promise.all(staged.filter((one) => !kept.has(one)).map((one) => one.discard()))
  }
}

/** What `publish` would do. Reads the files once, and needs neither keys nor write access. */
export async function planPublish(
  publisher: Publisher,
  order: PublishOrder,
  onBytes?: OnBytes,
): Promise<PublishResult> {
  await admit(publisher, order)
  const hashed: Hashed[] = []
  for (const source of order.sources) hashed.push(await digestsOf(source, publisher.newHasher, onBytes))
  const packages = describe(order.sources, hashed)
  return publishResult(await preview(publisher, await planRelease(publisher, { ...order, packages })), packages)
}

export function publishResult(result: EditResult, packages: readonly Package[]): PublishResult {
  const { kind, seq, inForce, sha256, signs, changes, warnings } = result
  const done = kind === 'changed' ? 'published' : kind
  const more = defined({ sha256: sha256 || undefined, warnings, ...(signs && { signs, changes }) })
  return { kind: done, seq, offered: inForce, ...more, packages }
}

/** Refuses what can be refused before a file is read. */
async function admit(publisher: Publisher, order: PublishOrder): Promise<EditState> {
  checkRelease(order, order.sources)
  const state = await loadState(publisher, { ref: order })
  checkAdmission(state, order)
  requireRoom(state, order, order.sources, publisher.clock())
  return state
}

function checkRelease(order: ReleaseOrder, files: readonly Pick<Source, 'name' | 'size'>[]): void {
  checkOrder({ ...order, files })
  if ((order.notes?.length ?? 0) <= maxNotesBytes) return
  throw new PlatteError('usage', `the notes have more than ${maxNotesBytes} bytes, the limit of every reader`)
}

function checkAdmission({ catalog, head }: EditState, order: ReleaseOrder): void {
  if (!isLive(head?.manifest)) {
    if (!order.create) throw unknownChannel(catalog, order, '--create makes a new one')
    refuseOtherName(catalog, order)
  }
  if (head === undefined) checkNewName(order.channel)
  else checkVersionOrder(head.manifest, order)
}

function describe(sources: PublishOrder['sources'], hashed: readonly Hashed[]) {
  const packages = hashed.map(({ size, sha256, sha1 }, i) => ({ name: sources[i]?.name ?? '', size, sha256, sha1 }))
  return withOptional(packages as [Package, ...Package[]])
}

/** A machine needs the first package, and may do without the others. */
export const withOptional = ([first, ...others]: BoardPackages['packages']): BoardPackages['packages'] => [
  first,
  ...others.map((one) => ({ ...one, required: false })),
]

/** Other channels that cannot be read are logged as warnings. */
export async function planRelease(reader: StoreReader, order: StoredOrder, signing: Signing = {}): Promise<Plan> {
  checkRelease(order, order.packages)
  const { at = reader.clock(), provenance } = signing
  const edit = await releaseEdit(order)
  const planned = plan(edit, await loadState(reader, edit), { at, provenance })
  for (const problem of planned.state.unreadable) reader.log({ level: 'warn', event: 'publish', problem })
  return planned
}

/** A version means the same bytes in every channel of the app. */
async function releaseEdit(order: StoredOrder): Promise<ManifestEdit> {
  const { app, channel, board, packages, components, ramp, create } = order
  const notes = order.notes && { sha256: await sha256Hex(order.notes), size: order.notes.length }
  // A known version keeps its spelling: it names the folder of the packages.
  const versionIn = (current: ChannelManifest | undefined): string =>
    (current && findRelease(current, order.version)?.version) ?? order.version
  const cves = order.cves && [...new Set(order.cves)]
  const addition = { board, packages: { codebases: [], packages }, components, cves, ramp, notes }
  return {
    ref: { app, channel },
    create,
    others: 'readable',
    check: (state) => {
      checkAdmission(state, order)
      for (const other of state.others.values())
        checkSameBytes(other, `channel ${other.channel}`, { ...addition, version: order.version })
    },
    apply: (current, _, at) => addRelease(current, { ...addition, version: versionIn(current), publishedAt: at }),
    packages: ({ head }) => {
      const folder = packageFolder({ app, version: versionIn(head?.manifest), board }, packages)
      return packages.map(({ name }) => folder + name)
    },
    ...(notes && order.notes && { notes: new Map([[notesKey(notes.sha256), order.notes]]) }),
  }
}

/** Hashes every file, and copies it in the same pass where the store takes bytes before their name. */
async function hashAndStage(staging: Staging, sources: readonly Source[], onBytes: OnBytes): Promise<StagedPackage[]> {
  const staged: StagedPackage[] = []
  try {
    for (const source of sources)
      if (staging.packages.stage) staged.push(await staging.packages.stage(read(source, onBytes)))
      else staged.push(await hashOnly(staging, source, (bytes) => onBytes(bytes / 2)))
    return staged
  } catch (error) {
    await Promise.all(staged.map((one) => one.discard()))
    throw error
  }
}

const read = (source: Source, onBytes: OnBytes): ReadableStream<Uint8Array> =>
  source.open().pipeThrough(countBytes(onBytes))

type Hashed = { readonly size: number } & Digests

export async function digestsOf(source: Source, newHasher: NewHasher, onBytes: OnBytes = () => {}): Promise<Hashed> {
  const hasher = newHasher()
  let size = 0
  for await (const chunk of read(source, onBytes)) {
    size += chunk.length
    await hasher.update(chunk)
  }
  return { size, ...(await hasher.digest()) }
}

/** For stores that need a name first: hash now, copy when the name is known. */
async function hashOnly({ packages, newHasher }: Staging, source: Source, onBytes: OnBytes): Promise<StagedPackage> {
  const { size, ...digests } = await digestsOf(source, newHasher, onBytes)
  return {
    ...{ size, ...digests },
    async keep(key) {
      let left = size
      const body = read(source, (bytes) => {
        left -= bytes
        onBytes(bytes)
      })
      const outcome = await packages.put(key, body, { size, sha256: digests.sha256 })
      // A package that is there already was not read.
      onBytes(left)
      return outcome
    },
    discard: async () => {},
  }
}

export function countBytes(onBytes: OnBytes): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream({
    transform(chunk, controller) {
      onBytes(chunk.length)
      controller.enqueue(chunk)
    },
  })
}
