/** Manifests that take two: the pipeline signs what follows from its order, the function checks that, and signs it too. */

import { encode, type StoreWriter } from '../catalog/write.ts'
import type { Publisher } from '../channels/publish.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { isInstant } from '../documents/fields.ts'
import { channelFolder } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { sameJson } from '../release/add-release.ts'
import { addSignature, peekKeyIds, peekPayload, seal } from '../trust/envelope.ts'
import { maxAheadMs } from '../trust/times.ts'
import { verifyHead } from '../trust/verify-channel.ts'

const type = 'platte-channel+jws'
/** How far a proposal's date may be from now. */
const maxSkewMs = 10 * 60 * 1000

/** A manifest that a pipeline signed, before anything of it is verified. */
export interface Proposal {
  readonly bytes: Uint8Array
  readonly manifest: unknown
  readonly issuedAtMs: number
  readonly hasProvenance: boolean
}

/**
 * Reads a proposal.
 * @throws PlatteError('usage') for what is no sealed manifest, or dated far from `now`.
 */
export function readProposal(envelope: object, now: number): Proposal {
  const bytes = encode(envelope)
  try {
    const manifest: unknown = JSON.parse(new TextDecoder().decode(peekPayload(bytes, type)))
    const { issuedAt, provenance } = manifest as Partial<ChannelManifest>
    const issuedAtMs = isInstant(String(issuedAt)) ? Date.parse(String(issuedAt)) : Number.NaN
    if (now - issuedAtMs <= maxSkewMs && issuedAtMs - now <= maxAheadMs)
      return { bytes, manifest, issuedAtMs, hasProvenance: provenance !== undefined }
  } catch (cause) {
    if (!(cause instanceof PlatteError)) throw cause
    throw new PlatteError('usage', `manifest: ${cause.message}`, { cause })
  }
  throw new PlatteError('usage', 'manifest: was issued too long ago, or in the future', { hint: 'sign a new one' })
}

/**
 * Signs what was proposed, where it is exactly what follows from the order.
 * @throws PlatteError('conflict') from the sealing, where something else follows by now; 'credentials' where the two
 *   signatures together do not do.
 */
export const countersigning = (
  { release }: StoreWriter,
  { bytes, manifest: proposed, issuedAtMs }: Proposal,
): Pick<StoreWriter, 'sealManifest' | 'datedAt'> => ({
  datedAt: issuedAtMs,
  sealManifest: async (manifest, { root }) => {
    if (!sameJson(manifest, proposed))
      throw new PlatteError('conflict', `what was signed is not what follows as ${manifest.seq} now`, {
        hint: 'run the same command again: it reads the channel anew',
      })
    const role = root.root.roles.release.keyIds
    const there = peekKeyIds(bytes, type)
    const ours = release.filter(({ keyId }) => role.includes(keyId) && !there.includes(keyId))
    let signed = bytes
    for (const signer of ours) signed = await addSignature(signed, type, signer)
    const { app, channel, seq, previous } = manifest
    await verifyHead(signed, root, { app, channel, seq, previous }).catch((cause: unknown) => {
      throw cause instanceof PlatteError ? new PlatteError('credentials', cause.message, { cause }) : cause
    })
    return signed
  },
})

/**
 * Makes what `work` would commit, signed with the release keys at hand, and writes nothing.
 * @returns the envelope, or `undefined` where nothing would change.
 * @throws PlatteError('credentials') where none of them is in the role; what `work` throws.
 */
export async function proposalOf(
  publisher: Publisher,
  ref: { readonly app: string; readonly channel: string },
  work: (publisher: Publisher) => Promise<unknown>,
): Promise<object | undefined> {
  let proposed: Uint8Array | undefined
  const folder = channelFolder(ref.app, ref.channel)
  const documents = {
    ...publisher.documents,
    create: async (key: string, bytes: Uint8Array) => {
      if (key.startsWith(folder)) proposed = bytes
      return 'created' as const
    },
  }
  const sealManifest: StoreWriter['sealManifest'] = async (manifest, { root }) => {
    const { keyIds } = root.root.roles.release
    const signers = publisher.release.filter(({ keyId }) => keyIds.includes(keyId))
    return seal(type, encode(manifest), signers)
  }
  await work({ ...publisher, documents, sealManifest, timestamp: [] })
  return proposed && (JSON.parse(new TextDecoder().decode(proposed)) as object)
}
