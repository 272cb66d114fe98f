/** The root chain: the pin vouches for one root, each root for the next. Pure functions; steps as in docs/design.md. */
import { decodeRoot, type RoleName, type Root, roleNames } from '../documents/root.ts'
import type { Instant } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { lengthText, timeText } from '../kernel/format.ts'
import { sha256Hex } from './digest.ts'
import { openByDigest, openEnvelope, type SigningRole } from './envelope.ts'
import { keyIdOf, loadPublicKey, type VerifyingKey } from './keys.ts'

const type = 'platte-root+jws'

/** The root that a deployment starts from, trusted without proof; `sha256sum` of its file prints the digest. */
export type Pin = Readonly<{ version: number; sha256: string }>

/** A root that the pin vouches for; the digest is of the envelope. Plain data, safe to keep and share. */
export type TrustedRoot = Readonly<{ root: Root; sha256: string; keys: ReadonlyMap<string, VerifyingKey> }>

/** Reads a pin: `<version>:sha256:<64 hex digits>`. @throws PlatteError('configuration') */
export function parsePin(text: string): Pin {
  const [, version, sha256] = /^([1-9]\d{0,8}):sha256:([0-9a-f]{64})$/.exec(text.trim()) ?? []
  if (version !== undefined && sha256 !== undefined) return { version: Number(version), sha256 }
  throw new PlatteError('configuration', `not a pin of a root: ${JSON.stringify(text.slice(0, 100))}`, {
    hint: 'A pin has the form 1:sha256:<64 hex digits in lower case>, the SHA-256 of root/1.jws.',
  })
}

export const formatPin = ({ version, sha256 }: Pin): string => `${version}:sha256:${sha256}`

/**
 * Opens the root that the pin names (steps 1 to 4). Its own threshold must have signed it, so that no draft is pinned.
 * @throws PlatteError('mismatch') for other bytes or another version; 'too-large', 'bad-signature', 'bad-document'.
 */
export async function verifyPinnedRoot(bytes: Uint8Array, pin: Pin): Promise<TrustedRoot> {
  const root = decodeRoot(await openByDigest(bytes, type, pin.sha256))
  if (root.version !== pin.version)
    throw new PlatteError('mismatch', `root: the pinned bytes are version ${root.version}, the pin says ${pin.version}`)
  const trusted = await trust(root, pin.sha256)
  await openEnvelope(bytes, type, roleOf(trusted, 'root'))
  return trusted
}

/**
 * Opens the root after `current` (steps 1 to 4): version exactly one higher, signed by the threshold of both.
 * Expiry matters for the last of the chain only: `checkRootFresh`.
 * @throws PlatteError('rollback') for a version that is not higher, or a lower format; 'mismatch' for one that is skipped
 *   to; 'too-large', 'bad-signature', 'bad-document'.
 */
export async function verifyNextRoot(bytes: Uint8Array, current: TrustedRoot): Promise<TrustedRoot> {
  const root = decodeRoot(await openEnvelope(bytes, type, roleOf(current, 'root')))
  const { version } = current.root
  if (root.version !== version + 1) {
    const code = root.version <= version ? 'rollback' : 'mismatch'
    throw new PlatteError(code, `root: version ${root.version} does not follow version ${version}`)
  }
  if (root.format < current.root.format)
    throw new PlatteError('rollback', `root: goes back from format ${current.root.format} to format ${root.format}`)
  const next = await trust(root, await sha256Hex(bytes))
  await openEnvelope(bytes, type, roleOf(next, 'root'))
  return next
}

/** Step 5 for the last root of the chain. @throws PlatteError('expired', 'from-the-future') */
export const checkRootFresh = ({ root }: TrustedRoot, now: Instant): void =>
  checkTimes(root, `root ${root.version}`, now)

export function roleOf({ root, keys }: TrustedRoot, role: RoleName): SigningRole {
  const { keyIds, threshold } = root.roles[role]
  return { keys: keyIds.flatMap((id) => keys.get(id) ?? []), threshold }
}

async function trust(root: Root, sha256: string): Promise<TrustedRoot> {
  const keys = new Map<string, VerifyingKey>()
  for (const listed of root.keys) {
    const key = await loadPublicKey(listed)
    if (key === undefined) throw badRoot(root, 'a key is not written in canonical base64url')
    if (keys.has(key.keyId)) throw badRoot(root, `lists key ${key.keyId.slice(0, 8)}… twice`)
    keys.set(key.keyId, key)
  }
  for (const role of roleNames) {
    const { keyIds, threshold } = root.roles[role]
    const stranger = keyIds.find((id) => !keys.has(id))
    if (stranger !== undefined)
      throw badRoot(root, `${role} names key ${stranger.slice(0, 8)}…, which is the thumbprint of no key listed`)
    if (threshold > keyIds.length) throw badRoot(root, `${role} needs ${threshold} of ${keyIds.length} keys`)
  }
  for (const key of root.roles.cup?.keys ?? [])
    if (key.kty === 'EC' && keys.has(await keyIdOf(key)))
      throw badRoot(root, `CUP key ${key.kid} is a key of documents`)
  return { root, sha256, keys }
}

const badRoot = (root: Root, why: string): PlatteError =>
  new PlatteError('bad-document', `root ${root.version}: ${why}`)

/** How far a document's clock may be ahead of the reader's. */
export const maxAheadMs = 5 * 60_000

type Dated = Pick<Root, 'issuedAt' | 'expires'>

/** Step 5: checks `issuedAt` and `expires` (exclusive). @throws PlatteError('from-the-future', 'expired') */
export function checkTimes({ issuedAt, expires }: Dated, name: string, now: Instant): void {
  const aheadMs = Date.parse(issuedAt) - now
  if (aheadMs > maxAheadMs) {
    const message = `${name}: was issued at ${timeText(issuedAt)}, ${lengthText(aheadMs)} ahead of the clock here`
    throw new PlatteError('from-the-future', message, {
      hint: 'compare the clocks of this machine and of the one that signed',
    })
  }
  if (expires !== undefined && now >= Date.parse(expires))
    throw new PlatteError('expired', `${name}: expired at ${timeText(expires)}`)
}
