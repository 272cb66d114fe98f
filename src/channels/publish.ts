/** Publishes a release: packages, then the manifest (the commit), then the catalog. Safe to repeat from any point. */
import { checkNewName, isLive, refuseOtherName, unknownChannel } from '../catalog/channels.ts'
import { checkKeys } from '../catalog/edit-catalog.ts'
import { type ChannelManifest, checkOrder } from '../documents/channel.ts'
import { maxNotesBytes, notesKey, packageFolder } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { type Addition, addRelease, checkSameBytes, checkVersionOrder, findRelease } from '../release/add-release.ts'
import type { BoardPackages, Package, RampStep } from '../release/channel.ts'
import type { StagedPackage } from '../store/packages.ts'
import { sha256Hex } from '../trust/digest.ts'
import { commit, type Signing } from './commit.ts'
import { digestsOf, hashAndStage, type Source, type Staging } from './hash-and-stage.ts'
import {
  type Committer,
  type EditResult,
  type EditState,
  loadState,
  type ManifestEdit,
  type Plan,
  plan,
} from './plan.ts'

export interface ReleaseOrder {
  readonly app: string
  readonly channel: string
  readonly version: string
  readonly board: string
  readonly components?: Readonly<Record<string, string>>
  readonly cves?: readonly string[]
  /** Markdown. */
  readonly notes?: Uint8Array
  /** Of a release that is new. */
  readonly ramp?: readonly RampStep[]
  /** Whether a missing channel is created. */
  readonly create: boolean
}

export interface PublishOrder extends ReleaseOrder {
  /** The OS package first. */
  readonly sources: readonly [Source, ...Source[]]
}

export interface StoredOrder extends ReleaseOrder {
  /** The OS package first. */
  readonly packages: BoardPackages['packages']
}

export interface Publisher extends Committer, Staging {}

export interface PublishResult {
  /** `unchanged`: all of it was published before. */
  readonly kind: 'published' | 'unchanged' | 'dry-run'
  /** Revision of the channel. */
  readonly seq: number
  /** `false`: offered after the next refresh, because the timestamp key was not at hand. */
  readonly offered: boolean
  /** Of the manifest; not of a plan. */
  readonly sha256?: string
  readonly packages: readonly Package[]
}

/** @throws PlatteError('refused') by policy, before any byte is copied; 'credentials' without the release key. */
export async function publish(
  publisher: Publisher,
  order: PublishOrder,
  onBytes: (bytes: number) => void = () => {},
  signing: Signing = {},
): Promise<PublishResult> {
  const state = await admit(publisher, order)
  if (!isPublished(state, order)) checkKeys(publisher, state.catalog)
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
  onBytes: (bytes: number) => void = () => {},
): Promise<PublishResult> {
  await admit(publisher, order)
  const hashed: Pick<Package, 'size' | 'sha256' | 'sha1'>[] = []
  for (const source of order.sources) hashed.push(await digestsOf(source, publisher.newHasher, onBytes))
  const packages = describe(order.sources, hashed)
  const { seq } = await planRelease(publisher, { ...order, packages })
  return { kind: 'dry-run', seq, offered: false, packages }
}

export const publishResult = (
  { kind, seq, inForce, sha256 }: EditResult,
  packages: readonly Package[],
): PublishResult => ({
  kind: kind === 'changed' ? 'published' : kind,
  seq,
  offered: inForce,
  ...(sha256 && { sha256 }),
  packages,
})

/** Refuses what can be refused before a file is read. */
async function admit(publisher: Publisher, order: PublishOrder): Promise<EditState> {
  checkOrder({ ...order, files: order.sources })
  checkNotes(order)
  const state = await loadState(publisher, { ref: order })
  checkAdmission(state, order)
  return state
}

const isPublished = ({ head }: EditState, { version, board }: ReleaseOrder): boolean =>
  Object.hasOwn((head && findRelease(head.manifest, version)?.boards) ?? {}, board)

function checkNotes({ notes }: ReleaseOrder): void {
  if ((notes?.length ?? 0) <= maxNotesBytes) return
  throw new PlatteError('usage', `the notes have more than ${maxNotesBytes} bytes, the limit of every reader`)
}

function checkAdmission({ catalog, head }: EditState, order: ReleaseOrder): void {
  const { app, channel } = order
  if (!isLive(head?.manifest)) {
    if (!order.create) throw unknownChannel(catalog, { app, channel }, '--create makes a new one')
    refuseOtherName(catalog, { app, channel })
  }
  if (head === undefined) checkNewName(channel)
  else checkVersionOrder(head.manifest, order)
}

function describe(
  sources: PublishOrder['sources'],
  hashed: readonly Pick<Package, 'size' | 'sha256' | 'sha1'>[],
): BoardPackages['packages'] {
  const packages = hashed.map(({ size, sha256, sha1 }, i) => ({ name: sources[i]?.name ?? '', size, sha256, sha1 }))
  return withOptional(packages as [Package, ...Package[]])
}

/** A machine needs the first package, and may do without the others. */
export const withOptional = ([first, ...others]: BoardPackages['packages']): BoardPackages['packages'] => [
  first,
  ...others.map((one) => ({ ...one, required: false })),
]

/** Other channels that cannot be read are logged as warnings. */
export async function planRelease(
  publisher: Committer,
  order: StoredOrder,
  { at, provenance }: Signing = {},
): Promise<Plan> {
  checkOrder({ ...order, files: order.packages })
  checkNotes(order)
  const edit = await releaseEdit(order)
  const planned = plan(edit, await loadState(publisher, edit), { at: at ?? publisher.clock(), provenance })
  for (const problem of planned.state.unreadable) publisher.log({ level: 'warn', event: 'publish', problem })
  return planned
}

/** A version means the same bytes in every channel of the app. */
async function releaseEdit(order: StoredOrder): Promise<ManifestEdit> {
  const { app, channel, board, packages, components, cves, notes, ramp, create } = order
  const ref = { app, channel }
  const digest = notes && (await sha256Hex(notes))
  // A known version keeps its spelling: it names the folder of the packages.
  const versionIn = (current: ChannelManifest | undefined): string =>
    (current && findRelease(current, order.version)?.version) ?? order.version
  const addition = {
    ...{ board, packages: { codebases: [], packages } },
    ...(components && { components }),
    ...(cves && { cves: [...new Set(cves)] }),
    ...(ramp && { ramp }),
    ...(notes && digest && { notes: { sha256: digest, size: notes.length } }),
  } satisfies Omit<Addition, 'version' | 'publishedAt'>
  return {
    ref,
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
    ...(notes && digest && { notes: new Map([[notesKey(digest), notes]]) }),
  }
}
