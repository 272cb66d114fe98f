/** Replaces keys: everything that a root must verify is signed again before that root is published. */
import { maxCatalogBytes } from '../documents/catalog.ts'
import { catalogKey } from '../documents/paths.ts'
import type { PublicKey, RoleName } from '../documents/root.ts'
import { PlatteError } from '../kernel/errors.ts'
import { isoText } from '../kernel/format.ts'
import { peekKeyIds, seal } from '../trust/envelope.ts'
import { keyIdOf, type Signer } from '../trust/keys.ts'
import type { TrustedRoot } from '../trust/verify-root.ts'
import { commitChannel, loadHead } from './commit-channel.ts'
import { allChannelRefs, editCatalog, refresh } from './edit-catalog.ts'
import {
  type ChannelRef,
  channelEntry,
  encode,
  foundCatalog,
  loadForWriting,
  readManifest,
  type StoreWriter,
} from './read.ts'
import { editRoot, publishRoot, type RootEdit } from './roots.ts'
import { loadPinnedRoot, loadRoot, walk } from './walk-roots.ts'

/** `replaces` is optional where the role has one key. */
export type Rotation = Readonly<{ role: RoleName; key: PublicKey; replaces?: string | undefined }>

/** Root n+1 has both keys; then everything that it must verify is signed again; root n+2 lacks the old key. Safe to repeat. */
export async function rotateKey(writer: StoreWriter, rotation: Rotation, signers: readonly Signer[]) {
  const { role, key, replaces } = rotation
  let root = await loadRoot(writer)
  const step = async (edit: RootEdit): Promise<TrustedRoot> => {
    const next = await editRoot(root, edit, isoText(writer.clock()))
    const fit = signers.filter(({ keyId }) => [root.root, next].some(({ roles }) => roles.root.keyIds.includes(keyId)))
    return publishRoot(writer, await seal('platte-root+jws', encode(next), fit))
  }
  const keyId = await keyIdOf(key)
  const others = root.root.roles[role].keyIds.filter((id) => id !== keyId)
  const replaced = replaces ?? (others.length === 1 ? others[0] : undefined)
  if (replaced === undefined && others.length > 0)
    throw new PlatteError('usage', `${role} has ${others.length} other keys: ${others.join(', ')}`, {
      hint: 'name the key to replace with --replace',
    })
  if (!root.root.roles[role].keyIds.includes(keyId)) root = await step({ add: { role, key } })
  if (replaced === undefined || !root.root.roles[role].keyIds.includes(replaced)) {
    await finish(writer, rotation, root, await rootBefore(writer, root))
    return root
  }
  if (role === 'release') await reissueChannels(writer, replaced)
  await refreshIfAble(writer)
  if (role === 'timestamp') await signWithout(writer, replaced, root)
  const before = root
  root = await step({ remove: { role, keyId: replaced } })
  await finish(writer, rotation, root, before)
  return root
}

const rootBefore = async (writer: StoreWriter, { root }: TrustedRoot): Promise<TrustedRoot | undefined> =>
  root.version > writer.pin.version
    ? walk(writer, await loadPinnedRoot(writer), { upTo: root.version - 1, isWriter: true })
    : undefined

/** Signs again what somebody else signed with the old key while its last root was published. */
async function finish(writer: StoreWriter, { role }: Rotation, root: TrustedRoot, before?: TrustedRoot) {
  const [left] = before?.root.roles[role].keyIds.filter((id) => !root.root.roles[role].keyIds.includes(id)) ?? []
  if (left === undefined) return void (await refreshIfAble(writer))
  await refreshIfAble(writer, before)
  if (role === 'release' && (await reissueChannels(writer, left, before)).length > 0) await refreshIfAble(writer)
}

/** Signs the catalog again unless enough keys signed it that stay. */
async function signWithout(writer: StoreWriter, leaving: string, { root }: TrustedRoot): Promise<void> {
  const { keyIds, threshold } = root.roles.timestamp
  const { bytes } = foundCatalog(await writer.documents.get(catalogKey, maxCatalogBytes))
  const staying = peekKeyIds(bytes, 'platte-catalog+jws').filter((id) => id !== leaving && keyIds.includes(id))
  if (staying.length < threshold) await editCatalog(writer, (catalog) => ({ ...catalog }))
}

/**
 * @param leaving a key to leave out: only channels that it signed are issued again.
 * @param before the root that still had that key: only what the catalog names by then is issued again.
 */
export async function reissueChannels(writer: StoreWriter, leaving?: string, before?: TrustedRoot) {
  const staying = { ...writer, release: writer.release.filter(({ keyId }) => keyId !== leaving) }
  const state = await loadForWriting(writer)
  const issued: ChannelRef[] = []
  for (const ref of await allChannelRefs(writer, state.catalog.catalog)) {
    const head = await loadHead(writer, { ...state, root: before ?? state.root }, ref)
    if (before && head?.manifest.seq !== channelEntry(state.catalog.catalog, ref.app, ref.channel)?.seq) continue
    const stored = await readManifest(writer, ref, head?.manifest.seq ?? 0)
    const signers = stored ? peekKeyIds(stored.bytes, 'platte-channel+jws') : []
    if (leaving !== undefined && !signers.includes(leaving)) continue
    await commitChannel(staying, ref, (current) => ({ ...current }), before)
    issued.push(ref)
  }
  return issued
}

/** @returns whether there was a timestamp key; otherwise the next refresh does it. */
export async function refreshIfAble(writer: StoreWriter, before?: TrustedRoot): Promise<boolean> {
  const { roles } = (await loadRoot(writer)).root
  const fit = writer.timestamp.filter(({ keyId }) => roles.timestamp.keyIds.includes(keyId))
  if (fit.length < roles.timestamp.threshold) return false
  await refresh(writer, { before })
  return true
}
