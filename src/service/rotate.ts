/** Replaces a key without a moment in which anything cannot be verified. */
import { maxChannelBytes } from '../documents/channel.ts'
import { channelKey } from '../documents/paths.ts'
import type { PublicKey, RoleName } from '../documents/root.ts'
import { PlatteError } from '../errors.ts'
import type { Signer } from '../ports/signer.ts'
import { peekKeyIds, seal } from '../trust/envelope.ts'
import { keyIdOf } from '../trust/keys.ts'
import type { TrustedRoot } from '../trust/verify-root.ts'
import { commitChannel, loadHead } from './commit-channel.ts'
import { loadRoot, type Place } from './reading.ts'
import { allPlaces, refresh } from './refresh.ts'
import { editRoot, publishRoot, type RootEdit } from './roots.ts'
import { encode, instantText, loadForWriting, type Writing } from './writing.ts'

/** Which key takes the place of which. */
export interface Rotation {
  readonly role: RoleName
  readonly key: PublicKey
  /** The key to replace; may be left out where the role has one key. */
  readonly replaces?: string
}

/**
 * Replaces a key: root n+1 with old and new → every channel issued anew → root n+2 without the old. Each step looks at
 * what is there, so a rotation that stopped anywhere goes on when it is run again.
 * @param signers the root keys; for a rotation of the root role the new one too.
 */
export async function rotateKey(
  writing: Writing,
  rotation: Rotation,
  signers: readonly Signer[],
): Promise<TrustedRoot> {
  const { role, key } = rotation
  const keyId = await keyIdOf(key)
  let root = await loadRoot(writing)
  const others = root.root.roles[role].keyIds.filter((id) => id !== keyId)
  const replaced = rotation.replaces ?? (others.length === 1 ? others[0] : undefined)
  if (replaced === undefined && others.length > 0)
    throw new PlatteError('usage', `${role} has ${others.length} other keys: ${others.join(', ')}`, {
      hint: 'say with --replace which one goes',
    })
  if (!root.root.roles[role].keyIds.includes(keyId)) root = await step(writing, root, { add: { role, key } }, signers)
  const isDone = replaced === undefined || !root.root.roles[role].keyIds.includes(replaced)
  if (!isDone) {
    if (role === 'release') await reissueChannels(writing, replaced)
    await refreshIfAble(writing)
    root = await step(writing, root, { remove: { role, keyId: replaced } }, signers)
  }
  await refreshIfAble(writing)
  return root
}

async function step(
  writing: Writing,
  root: TrustedRoot,
  edit: RootEdit,
  signers: readonly Signer[],
): Promise<TrustedRoot> {
  const next = await editRoot(root, edit, instantText(writing.clock()))
  const fit = signers.filter(({ keyId }) => [root.root, next].some(({ roles }) => roles.root.keyIds.includes(keyId)))
  return publishRoot(writing, await seal('platte-root+jws', encode(next), fit))
}

/**
 * Issues channels anew with the same content: those that the leaving key signed, by the other release keys at hand; or,
 * where none is leaving, all of them by all keys at hand.
 */
export async function reissueChannels(writing: Writing, leaving?: string): Promise<readonly Place[]> {
  const staying = { ...writing, release: writing.release.filter(({ keyId }) => keyId !== leaving) }
  const state = await loadForWriting(writing)
  const issued: Place[] = []
  for (const place of await allPlaces(writing, state.catalog.catalog)) {
    const head = await loadHead(writing, state, place)
    const stored = await writing.documents.get(
      channelKey(place.app, place.channel, head?.manifest.seq ?? 0),
      maxChannelBytes,
    )
    const signers = stored ? peekKeyIds(stored.bytes, 'platte-channel+jws') : []
    if (leaving !== undefined && !signers.includes(leaving)) continue
    await commitChannel(staying, place, (current) => ({ ...current }))
    issued.push(place)
  }
  return issued
}

/**
 * Lets the catalog name what is newest, where the timestamp key is at hand; else the next refresh does.
 * @returns whether it was at hand.
 */
export async function refreshIfAble(writing: Writing): Promise<boolean> {
  const { roles } = (await loadRoot(writing)).root
  const fit = writing.timestamp.filter(({ keyId }) => roles.timestamp.keyIds.includes(keyId))
  if (fit.length < roles.timestamp.threshold) return false
  await refresh(writing)
  return true
}
