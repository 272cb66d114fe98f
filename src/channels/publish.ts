/** Publishes a release: packages, then the manifest (the commit), then the catalog. Safe to repeat from any point. */

import { commitChannel, loadHead } from '../catalog/commit-channel.ts'
import {
  checkKeys,
  checkNewName,
  isLive,
  pointCatalogAt,
  refuseOtherName,
  revived,
  unknownChannel,
} from '../catalog/point-catalog.ts'
import { storeFailures } from '../catalog/refresh.ts'
import { dateOf, instantText, loadForWriting, type StoreWriter } from '../catalog/write.ts'
import { type ChannelManifest, checkOrder } from '../documents/channel.ts'
import { maxNotesBytes, notesKey, packageFolder } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { type Addition, addRelease, checkPlace, checkSameBytes, findRelease } from '../release/add-release.ts'
import type { BoardPackages, Package, RampStep } from '../release/channel.ts'
import type { StagedPackage } from '../store/packages.ts'
import { sha256Hex } from '../trust/digest.ts'
import { hashAndStage, type Source, type Staging } from './hash-and-stage.ts'

/** What is said of a release of one board, whatever its packages. */
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
  /** Whether a channel that is not there is made. */
  readonly create: boolean
  /** Whether everything is checked and nothing gets a name. */
  readonly dryRun?: boolean
}

/** What is published from files. */
export interface PublishOrder extends ReleaseOrder {
  /** The OS package first; the others are marked as not required. */
  readonly sources: readonly [Source, ...Source[]]
}

/** What is published of packages that are in the store. */
export interface StoredOrder extends ReleaseOrder {
  /** The OS package first. */
  readonly packages: BoardPackages['packages']
}

export interface Publisher extends StoreWriter, Staging {}

export interface PublishResult {
  /** `unchanged`: all of it was published before. */
  readonly kind: 'published' | 'unchanged' | 'dry-run'
  /** Of the manifest that holds it, or would. */
  readonly seq: number
  /** `false` without the timestamp key: offered after the next refresh. */
  readonly offered: boolean
  /** Of that manifest; not in a dry run. */
  readonly sha256?: string
  readonly packages: readonly Package[]
}

/**
 * @param onBytes is told of every chunk that was read, for a progress bar; all of it is the size of the sources.
 * @throws PlatteError('refused') by policy, with nothing published; 'credentials' without the release key.
 */
export async function publish(
  publisher: Publisher,
  wanted: PublishOrder,
  onBytes: (bytes: number) => void = () => {},
): Promise<PublishResult> {
  const order = await checkFirst(publisher, wanted, wanted.sources)
  const staged = order.dryRun
    ? await hashAndStage(readOnce(publisher), order.sources, (bytes) => onBytes(2 * bytes))
    : await hashAndStage(publisher, order.sources, onBytes)
  const kept = new Set<StagedPackage>()
  try {
    const packages = describe(staged.map((one, i) => ({ ...one, name: order.sources[i]?.name ?? '' })))
    const addition = await makeAddition(publisher, order, packages)
    const { seq } = await checkEverywhere(publisher, order, addition)
    if (order.dryRun) return { kind: 'dry-run', seq, offered: false, packages }
    const folder = packageFolder(order, packages)
    for (const [i, one] of staged.entries()) {
      await one.keep(folder + packages[i]?.name)
      kept.add(one)
    }
    return await commit(publisher, order, addition, packages)
  } finally {
    await Promise.all(staged.filter((one) => !kept.has(one)).map((one) => one.discard()))
  }
}

/** Says that the bytes under a key are those of a package. @throws where nobody read them. */
export type Vouch = (key: string, one: Package) => Promise<void>

/**
 * Publishes packages that lie under their keys already.
 * @param vouch is asked before a package is named for the first time.
 * @throws PlatteError as `publish`
 */
export async function publishStored(publisher: Publisher, wanted: StoredOrder, vouch: Vouch): Promise<PublishResult> {
  const { packages } = wanted
  const order = await checkFirst(publisher, wanted, packages)
  const addition = await makeAddition(publisher, order, packages)
  const { seq, isNew } = await checkEverywhere(publisher, order, addition)
  const folder = packageFolder(order, packages)
  if (isNew && !order.dryRun) for (const one of packages) await vouch(folder + one.name, one)
  if (order.dryRun) return { kind: 'dry-run', seq, offered: false, packages }
  return commit(publisher, order, addition, packages)
}

/** Hashes and copies nothing: who may only read can try out what would be published. */
const readOnce = ({ packages: { stage: _, ...packages }, newHasher }: Staging): Staging => ({ packages, newHasher })

/**
 * What can be refused before any byte is copied.
 * @returns the order, with a known version written as it is in the channel.
 */
async function checkFirst<Order extends ReleaseOrder>(
  publisher: Publisher,
  order: Order,
  files: readonly { readonly name: string; readonly size: number }[],
): Promise<Order> {
  checkOrder({ ...order, files })
  if ((order.notes?.length ?? 0) > maxNotesBytes)
    throw new PlatteError('usage', `the notes have more than ${maxNotesBytes} bytes: no reader takes so many`)
  const state = await loadForWriting(publisher)
  const head = await loadHead(publisher, state, order)
  if (!isLive(head?.manifest) && !order.create) throw unknownChannel(state, order, '--create makes a new one')
  if (!isLive(head?.manifest)) refuseOtherName(state, order)
  if (head === undefined) checkNewName(order.channel)
  if (head !== undefined) checkPlace(head.manifest, order)
  const known = head && findRelease(head.manifest, order.version)
  const isThere = known !== undefined && Object.hasOwn(known.boards, order.board)
  if (!isThere && !order.dryRun) checkKeys(publisher, state)
  return { ...order, version: known?.version ?? order.version }
}

function describe(files: readonly Omit<Package, 'required'>[]): BoardPackages['packages'] {
  const [first, ...others] = files.map(({ name, size, sha256, sha1 }): Package => ({ name, size, sha256, sha1 }))
  if (first === undefined) throw new PlatteError('usage', 'nothing to publish: name a file')
  return [first, ...others.map((one) => ({ ...one, required: false }))]
}

async function makeAddition(
  publisher: Publisher,
  order: ReleaseOrder,
  packages: BoardPackages['packages'],
): Promise<Addition> {
  const { version, board, components, cves, notes, ramp } = order
  return {
    version,
    board,
    packages: { codebases: [], packages },
    publishedAt: instantText(dateOf(publisher)),
    ...(components && { components }),
    ...(cves && { cves: [...new Set(cves)] }),
    ...(ramp && { ramp }),
    ...(notes && { notes: { sha256: await sha256Hex(notes), size: notes.length } }),
  }
}

/**
 * Refuses, before anything gets a name, what the commit would refuse; other bytes in another channel; and a writer
 * whose keys would not do.
 * @returns the seq that holds the release, or would, and whether anything of it is new.
 */
async function checkEverywhere(
  publisher: Publisher,
  order: ReleaseOrder,
  addition: Addition,
): Promise<{ readonly seq: number; readonly isNew: boolean }> {
  const state = await loadForWriting(publisher)
  const { app } = order
  const { apps } = state.catalog.catalog
  const names = new Set(Object.keys((Object.hasOwn(apps, app) ? apps[app]?.channels : undefined) ?? {}))
  let seq = 1
  let isNew = true
  for (const channel of names.add(order.channel)) {
    if (channel !== order.channel) {
      const other = await loadHead(publisher, state, { app, channel }).catch((error: unknown) => {
        if (!(error instanceof PlatteError) || storeFailures.includes(error.code)) throw error
        publisher.log({ level: 'warn', event: 'publish', problem: `cannot compare with ${channel}: ${error.message}` })
        return undefined
      })
      if (other) checkSameBytes(other.manifest, `channel ${channel}`, addition)
      continue
    }
    const head = await loadHead(publisher, state, { app, channel })
    if (head === undefined) continue
    isNew = addRelease(head.manifest, addition) !== head.manifest
    seq = head.manifest.seq + (isNew ? 1 : 0)
  }
  if (isNew && !order.dryRun) checkKeys(publisher, state)
  return { seq, isNew }
}

/** @throws PlatteError('missing') for the first key that is not in the store. */
export async function requirePackages(
  { packages }: Pick<Publisher, 'packages'>,
  keys: Iterable<string>,
  version: string,
): Promise<void> {
  for (const key of keys)
    if ((await packages.stat(key)) === undefined)
      throw new PlatteError('missing', `${key} is not in the store`, {
        hint: `publish ${version} again: what is missing is put back`,
      })
}

async function commit(
  publisher: Publisher,
  order: ReleaseOrder,
  addition: Addition,
  packages: readonly Package[],
): Promise<PublishResult> {
  const { app, channel, notes } = order
  if (notes && addition.notes) await keepNotes(publisher, notesKey(addition.notes.sha256), notes)
  const { head, changed } = await commitChannel(publisher, { app, channel }, (current) => {
    if (!isLive(current) && !order.create) throw new PlatteError('refused', `channel ${channel} went away`)
    return addRelease<ChannelManifest>(revived(current), addition)
  })
  // Somebody may have pruned another channel that had them.
  const folder = packageFolder(order, packages)
  const keys = packages.map(({ name }) => folder + name)
  await requirePackages(publisher, keys, order.version)
  const kind = changed ? 'published' : 'unchanged'
  return {
    kind,
    seq: head.manifest.seq,
    sha256: head.sha256,
    offered: await pointCatalogAt(publisher, { app, channel }, head),
    packages,
  }
}

async function keepNotes({ documents }: StoreWriter, key: string, notes: Uint8Array): Promise<void> {
  if ((await documents.create(key, notes)) !== 'taken') return
  throw new PlatteError('mismatch', `${key} is in the store with other bytes than its name says`, {
    hint: 'something else wrote to this store: remove that object, and run `platte verify`',
  })
}
