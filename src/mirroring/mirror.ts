/**
 * Copies another store's channels, verified and verbatim, without any key. The catalog comes last, so everything it names
 * is there before, and a pass goes on where the last one died. The mirror's own catalog is its mark: it only moves forward.
 */
import { storeFailures } from '../catalog/channels.ts'
import { type CatalogState, checkRootThere, loadCatalog, openOwnCatalog } from '../catalog/read.ts'
import { catalogKey } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { timeText } from '../kernel/format.ts'
import { describeError } from '../kernel/log.ts'
import { systemRandom } from '../kernel/random.ts'
import type { Documents } from '../store/documents.ts'
import { update } from '../store/update.ts'
import { sha256Hex } from '../trust/digest.ts'
import { verifyCatalog } from '../trust/verify-documents.ts'
import { copyLacking, copyLackingNotes, copyListed, listLacking } from './mirror-bulk.ts'
import { beginWork, copyChannels } from './mirror-channels.ts'
import { copyHistory } from './mirror-history.ts'
import {
  beginPass,
  type Copied,
  damagedBytes,
  keepRead,
  type Mirroring,
  type MirrorOptions,
  type Pass,
} from './mirror-pass.ts'
import { noRoots, orderRoots, type RootOrder } from './mirror-roots.ts'

/** How often a hold is looked for while packages are copied. */
const defaultLookMs = 60_000

/** Memory of a process between passes; losing it costs requests only. */
export interface MirrorMemory {
  /** The upstream's catalog that was copied without gaps. */
  complete?: CatalogState
  failed?: Pass['failed']
}

export interface MirrorResult extends Readonly<Copied> {
  /** `more`: the bounds were reached. `not-newer`: the upstream is older than this store, as a stale cache is. */
  readonly kind: 'mirrored' | 'unchanged' | 'not-newer' | 'more'
  /** Of this store's catalog, if it has one. */
  readonly issuedAt?: string
  readonly expires?: string
}

/**
 * @throws PlatteError('fork') where the upstream contradicts this store; 'bad-signature', 'mismatch', 'expired', … for
 *   what fails to verify, with the catalog unchanged; 'store-unavailable'.
 */
export async function mirror(mirroring: Mirroring, options: MirrorOptions, memory: MirrorMemory = {}) {
  const pass = beginPass(mirroring, options, options.bounds && memory.failed)
  memory.failed = pass.failed
  const mark = memory.complete ?? (await loadMark(pass))
  const state = await loadNewer(pass, mark, memory.complete === undefined)
  if (state === undefined) {
    if (mark && options.bundle === 'import') await copyAll(pass, mark, mark, noRoots)
    return resultOf(pass, mark, 'not-newer')
  }
  if (state === memory.complete) return resultOf(pass, state, 'unchanged')
  const kind = await copyAll(pass, state, mark)
  // The next pass asks again for what was missing.
  const { absent, missing } = pass.copied
  if (kind !== 'more' && absent.length + missing.length === 0) memory.complete = state
  return resultOf(pass, kind === 'more' ? mark : state, kind)
}

function resultOf({ copied }: Pass, state: CatalogState | undefined, kind: MirrorResult['kind']): MirrorResult {
  const { issuedAt, expires } = state?.catalog.catalog ?? {}
  const absent = copied.absent.toSorted()
  return { kind, ...(issuedAt && { issuedAt }), ...(expires && { expires }), ...copied, absent }
}

/** Manifests, the list of packages that are lacking, the catalog: brakes first. Then packages and history. */
async function copyAll(pass: Pass, state: CatalogState, mark?: CatalogState, roots?: RootOrder) {
  const { bounds, bundle, lookEveryMs } = pass.options
  const signed = await copySigned(pass, state, mark, roots)
  if (signed === 'more') return 'more'
  const { work, isWritten } = signed
  if (!bundle) {
    if (bounds) {
      const [bulk, history] = [await copyListed(work), await copyHistory(work)]
      if (bulk === 'more' || history === 'more') return 'more'
    } else {
      // History has the same notes: both at once would copy them twice.
      const documents = copyLackingNotes(work).then(() => copyHistory(work))
      await whileLooking(pass, both(copyLacking(work), documents), state, lookEveryMs)
    }
  }
  return isWritten || pass.copied.documents + pass.copied.packages > 0 ? 'mirrored' : 'unchanged'
}

/** Copies what is signed, and the catalog last: readers of the own store follow it at once. */
async function copySigned(pass: Pass, state: CatalogState, mark?: CatalogState, known?: RootOrder) {
  const { bounds, bundle } = pass.options
  const roots = known ?? (await orderRoots(pass, state, mark))
  for (const key of roots.early) await keepRead(pass, key, state.root)
  const begun = await beginWork(pass, state)
  const channels = await copyChannels(begun)
  if (channels === 'more') return 'more'
  const work = { ...begun, channels }
  if (bundle) await copyHistory(work)
  if (bundle !== 'export' && bounds === undefined) await listLacking(work)
  for (const key of roots.staged) await keepRead(pass, key, state.root)
  const isWritten = state.catalog.sha256 !== mark?.catalog.sha256 && (await putCatalog(pass, state))
  for (const key of roots.late) await keepRead(pass, key, state.root)
  return { work, isWritten }
}

/** Waits for both, also where one fails. */
async function both(...work: readonly [Promise<void>, Promise<unknown>]): Promise<void> {
  await Promise.allSettled(work)
  await Promise.all(work)
}

/** Packages may take hours: meanwhile, a hold must come through. The next pass copies the packages of what is new. */
async function whileLooking(pass: Pass, copying: Promise<void>, state: CatalogState, everyMs = defaultLookMs) {
  let seen = state
  const done = copying.then(() => true)
  for (;;) {
    let timer: ReturnType<typeof setTimeout> | undefined
    const tick = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), everyMs)
    })
    try {
      if (await Promise.race([done, tick])) return
    } finally {
      clearTimeout(timer)
    }
    seen = await lookAgain(pass, seen)
  }
}

async function lookAgain({ original, options }: Pass, seen: CatalogState): Promise<CatalogState> {
  const pass = beginPass(original, options)
  try {
    const state = await loadNewer(pass, seen, false)
    if (state === undefined || state === seen) return seen
    await copySigned(pass, state, seen)
    return state
  } catch (error) {
    pass.from.log({ level: 'warn', event: 'mirror', ...describeError(error) })
    return seen
  }
}

/** The catalog of the own store, whatever its age; `undefined` where it is damaged, as a new mirror has none. */
async function loadMark({ from, to, tokenOf }: Pass): Promise<CatalogState | undefined> {
  const stored = await to.documents.get(catalogKey, damagedBytes)
  if (stored === undefined) return undefined
  const token = tokenOf?.(await sha256Hex(stored.bytes)) ?? ''
  // A pin may name a root that only the upstream has yet, and the own copy of one may be damaged.
  for (const [first, second] of [
    [to, from],
    [from, to],
  ] as const) {
    const get: Documents['get'] = async (key, maxBytes) =>
      (await first.documents.get(key, maxBytes)) ?? (await second.documents.get(key, maxBytes))
    try {
      return await openOwnCatalog({ ...from, documents: { ...to.documents, get } }, { bytes: stored.bytes, token })
    } catch (error) {
      if (!(error instanceof PlatteError) || storeFailures.includes(error.code)) throw error
      from.log({ level: 'warn', event: 'mirror', ...describeError(error) })
    }
  }
  return undefined
}

/** @returns the upstream's catalog, `mark` where it is the same, or `undefined` where it is older. */
async function loadNewer({ from }: Pass, mark: CatalogState | undefined, anew: boolean) {
  try {
    const state = await loadCatalog(from, mark, { anew })
    checkRootThere(state.catalog.catalog.root, state.root)
    if (from.clock() < state.catalog.expiresMs) return state
    throw new PlatteError('expired', `the upstream's catalog expired at ${timeText(state.catalog.catalog.expires)}`)
  } catch (error) {
    if (mark === undefined || !(error instanceof PlatteError && error.code === 'rollback')) throw error
    from.log({ level: 'warn', event: 'mirror', problem: error.message })
    return undefined
  }
}

/** @returns whether it was written; another mirror of this store may have been faster. */
async function putCatalog(pass: Pass, state: CatalogState): Promise<boolean> {
  const { from, to, read } = pass
  const bytes = read.get(catalogKey) ?? new Uint8Array()
  return update({ documents: to.documents, random: systemRandom }, catalogKey, async () => {
    const token = (await to.documents.get(catalogKey, damagedBytes))?.token
    const mark = await loadMark(pass)
    if (mark !== undefined && mark.catalog.issuedAtMs > state.catalog.issuedAtMs) return { result: false }
    const { acceptStaleMs } = from
    await verifyCatalog(bytes, state.root, { now: from.clock(), seen: mark?.catalog, acceptStaleMs })
    if (mark?.catalog.sha256 === state.catalog.sha256) return { result: false }
    return { result: true, write: { key: catalogKey, bytes, token } }
  })
}
