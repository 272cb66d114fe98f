/**
 * How an envelope is written, and nothing else: JWS General JSON Serialization (RFC 7515, section 7.2.1) in one spelling.
 * What is read here is well-formed and not verified.
 */
import { maxCatalogBytes } from '../documents/catalog.ts'
import { maxChannelBytes } from '../documents/channel.ts'
import { maxReceiptBytes } from '../documents/receipt.ts'
import { maxRootBytes } from '../documents/root.ts'
import { PlatteError } from '../kernel/errors.ts'
import { fromBase64url } from './base64url.ts'
import type { Algorithm } from './keys.ts'

/** Signatures per envelope: bounds the cost of verifying one. */
export const maxSignatures = 16
/** Characters of a protected header; ours have about 130. */
const maxHeaderLength = 512
/** Bytes: r‖s of P-256 and R‖S of Ed25519 alike. */
export const signatureBytes = 64

/** `name` for messages; `maxBytes` of the whole envelope. */
export const types = {
  'platte-root+jws': { name: 'root', maxBytes: maxRootBytes },
  'platte-catalog+jws': { name: 'catalog', maxBytes: maxCatalogBytes },
  'platte-channel+jws': { name: 'channel', maxBytes: maxChannelBytes },
  'platte-receipt+jws': { name: 'receipt', maxBytes: maxReceiptBytes },
} as const

/** The `typ` of a protected header. */
export type EnvelopeType = keyof typeof types

export interface Header {
  readonly alg: Algorithm
  readonly kid: string
  readonly typ: string
}

export interface Signature {
  readonly protected: string
  readonly signature: string
  readonly header: Header
}

/** An envelope of the right shape, with nothing verified. */
interface Envelope {
  readonly text: string
  readonly payload: Uint8Array
  readonly signatures: readonly Signature[]
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The one spelling of an envelope. */
export const renderEnvelope = (payload: string, signatures: readonly Signature[]): string =>
  JSON.stringify({
    payload,
    signatures: signatures.map((one) => ({ protected: one.protected, signature: one.signature })),
  })

/** The one spelling of a protected header. */
export const renderHeader = ({ alg, kid, typ }: Header): string => JSON.stringify({ alg, kid, typ })

/** @throws PlatteError('too-large'), PlatteError('bad-signature') for whatever is not in the one spelling. */
export function readEnvelope(bytes: Uint8Array, type: EnvelopeType): Envelope {
  const { name, maxBytes } = types[type]
  checkSize(bytes, name, maxBytes)
  const [json, value] = parse(bytes) ?? []
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
  const header: Header = { alg, kid, typ }
  if (renderHeader(header) !== json) throw malformed(name, 'a protected header is not written as Platte writes it')
  return { protected: encoded, signature, header }
}

/** @returns the text and its value; `undefined` for what is not JSON in UTF-8. */
export function parse(bytes: Uint8Array): readonly [string, unknown] | undefined {
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
export function checkSize(bytes: Uint8Array, name: string, maxBytes: number): void {
  if (bytes.length > maxBytes)
    throw new PlatteError('too-large', `${name}: ${bytes.length} bytes, more than the limit of ${maxBytes}`)
}

/** Untrusted text, short and without line breaks. */
export const quote = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 64)

export const malformed = (name: string, why: string): PlatteError => new PlatteError('bad-signature', `${name}: ${why}`)
