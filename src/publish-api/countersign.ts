/** Manifests with two signatures: the pipeline signs its plan; the function plans the same command, compares and signs. */
import type { Seal } from '../catalog/commit-channel.ts'
import { encode } from '../catalog/read.ts'
import type { Plan } from '../channels/plan.ts'
import { checkChannel } from '../documents/channel.ts'
import { PlatteError } from '../kernel/errors.ts'
import { parseJsonObject } from '../kernel/json.ts'
import { sameJson } from '../release/add-release.ts'
import { addSignature, peekKeyIds, readEnvelope, seal } from '../trust/envelope.ts'
import type { Signer } from '../trust/keys.ts'
import { verifyHead } from '../trust/verify-documents.ts'
import { maxAheadMs } from '../trust/verify-root.ts'

const type = 'platte-channel+jws'
/** A proposal may be at most this old. */
const maxAgeMs = 10 * 60 * 1000

/** A manifest that a pipeline signed, before anything of it is verified. */
export interface Proposal {
  readonly bytes: Uint8Array
  readonly manifest: unknown
  readonly issuedAtMs: number
  readonly hasProvenance: boolean
}

/** @throws PlatteError('usage') for anything but a sealed manifest with a date near `now`. */
export function readProposal(envelope: object, now: number): Proposal {
  const bytes = encode(envelope)
  try {
    const manifest = parseJsonObject(new TextDecoder().decode(readEnvelope(bytes, type).payload))
    if (manifest === undefined) throw new PlatteError('usage', 'its payload is not a JSON object')
    const { issuedAt, provenance } = checkChannel(manifest, 'usage')
    const issuedAtMs = Date.parse(issuedAt)
    if (now - issuedAtMs <= maxAgeMs && issuedAtMs - now <= maxAheadMs)
      return { bytes, manifest, issuedAtMs, hasProvenance: provenance !== undefined }
  } catch (cause) {
    if (!(cause instanceof PlatteError)) throw cause
    throw new PlatteError('usage', `manifest: ${cause.message}`, { cause })
  }
  throw new PlatteError('usage', 'manifest: was issued too long ago, or in the future', { hint: 'sign a new one' })
}

/**
 * Adds signatures to a proposal that equals the manifest that the function planned.
 * @throws PlatteError('conflict') if the plan differs; 'credentials' if the signatures are too few.
 */
export const countersign =
  (release: readonly Signer[], { bytes, manifest: proposed }: Proposal): Seal =>
  async (manifest, { root }) => {
    if (!sameJson(manifest, proposed))
      throw new PlatteError('conflict', `the signed manifest is not revision ${manifest.seq} of the current state`, {
        hint: 'run the same command again: it plans on the newest state',
      })
    const role = root.root.roles.release.keyIds
    const there = peekKeyIds(bytes, type)
    let signed = bytes
    const { app, channel, seq, previous } = manifest
    try {
      for (const signer of release.filter(({ keyId }) => role.includes(keyId) && !there.includes(keyId)))
        signed = await addSignature(signed, type, signer)
      await verifyHead(signed, root, { app, channel, seq, previous })
    } catch (cause) {
      throw cause instanceof PlatteError ? new PlatteError('credentials', cause.message, { cause }) : cause
    }
    return signed
  }

/** Signs a plan that has a manifest with the release keys at hand. @throws PlatteError('credentials') for none of the role. */
export async function proposalOf(release: readonly Signer[], { manifest, state }: Plan): Promise<object | undefined> {
  if (manifest === undefined) return undefined
  const { keyIds } = state.catalog.root.root.roles.release
  const signers = release.filter(({ keyId }) => keyIds.includes(keyId))
  return JSON.parse(new TextDecoder().decode(await seal(type, encode(manifest), signers)))
}
