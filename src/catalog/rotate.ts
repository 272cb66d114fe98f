/** Replaces a key. Everything can be verified at every moment. */
import { maxChannelBytes } from '../documents/channel.ts'
import { channelKey } from '../documents/paths.ts'
import type { PublicKey, RoleName } from '../documents/root.ts'
import { PlatteError } from '../kernel/errors.ts'
import { peekKeyIds, seal } from '../trust/envelope.ts'
import { keyIdOf } from '../trust/keys.ts'
import type { Signer } from '../trust/signer.ts'
import type { TrustedRoot } from '../trust/verify-root.ts'
import { commitChannel, loadHead } from './commit-channel.ts'
import { type ChannelRef, loadRoot } from './read.ts'
import { allChannelRefs, refresh } from './refresh.ts'
import { editRoot, publishRoot, type RootEdit } from './roots.ts'
import { encode, instantText, loadForWriting, type StoreWriter } from './write.ts'

export interface Rotation {
  readonly role: RoleName
  readonly key: PublicKey
  /** The key to replace; optional where the role has one key. */
  readonly replaces?: string
}

/** Root n+1 has both keys; then every channel is issued anew; root n+2 lacks the old key. Safe to repeat. */
export async function rotateKey(
  writer: StoreWriter,
  rotation: Rotation,
  signers: readonly Signer[],
): Promise<TrustedRoot> {
  const { role, key } = rotation
  const keyId = await keyIdOf(key)
  let root = await loadRoot(writer)
  const others = root.root.roles[role].keyIds.filter((id) => id !== keyId)
  const replaced = rotation.replaces ?? (others.length === 1 ? others[0] : undefined)
  if (replaced === undefined && others.length > 0)
    throw new PlatteError('usage', `${role} has ${others.length} other keys: ${others.join(', ')}`, {
      hint: 'name the key to replace with --replace',
    })
  if (!root.root.roles[role].keyIds.includes(keyId)) root = await step(writer, root, { add: { role, key } }, signers)
  const isDone = replaced === undefined || !root.root.roles[role].keyIds.includes(replaced)
  if (!isDone) {
    if (role === 'release') await reissueChannels(writer, replaced)
    await refreshIfAble(writer)
    root = await step(writer, root, { remove: { role, keyId: replaced } }, signers)
  }
  await refreshIfAble(writer)
  return root
}

async function step(
  writer: StoreWriter,
  root: TrustedRoot,
  edit: RootEdit,
  signers: readonly Signer[],
): Promise<TrustedRoot> {
  const next = await editRoot(root, edit, instantText(writer.clock()))
  const fit = signers.filter(({ keyId }) => [root.root, next].some(({ roles }) => roles.root.keyIds.includes(keyId)))
  return publishRoot(writer, await seal('platte-root+jws', encode(next), fit))
}

/** @param leaving a key to leave out: only channels that it signed are issued anew. */
export async function reissueChannels(writer: StoreWriter, leaving?: string): Promise<readonly ChannelRef[]> {
  const staying = { ...writer, release: writer.release.filter(({ keyId }) => keyId !== leaving) }
  const state = await loadForWriting(writer)
  const issued: ChannelRef[] = []
  for (const ref of await allChannelRefs(writer, state.catalog.catalog)) {
    const head = await loadHead(writer, state, ref)
    const stored = await writer.documents.get(
      channelKey(ref.app, ref.channel, head?.manifest.seq ?? 0),
      maxChannelBytes,
    )
    const signers = stored ? peekKeyIds(stored.bytes, 'platte-channel+jws') : []
    if (leaving !== undefined && !signers.includes(leaving)) continue
    await commitChannel(staying, ref, (current) => ({ ...current }))
    issued.push(ref)
  }
  return issued
}

/** @returns whether the timestamp key was at hand; otherwise the next refresh does it. */
export async function refreshIfAble(writer: StoreWriter): Promise<boolean> {
  const { roles } = (await loadRoot(writer)).root
  const fit = writer.timestamp.filter(({ keyId }) => roles.timestamp.keyIds.includes(keyId))
  if (fit.length < roles.timestamp.threshold) return false
  await refresh(writer)
  return true
}
