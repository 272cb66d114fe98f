/**
 * Copies another store's channels, verified and verbatim, without any key. The catalog comes last, so everything it names
 * is there before, and a pass goes on where the last one died. The mirror's own catalog is its mark: it only moves forward.
 */
import { type CatalogState, loadCatalog } from '../catalog/read.ts'
import { maxCatalogBytes } from '../documents/catalog.ts'
import { catalogKey } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { timeText } from '../kernel/format.ts'
import { systemRandom } from '../kernel/random.ts'
import { update } from '../store/update.ts'
import { sha256Hex } from '../trust/digest.ts'
import { verifyCatalog } from '../trust/verify-documents.ts'
import { beginWork, copyChannels, copyHistory } from './mirror-channels.ts'
import { beginPass, type Copied, keepRead, type Mirroring, type MirrorOptions, type Pass } from './mirror-pass.ts'

/** Memory of a process between passes; losing it costs requests only. */
export interface MirrorMemory {
  /** The upstream's catalog that was copied without gaps. */
  complete?: CatalogState
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
  const pass = beginPass(mirroring, options)
  const mark = memory.complete ?? (await loadMark(pass))
  const state = await loadNewer(pass, mark)
  if (state === undefined) {
    if (mark && options.fillFromOlder) await copyAll(pass, mark, mark)
    return resultOf(pass, mark, 'not-newer')
  }
  if (state === memory.complete) return resultOf(pass, state, 'unchanged')
  for (const key of pass.read.keys()) if (key.startsWith('root/')) await keepRead(pass, key)
  const kind = await copyAll(pass, state, mark)
  // The next pass asks again for what was missing.
  if (kind !== 'more' && pass.copied.absent.length === 0) memory.complete = state
  return resultOf(pass, kind === 'more' ? mark : state, kind)
}

function resultOf({ copied }: Pass, state: CatalogState | undefined, kind: MirrorResult['kind']): MirrorResult {
  const { issuedAt, expires } = state?.catalog.catalog ?? {}
  const absent = copied.absent.toSorted()
  return { kind, ...(issuedAt && { issuedAt }), ...(expires && { expires }), ...copied, absent }
}

/** In the order of a publish: packages, manifests, catalog. A schedule leaves history to the end. */
async function copyAll(pass: Pass, state: CatalogState, mark?: CatalogState): Promise<MirrorResult['kind']> {
  const isBounded = pass.options.bounds !== undefined
  const begun = await beginWork(pass, state)
  const channels = await copyChannels(begun)
  if (channels === 'more') return 'more'
  const work = { ...begun, channels }
  if (!isBounded) await copyHistory(work)
  const isWritten = state.catalog.sha256 !== mark?.catalog.sha256 && (await putCatalog(pass, state))
  if (isBounded && (await copyHistory(work)) === 'more') return 'more'
  return isWritten || pass.copied.documents + pass.copied.packages > 0 ? 'mirrored' : 'unchanged'
}

/** The catalog of the own store, whatever its age. */
async function loadMark({ from, to, tokenOf }: Pass): Promise<CatalogState | undefined> {
  const stored = await to.documents.get(catalogKey, maxCatalogBytes)
  if (stored === undefined) return undefined
  // A pin may name a root that only the upstream has yet.
  const get: typeof to.documents.get = async (key, maxBytes, known) => {
    if (key === catalogKey) return stored
    return (await to.documents.get(key, maxBytes, known)) ?? (await from.documents.get(key, maxBytes, known))
  }
  const state = await loadCatalog({ ...from, documents: { ...to.documents, get } }, undefined, { anyTime: true })
  return { ...state, token: tokenOf?.(await sha256Hex(stored.bytes)) ?? '' }
}

/** @returns the upstream's catalog, `mark` where it is the same, or `undefined` where it is older. */
async function loadNewer({ from }: Pass, mark: CatalogState | undefined): Promise<CatalogState | undefined> {
  try {
    const state = await loadCatalog(from, mark)
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
    const token = (await to.documents.get(catalogKey, maxCatalogBytes))?.token
    const mark = await loadMark(pass)
    if (mark !== undefined && mark.catalog.issuedAtMs > state.catalog.issuedAtMs) return { result: false }
    const { acceptStaleMs } = from
    await verifyCatalog(bytes, state.root, { now: from.clock(), seen: mark?.catalog, acceptStaleMs })
    if (mark?.catalog.sha256 === state.catalog.sha256) return { result: false }
    return { result: true, write: { key: catalogKey, bytes, token } }
  })
}
