/** Publishes a release: packages, then the manifest (the commit), then the catalog. Safe to repeat from any point. */
import { checkKeys } from '../catalog/edit-catalog.ts'
import type { StoreReader } from '../catalog/read.ts'
import { PlatteError } from '../kernel/errors.ts'
import { defined } from '../kernel/json.ts'
import { judged } from '../payload/check.ts'
import { boardOf, findRelease } from '../release/add-release.ts'
import {
  type BoardContent,
  type BoardPackages,
  filesOf,
  type Image,
  isImage,
  type Package,
} from '../release/channel.ts'
import type { Change } from '../release/diff.ts'
import { isHoldOf } from '../release/edits.ts'
import type { StagedPackage } from '../store/packages.ts'
import { commit, draftChange, preview, requirePackages, type Signing } from './commit.ts'
import { checkFor, type Judging, judgeAdded } from './payload.ts'
import { type Committer, type EditResult, type EditState, entryOf, loadState, type Plan } from './plan.ts'
import { withMarksBelow } from './promote.ts'
import {
  checkAdmission,
  checkRelease,
  isReplaced,
  type ReleaseOrder,
  releaseEdit,
  type StoredOrder,
} from './release-edit.ts'
import { requireUnseen } from './replace.ts'
import { requireRoom } from './room.ts'
import { digestsOf, type Hashed, hashAll, hashAndStage, type OnBytes, type Source, type Staging } from './staging.ts'

/** The OS package first; or an image in place of files. */
export type PublishOrder = ReleaseOrder & { readonly sources: readonly Source[]; readonly image?: Image }

export interface Publisher extends Committer, Staging {}

export interface PublishResult
  extends Pick<EditResult, 'seq' | 'sha256' | 'signs' | 'warnings' | 'effects' | 'payloadKeys'> {
  /** `unchanged`: all of it was published before. */
  readonly kind: 'published' | 'unchanged' | 'dry-run'
  /** `false`: offered after the next refresh, because the timestamp key was not at hand. */
  readonly offered: boolean
  readonly packages: readonly Package[]
  /** In place of packages. */
  readonly image?: Image
  /** Why nobody is offered it yet. */
  readonly withheld?: string
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
  const state = await admit(publisher, order)
  if (!isKnown(state, order)) checkKeys(publisher, state.catalog)
  const sources = guarded(publisher, order, state)
  const staged = await (order.codebases ? hashAll : hashAndStage)(publisher, sources, onBytes)
  const kept = new Set<StagedPackage>()
  try {
    const content = contentOf(order, staged)
    const planned = await planRelease(publisher, { ...order, content }, signing)
    await checkPlanned(publisher, { ...order, content }, planned, true)
    if (planned.manifest) checkKeys(publisher, planned.state.catalog)
    for (const [i, one] of staged.entries()) {
      await one.keep(planned.packages[i] ?? '')
      kept.add(one)
    }
    return publishResult(await commit(publisher, planned, signing.seal), content, withheldBy(planned, order))
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
  const state = await admit(publisher, order)
  const hashed: Hashed[] = []
  for (const source of guarded(publisher, order, state))
    hashed.push(await digestsOf(source, publisher.newHasher, onBytes))
  const content = contentOf(order, hashed)
  const planned = await planRelease(publisher, { ...order, content })
  await checkPlanned(publisher, { ...order, content }, planned, true)
  return publishResult(await preview(publisher, planned), content, withheldBy(planned, order))
}

/** Why no machine is offered a board of a version that is in a plan. */
export function withheldBy({ edited, edit, state }: Plan, { version, board }: Pick<ReleaseOrder, 'version' | 'board'>) {
  const hold = entryOf(state, edit.ref).holds?.find(isHoldOf(version, [board]))
  return (edited && findRelease(edited, version)?.withdrawn?.reason) ?? hold?.reason
}

const contentOf = ({ image, codebases = [], sources }: PublishOrder, hashed: readonly Hashed[]): BoardContent =>
  image ?? { codebases, packages: describe(sources, hashed) }

export function publishResult(result: EditResult, content: BoardContent, withheld?: string): PublishResult {
  const { kind, seq, inForce, sha256, signs, changes, warnings, effects, payloadKeys } = result
  const done = kind === 'changed' ? 'published' : kind
  const more = defined({
    sha256: sha256 || undefined,
    warnings,
    effects,
    payloadKeys,
    withheld,
    ...(signs && { signs, changes }),
  })
  return {
    kind: done,
    seq,
    offered: inForce,
    ...more,
    packages: filesOf(content),
    ...(isImage(content) && { image: content }),
  }
}

/** Refuses what can be refused before a file is read. */
async function admit(publisher: Publisher, order: PublishOrder): Promise<EditState> {
  checkRelease(order, order.sources)
  const details = withMarksBelow(order.version, order.withFloors)
  const state = await loadState(publisher, { ref: order, others: 'readable', details })
  checkAdmission(state, order)
  await requireRoom(state, order, order.sources, publisher.clock())
  return state
}

/** Stops reading a file that its clients would refuse. */
function guarded(publisher: Judging, order: PublishOrder, state: EditState): readonly Source[] {
  if (order.raw || isKnown(state, order)) return order.sources
  const check = checkFor(publisher, order.app, state)
  return order.sources.map((one, i) => ({ ...one, open: () => judged(one.open(), check(one, i, order.version)) }))
}

/** @throws PlatteError('mismatch') for another digest than a source has. */
export function describe(sources: readonly Source[], hashed: readonly Hashed[]): BoardPackages['packages'] {
  const packages = hashed.map(({ size, sha256, sha1 }, i) => {
    const { name = '', install, patch, ...said }: Partial<Source> = sources[i] ?? {}
    requireDigest(`${name}: has SHA-256`, sha256, said.sha256)
    requireDigest(`${name}: has SHA-1`, sha1, said.sha1)
    return { ...{ name, size, sha256, sha1 }, ...defined({ install, patch }) }
  })
  return withOptional(packages as [Package, ...Package[]])
}

function requireDigest(what: string, found: string, said = found): void {
  if (found === said) return
  throw new PlatteError('mismatch', `${what} ${found}, expected ${said}`, {
    hint: 'the file, or what names its digest (its .sha256, or the other server), is wrong or was replaced: ask its publisher; nothing was published',
  })
}

/** A machine needs the first package, and may do without the others. */
export const withOptional = ([first, ...others]: BoardPackages['packages']): BoardPackages['packages'] => [
  first,
  ...others.map((one) => ({ ...one, required: false })),
]

/** Other channels that cannot be read are logged as warnings. */
export async function planRelease(reader: StoreReader, order: StoredOrder, signing: Signing = {}): Promise<Plan> {
  checkRelease(order, filesOf(order.content))
  const edit = await releaseEdit(order)
  const planned = await draftChange(reader, edit, signing)
  for (const problem of planned.state.unreadable) reader.log({ level: 'warn', event: 'publish', problem })
  return planned
}

/**
 * Refuses what only a writer of the store can tell: history, the packages of floors, and payloads that are there already.
 * @param isJudged whether the release's own payloads were judged while they were read.
 */
export async function checkPlanned(writer: Publisher, order: StoredOrder, planned: Plan, isJudged = false) {
  const { state, manifest, packages: keys } = planned
  if (manifest === undefined) return
  if (isReplaced(state.head?.manifest, order)) await requireUnseen(writer, order)
  const { version, board, content } = order
  const own = isImage(content) || content.codebases.length > 0 ? 0 : content.packages.length
  await requirePackages(writer, keys.slice(own))
  if (!order.raw && !isKnown(state, order)) await judgeAdded(writer, planned, { version, board, isJudged })
}

/** Whether the board has the version already, and keeps it. */
const isKnown = ({ head }: EditState, { version, board, replace }: ReleaseOrder): boolean =>
  !replace && boardOf(head && findRelease(head.manifest, version), board) !== undefined
