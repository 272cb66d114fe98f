/**
 * Signed documents: JWS General JSON Serialization (RFC 7515, section 7.2.1), held to one spelling.
 *
 * An envelope is, byte for byte, what `seal` writes: compact JSON of `payload` and `signatures`, each signature of
 * `protected` and `signature`, each protected header of `alg`, `kid` and `typ`, in these orders. Any other spelling is
 * refused. jose verifies single signatures; counting is done here, because its `generalVerify` stops at the first good one,
 * ignores `typ`, and accepts `alg` and `kid` from the unprotected header.
 */
import { errors, flattenedVerify } from 'jose'
import { PlatteError } from '../kernel/errors.ts'
import type { Verified } from '../kernel/verified.ts'
import { toBase64url } from './base64url.ts'
import { sha256Hex } from './digest.ts'
import {
  checkSize,
  type EnvelopeType,
  type Header,
  malformed,
  maxSignatures,
  parse,
  quote,
  readEnvelope,
  renderEnvelope,
  renderHeader,
  type Signature,
  signatureBytes,
  types,
} from './envelope-format.ts'
import type { VerifyingKey } from './keys.ts'
import type { Signer } from './signer.ts'

/** Who must have signed. */
export interface SigningRole {
  readonly keys: readonly VerifyingKey[]
  /** How many of the keys must sign. */
  readonly threshold: number
}

const encoder = new TextEncoder()
/**
 * Signs a document.
 * @param payload JSON as `JSON.stringify` writes it, so that no member is there twice.
 * @throws PlatteError('credentials') if a key is missing, given twice or does not sign; 'bad-document'; 'too-large'.
 */
export async function seal(
  type: EnvelopeType,
  payload: Uint8Array,
  signers: readonly Signer[],
): Promise<Uint8Array<ArrayBuffer>> {
  const { name } = types[type]
  if (signers.length === 0) throw new PlatteError('credentials', `${name}: there is no key to sign with`)
  if (signers.length > maxSignatures)
    throw new PlatteError('too-large', `${name}: more than ${maxSignatures} signatures`)
  if (new Set(signers.map(({ keyId }) => keyId)).size !== signers.length)
    throw new PlatteError('credentials', `${name}: the same key is to sign twice`)
  checkPayload(payload, name)
  const text = toBase64url(payload)
  const signatures = await Promise.all(signers.map((signer) => sign(type, text, signer)))
  return render(type, text, signatures)
}

/**
 * Adds a signature to a sealed document, or replaces that of the same key. Does not judge the payload.
 * @throws PlatteError('bad-signature') for a malformed envelope, or one of another `type`; as `seal` otherwise.
 */
export async function addSignature(
  bytes: Uint8Array,
  type: EnvelopeType,
  signer: Signer,
): Promise<Uint8Array<ArrayBuffer>> {
  const { name } = types[type]
  const envelope = readEnvelope(bytes, type)
  const other = envelope.signatures.find(({ header }) => header.typ !== type)
  if (other) throw malformed(name, `is signed as ${quote(other.header.typ)}, not as ${type}`)
  const added = await sign(type, envelope.text, signer)
  const index = envelope.signatures.findIndex(({ header }) => header.kid === signer.keyId)
  const signatures = index < 0 ? [...envelope.signatures, added] : envelope.signatures.with(index, added)
  if (signatures.length > maxSignatures)
    throw new PlatteError('too-large', `${name}: more than ${maxSignatures} signatures`)
  return render(type, envelope.text, signatures)
}

/**
 * Opens a document that enough keys of `role` have signed as `type` (steps 1 to 3 of verifying).
 * @returns the signed bytes.
 * @throws PlatteError('too-large') beyond the type's cap; 'bad-signature' saying why each signature did not count.
 */
export async function openEnvelope(
  bytes: Uint8Array,
  type: EnvelopeType,
  role: SigningRole,
): Promise<Verified<Uint8Array>> {
  const envelope = readEnvelope(bytes, type)
  const keys = new Map(role.keys.map((key) => [key.keyId, key]))
  const good = new Set<string>()
  const reasons: string[] = []
  for (const signature of envelope.signatures) {
    const { kid } = signature.header
    const reason = good.has(kid)
      ? 'counts once'
      : await whyNot(signature, { type, text: envelope.text, key: keys.get(kid) })
    if (reason === undefined) good.add(kid)
    else reasons.push(`key ${kid.slice(0, 8)}…: ${reason}`)
    if (good.size >= role.threshold) return asVerified(envelope.payload)
  }
  throw malformed(
    types[type].name,
    `${good.size} of ${role.threshold} needed signatures are good${reasons.length > 0 ? ` (${reasons.join('; ')})` : ''}`,
  )
}

/**
 * Opens a document by a digest from the pin or a verified document, without checking signatures.
 * @param sha256 of the envelope's bytes, lower-case hex.
 * @throws PlatteError('mismatch') for other bytes; 'too-large', 'bad-signature' for a malformed envelope.
 */
export async function openByDigest(
  bytes: Uint8Array,
  type: EnvelopeType,
  sha256: string,
): Promise<Verified<Uint8Array>> {
  const { name, maxBytes } = types[type]
  checkSize(bytes, name, maxBytes)
  const found = await sha256Hex(bytes)
  if (found !== sha256) throw new PlatteError('mismatch', `${name}: its SHA-256 is ${found}, not ${sha256}`)
  return asVerified(readEnvelope(bytes, type).payload)
}

/** The unverified payload of a well-formed envelope: for finding the root to verify it with. */
export const peekPayload = (bytes: Uint8Array, type: EnvelopeType): Uint8Array => readEnvelope(bytes, type).payload

/** The unverified key ids of a well-formed envelope: for finding what to sign anew. */
export const peekKeyIds = (bytes: Uint8Array, type: EnvelopeType): readonly string[] =>
  readEnvelope(bytes, type).signatures.map(({ header }) => header.kid)

const asVerified = (payload: Uint8Array): Verified<Uint8Array> => payload as Verified<Uint8Array>

/** @returns why a signature does not count; `undefined` where it does. Keys outside the role cost no cryptography. */
async function whyNot(
  { protected: header64, signature, header }: Signature,
  { type, text, key }: { type: EnvelopeType; text: string; key: VerifyingKey | undefined },
): Promise<string | undefined> {
  if (key === undefined) return 'is not a key of this role'
  if (header.typ !== type) return `signed it as ${quote(header.typ)}`
  if (header.alg !== key.alg) return `is a key for ${key.alg}, not for ${header.alg}`
  try {
    await flattenedVerify({ payload: text, protected: header64, signature }, key.jwk, { algorithms: [key.alg] })
    return undefined
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature is bad'
    return `cannot be used to verify (${error instanceof Error ? error.name : 'unknown'})`
  }
}

async function sign(type: EnvelopeType, text: string, signer: Signer): Promise<Signature> {
  const header: Header = { alg: signer.alg, kid: signer.keyId, typ: type }
  const header64 = toBase64url(encoder.encode(renderHeader(header)))
  const raw = await signer.sign(encoder.encode(`${header64}.${text}`))
  if (raw.length !== signatureBytes)
    throw new PlatteError(
      'credentials',
      `key ${signer.keyId.slice(0, 8)}… gave a signature of ${raw.length} bytes, not ${signatureBytes}`,
    )
  return { protected: header64, signature: toBase64url(raw), header }
}

function render(type: EnvelopeType, text: string, signatures: readonly Signature[]): Uint8Array<ArrayBuffer> {
  const bytes = encoder.encode(renderEnvelope(text, signatures))
  checkSize(bytes, types[type].name, types[type].maxBytes)
  return bytes
}

function checkPayload(payload: Uint8Array, name: string): void {
  const [json, value] = parse(payload) ?? []
  if (json !== undefined && JSON.stringify(value) === json) return
  throw new PlatteError('bad-document', `${name}: what is to be signed is not compact JSON, each member once`)
}
