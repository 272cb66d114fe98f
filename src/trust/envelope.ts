/**
 * Signed documents: JWS General JSON Serialization (RFC 7515, section 7.2.1), held to one spelling.
 *
 * An envelope is, byte for byte, what `seal` writes: compact JSON of `payload` and `signatures`, each signature of
 * `protected` and `signature`, each protected header of `alg`, `kid` and `typ`, in these orders. Any other spelling is
 * refused. jose verifies single signatures; counting is done here, because its `generalVerify` stops at the first good one,
 * ignores `typ`, and accepts `alg` and `kid` from the unprotected header.
 */
import * as errors from 'jose/errors'
import { flattenedVerify } from 'jose/jws/flattened/verify'
import { maxCatalogBytes, maxReceiptBytes } from '../documents/catalog.ts'
import { maxChannelBytes } from '../documents/channel.ts'
import { maxRootBytes } from '../documents/root.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { Verified } from '../kernel/verified.ts'
import { sha256Hex } from './digest.ts'
import { fromBase64url, type Signer, toBase64url, type VerifyingKey } from './keys.ts'

/** Signatures per envelope: bounds the cost of verifying one. */
const maxSignatures = 16
/** Characters of a protected header; ours have about 130. */
const maxHeaderLength = 512
/** Bytes: r‖s of P-256 and R‖S of Ed25519 alike. */
const signatureBytes = 64

/** `name` for messages; `maxBytes` of the whole envelope. */
const types = {
  'platte-root+jws': { name: 'root', maxBytes: maxRootBytes },
  'platte-catalog+jws': { name: 'catalog', maxBytes: maxCatalogBytes },
  'platte-channel+jws': { name: 'channel', maxBytes: maxChannelBytes },
  'platte-receipt+jws': { name: 'receipt', maxBytes: maxReceiptBytes },
} as const

export type EnvelopeType = keyof typeof types

type Header = Readonly<{ alg: Signer['alg']; kid: string; typ: string }>
type Signature = Readonly<{ protected: string; signature: string; header: Header }>

type Bytes = Uint8Array<ArrayBuffer>
type Payload = Verified<Uint8Array>

/** Who must have signed, and how many of them. */
export type SigningRole = Readonly<{ keys: readonly VerifyingKey[]; threshold: number }>

const encoder = new TextEncoder()
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * @param payload JSON as `JSON.stringify` writes it, so that no member is there twice.
 * @throws PlatteError('credentials') if a key is missing, given twice or does not sign; 'bad-document'; 'too-large'.
 */
export async function seal(type: EnvelopeType, payload: Uint8Array, signers: readonly Signer[]): Promise<Bytes> {
  const { name } = types[type]
  if (signers.length === 0) throw new PlatteError('credentials', `${name}: there is no key to sign with`)
  checkCount(signers, name)
  if (new Set(signers.map(({ keyId }) => keyId)).size !== signers.length)
    throw new PlatteError('credentials', `${name}: the same key would sign twice`)
  const [json, value] = parse(payload) ?? []
  if (json === undefined || JSON.stringify(value) !== json)
    throw new PlatteError('bad-document', `${name}: what is to be signed is not compact JSON, each member once`)
  const text = toBase64url(payload)
  return render(type, text, await Promise.all(signers.map((signer) => sign(type, text, signer))))
}

/**
 * Adds a signature to a sealed document, or replaces that of the same key. Does not judge the payload.
 * @throws PlatteError('bad-signature') for a malformed envelope, or one of another `type`; as `seal` otherwise.
 */
export async function addSignature(bytes: Uint8Array, type: EnvelopeType, signer: Signer): Promise<Bytes> {
  const { name } = types[type]
  const envelope = readEnvelope(bytes, type)
  const other = envelope.signatures.find(({ header }) => header.typ !== type)
  if (other) throw malformed(name, `is signed as ${quote(other.header.typ)}, not as ${type}`)
  const added = await sign(type, envelope.text, signer)
  const index = envelope.signatures.findIndex(({ header }) => header.kid === signer.keyId)
  const signatures = index < 0 ? [...envelope.signatures, added] : envelope.signatures.with(index, added)
  checkCount(signatures, name)
  return render(type, envelope.text, signatures)
}

function checkCount({ length }: readonly unknown[], name: string): void {
  if (length > maxSignatures) throw new PlatteError('too-large', `${name}: more than ${maxSignatures} signatures`)
}

/**
 * Opens a document that enough keys of `role` have signed as `type` (steps 1 to 3 of verifying).
 * @throws PlatteError('too-large') beyond the type's cap; 'bad-signature' saying why each signature did not count.
 */
export async function openEnvelope(bytes: Uint8Array, type: EnvelopeType, role: SigningRole): Promise<Payload> {
  const { text, payload, signatures } = readEnvelope(bytes, type)
  const keys = new Map(role.keys.map((key) => [key.keyId, key]))
  const good = new Set<string>()
  const reasons: string[] = []
  for (const signature of signatures) {
    const { kid } = signature.header
    const reason = good.has(kid) ? 'counts once' : await whyNot(signature, type, text, keys.get(kid))
    if (reason === undefined) good.add(kid)
    else reasons.push(`key ${kid.slice(0, 8)}…: ${reason}`)
    if (good.size >= role.threshold) return asVerified(payload)
  }
  const why = reasons.length > 0 ? ` (${reasons.join('; ')})` : ''
  throw malformed(types[type].name, `${good.size} of ${role.threshold} needed signatures are good${why}`)
}

/**
 * Opens a document by its digest from the pin or a verified document, without checking signatures.
 * @throws PlatteError('mismatch') for other bytes; 'too-large', 'bad-signature' for a malformed envelope.
 */
export async function openByDigest(bytes: Uint8Array, type: EnvelopeType, sha256: string): Promise<Payload> {
  await openPlain(checkSize(bytes, type), sha256, types[type].name)
  return asVerified(readEnvelope(bytes, type).payload)
}

/** The same for a document without an envelope. @throws PlatteError('mismatch') */
export async function openPlain(bytes: Uint8Array, sha256: string, name: string): Promise<Payload> {
  const found = await sha256Hex(bytes)
  if (found === sha256) return asVerified(bytes)
  throw new PlatteError('mismatch', `${name}: its SHA-256 is ${found}, not ${sha256}`)
}

const asVerified = (payload: Uint8Array): Payload => payload as Verified<Uint8Array>

/** Whether two documents have the same content, with any signatures: anyone can add a signature. Nothing is verified. */
export const isSamePayload = (one: Uint8Array, other: Uint8Array, type: EnvelopeType): boolean =>
  readEnvelope(one, type).text === readEnvelope(other, type).text

/** The unverified key ids of a well-formed envelope: to find documents to sign again. */
export const peekKeyIds = (bytes: Uint8Array, type: EnvelopeType): readonly string[] =>
  readEnvelope(bytes, type).signatures.map(({ header }) => header.kid)

/** @returns why a signature does not count; `undefined` where it does. Keys outside the role cost no cryptography. */
async function whyNot(
  one: Signature,
  type: EnvelopeType,
  text: string,
  key?: VerifyingKey,
): Promise<string | undefined> {
  const { protected: header64, signature, header } = one
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
  const header = { alg: signer.alg, kid: signer.keyId, typ: type }
  const header64 = toBase64url(encoder.encode(renderHeader(header)))
  const raw = await signer.sign(encoder.encode(`${header64}.${text}`))
  if (raw.length !== signatureBytes) {
    const gave = `gave a signature of ${raw.length} bytes, not ${signatureBytes}`
    throw new PlatteError('credentials', `key ${header.kid.slice(0, 8)}… ${gave}`)
  }
  return { protected: header64, signature: toBase64url(raw), header }
}

const render = (type: EnvelopeType, text: string, signatures: readonly Signature[]): Bytes =>
  checkSize(encoder.encode(renderEnvelope(text, signatures)), type)

/** The size in bytes of an envelope with `signatures` signatures, computed before signing. */
export function sealedSize(type: EnvelopeType, payloadBytes: number, signatures: number): number {
  const base64 = (bytes: number): number => Math.ceil((bytes * 4) / 3)
  const header = base64(renderHeader({ alg: 'ES256', kid: '-'.repeat(43), typ: type }).length)
  const one = { protected: '-'.repeat(header), signature: '-'.repeat(base64(signatureBytes)) }
  return base64(payloadBytes) + JSON.stringify({ payload: '', signatures: Array(signatures).fill(one) }).length
}

/** The one spelling of an envelope. */
const renderEnvelope = (payload: string, signatures: readonly Signature[]): string =>
  JSON.stringify({
    payload,
    signatures: signatures.map((one) => ({ protected: one.protected, signature: one.signature })),
  })

/** The canonical form of a protected header. */
const renderHeader = ({ alg, kid, typ }: Header): string => JSON.stringify({ alg, kid, typ })

/** Nothing of it is verified. @throws PlatteError('too-large'), 'bad-signature' for anything but the canonical form. */
export function readEnvelope(bytes: Uint8Array, type: EnvelopeType) {
  const { name } = types[type]
  const [json, value] = parse(checkSize(bytes, type)) ?? []
  if (json === undefined) throw malformed(name, 'the envelope is not JSON in UTF-8')
  const { payload: text, signatures: list } = members(value, ['payload', 'signatures'], name)
  const payload = typeof text === 'string' ? fromBase64url(text) : undefined
  if (typeof text !== 'string' || payload === undefined) throw malformed(name, 'the payload is not base64url')
  if (!Array.isArray(list) || list.length === 0) throw malformed(name, 'there are no signatures')
  if (list.length > maxSignatures) throw malformed(name, `there are more than ${maxSignatures} signatures`)
  const signatures = list.map((one) => readSignature(one, name))
  if (renderEnvelope(text, signatures) !== json)
    throw malformed(name, 'the envelope is not written as Platte writes it')
  return { text, payload, signatures }
}

function readSignature(value: unknown, name: string): Signature {
  const { protected: header64, signature } = members(value, ['protected', 'signature'], name)
  if (typeof signature !== 'string' || fromBase64url(signature)?.length !== signatureBytes)
    throw malformed(name, `a signature is not ${signatureBytes} bytes in base64url`)
  const encoded = typeof header64 === 'string' && header64.length <= maxHeaderLength ? header64 : ''
  const [json, parsed] = parse(fromBase64url(encoded) ?? new Uint8Array()) ?? []
  if (json === undefined) throw malformed(name, 'a protected header is not JSON in base64url')
  const { alg, kid, typ } = members(parsed, ['alg', 'kid', 'typ'], name)
  if (alg !== 'EdDSA' && alg !== 'ES256') throw malformed(name, `alg must be EdDSA or ES256, not ${quote(alg)}`)
  if (typeof kid !== 'string' || !/^[A-Za-z0-9_-]{43}$/.test(kid)) throw malformed(name, 'a kid is not a key id')
  if (typeof typ !== 'string') throw malformed(name, 'a typ is not text')
  const header = { alg, kid, typ } as const
  if (renderHeader(header) !== json) throw malformed(name, 'a protected header is not written as Platte writes it')
  return { protected: encoded, signature, header }
}

/** @returns the text and its value; `undefined` for what is not JSON in UTF-8. */
function parse(bytes: Uint8Array): readonly [string, unknown] | undefined {
  try {
    const text = utf8.decode(bytes)
    return [text, JSON.parse(text)]
  } catch {
    return undefined
  }
}

/** Reads an object that has exactly the members `names`. */
function members<N extends string>(value: unknown, names: readonly N[], name: string): Record<N, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(name, 'an object is missing')
  const unknown = Object.keys(value).find((key) => !names.some((known) => known === key))
  if (unknown !== undefined) throw malformed(name, `unknown member ${quote(unknown)}`)
  const missing = names.find((known) => !Object.hasOwn(value, known))
  if (missing !== undefined) throw malformed(name, `the member ${missing} is missing`)
  return value as Record<N, unknown>
}

/** @throws PlatteError('too-large') */
function checkSize<B extends Uint8Array>(bytes: B, type: EnvelopeType): B {
  const { name, maxBytes } = types[type]
  if (bytes.length <= maxBytes) return bytes
  throw new PlatteError('too-large', `${name}: ${bytes.length} bytes, more than the limit of ${maxBytes}`)
}

/** Untrusted text, short and without line breaks. */
const quote = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 64)
const malformed = (name: string, why: string): PlatteError => new PlatteError('bad-signature', `${name}: ${why}`)
