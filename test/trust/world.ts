/** A small honest world with real keys, and the tools of those who attack it. */
import type { CatalogChannel } from '../../src/documents/catalog.ts'
import type { PublicKey } from '../../src/documents/root.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import { sha256Hex } from '../../src/trust/digest.ts'
import { type EnvelopeType, seal } from '../../src/trust/envelope.ts'
import { type Algorithm, generateKey, importSigner, publicOf, type Signer } from '../../src/trust/keys.ts'
import { type TrustedRoot, verifyPinnedRoot } from '../../src/trust/verify-root.ts'

export interface TestKey extends Signer {
  readonly jwk: PublicKey
}

export const app = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'
export const now = Date.parse('2026-11-23T06:00:00Z')
export const at = (offsetMs: number): string => new Date(now + offsetMs).toISOString()
export const minute = 60_000
export const day = 24 * 60 * minute
export const algorithms: readonly Algorithm[] = ['EdDSA', 'ES256']

const encoder = new TextEncoder()
export const bytesOf = (value: unknown): Uint8Array =>
  encoder.encode(typeof value === 'string' ? value : JSON.stringify(value))
export const b64 = (value: string | Uint8Array): string => Buffer.from(value).toString('base64url')

export async function newKey(alg: Algorithm): Promise<TestKey> {
  const jwk = await generateKey(alg)
  return { ...(await importSigner(jwk, 'a test key')), jwk: publicOf(jwk) }
}

export const newKeys = (alg: Algorithm, count: number): Promise<TestKey[]> =>
  Promise.all(Array.from({ length: count }, () => newKey(alg)))

interface RootParts {
  readonly version?: number
  readonly root: readonly TestKey[]
  readonly release: readonly TestKey[]
  readonly timestamp: readonly TestKey[]
  /** Of every role. */
  readonly threshold?: number
  readonly more?: object
}

export function rootDocument({ version = 1, root, release, timestamp, threshold = 1, more = {} }: RootParts) {
  const ids = (keys: readonly TestKey[]) => ({ threshold, keyIds: keys.map(({ keyId }) => keyId) })
  const keys = new Map([...root, ...release, ...timestamp].map(({ keyId, jwk }) => [keyId, jwk]))
  return {
    format: 1,
    type: 'root',
    version,
    issuedAt: at(-day),
    keys: [...keys.values()],
    roles: { root: ids(root), release: ids(release), timestamp: { ...ids(timestamp), maxValidity: 'P14D' } },
    ...more,
  }
}

export const catalogEntry = (seq = 42, digit = 'a'): CatalogChannel => ({ seq, sha256: digit.repeat(64), size: 1000 })

export const catalogDocument = (more: object = {}, channels: Record<string, object> = { stable: catalogEntry() }) => ({
  format: 1,
  type: 'catalog',
  root: 1,
  issuedAt: at(-minute),
  expires: at(day),
  apps: { [app]: { name: 'Flatcar Container Linux', channels } },
  ...more,
})

export const channelDocument = (more: object = {}) => ({
  format: 1,
  type: 'channel',
  app,
  channel: 'stable',
  aliases: ['9a2deb70-37be-4026-853f-bfdd6b347bbe'],
  seq: 42,
  previous: 'b'.repeat(64),
  issuedAt: at(-minute),
  releases: [],
  ...more,
})

/** A root that is trusted because it was pinned, and who holds its keys. */
export interface World {
  readonly alg: Algorithm
  readonly trusted: TrustedRoot
  readonly root: readonly TestKey[]
  readonly release: readonly TestKey[]
  readonly timestamp: readonly TestKey[]
  readonly stranger: TestKey
}

export async function newWorld(alg: Algorithm, { count = 1, threshold = 1 } = {}): Promise<World> {
  const [root, release, timestamp] = [await newKeys(alg, count), await newKeys(alg, count), await newKeys(alg, count)]
  const bytes = await seal('platte-root+jws', bytesOf(rootDocument({ root, release, timestamp, threshold })), root)
  const trusted = await verifyPinnedRoot(bytes, { version: 1, sha256: await sha256Hex(bytes) })
  return { alg, trusted, root, release, timestamp, stranger: await newKey(alg) }
}

export interface Forgery {
  readonly header: object | string
  readonly key: Signer
  readonly payload: string
}

/** One signature over any header, rightly signed. */
export async function signRaw({ header, key, payload }: Forgery): Promise<{ protected: string; signature: string }> {
  const header64 = b64(typeof header === 'string' ? header : JSON.stringify(header))
  const signature = await key.sign(encoder.encode(`${header64}.${payload}`))
  return { protected: header64, signature: b64(signature) }
}

export const headerOf = (type: EnvelopeType, key: Signer) => ({ alg: key.alg, kid: key.keyId, typ: type })

/** What a promise was refused with: its code and message. Anything that is no PlatteError is a defect. */
export async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    if (error instanceof PlatteError) return `${error.code}: ${error.message}`
    throw error
  }
  return 'accepted'
}

/** Sets a spare bit of the last character: another text, the same bytes for a lenient decoder. */
export function respell(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return text.slice(0, -1) + alphabet.charAt(alphabet.indexOf(text.slice(-1)) | 1)
}
