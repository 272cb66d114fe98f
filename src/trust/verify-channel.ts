/** ChannelManifests. Pure functions on bytes; step numbers are those of "Verifying" in docs/design.md. */
import type { CatalogChannel } from '../documents/catalog.ts'
import { type ChannelManifest, decodeChannel, isEnded } from '../documents/channel.ts'
import type { Instant } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { sha256Hex } from './digest.ts'
import { openByDigest, openEnvelope } from './envelope.ts'
import { checkTimes } from './times.ts'
import { roleOf, type TrustedRoot } from './verify-root.ts'

const type = 'platte-channel+jws'

/** A verified ChannelManifest. Plain data, safe to keep and share. */
export interface VerifiedChannel {
  readonly manifest: ChannelManifest
  /** Of the envelope's bytes, lower-case hex: the next manifest's `previous`. */
  readonly sha256: string
  /** Bytes of the envelope. */
  readonly size: number
}

/** A ChannelManifest's place; both names are those of its key in the store and in the catalog, no aliases. */
interface ChannelPlace {
  readonly app: string
  readonly channel: string
}

interface CurrentChannel extends ChannelPlace {
  /** What a client asked for, where that is not `channel` itself: must then be an alias that the manifest names. */
  readonly request?: string | undefined
  /** What the verified catalog says under these names. */
  readonly entry: Pick<CatalogChannel, 'seq' | 'sha256' | 'size'>
  readonly now: Instant
}

interface HeadChannel extends ChannelPlace {
  readonly seq: number
  /** Digest of the manifest before it, where the writer knows it. */
  readonly previous?: string | undefined
}

/** Whether a name is a manifest's own, or an alias that the release key signed. */
export const answersTo = (manifest: ChannelManifest, name: string): boolean =>
  manifest.channel === name || (manifest.aliases?.includes(name) ?? false)

/**
 * Opens the ChannelManifest that a verified catalog names (steps 1 to 5 and 7).
 * @throws PlatteError('mismatch') for another size, digest, app, channel or seq; 'too-large', 'bad-signature',
 *   'bad-document', 'from-the-future', 'expired'.
 */
export async function verifyChannel(
  bytes: Uint8Array,
  trusted: TrustedRoot,
  { app, channel, request = channel, entry, now }: CurrentChannel,
): Promise<VerifiedChannel> {
  const name = `${app}/${channel}`
  if (bytes.length !== entry.size)
    throw new PlatteError('mismatch', `${name}: ${bytes.length} bytes, the catalog says ${entry.size}`)
  const sha256 = await sha256Hex(bytes)
  if (sha256 !== entry.sha256) throw new PlatteError('mismatch', `${name}: its SHA-256 is not the catalog's`)
  const manifest = await open(bytes, trusted)
  checkPlace(manifest, { app, channel, seq: entry.seq })
  if (!answersTo(manifest, request))
    throw new PlatteError('mismatch', `${name}: does not name ${JSON.stringify(request.slice(0, 64))} as an alias`)
  if (!isEnded(manifest)) checkTimes(manifest, name, now)
  return { manifest, sha256, size: bytes.length }
}

/**
 * Opens a ChannelManifest that no catalog names yet, for writers (steps 1 to 4). Ignores its times: a manifest of a wrong
 * clock must not block the next one.
 * @throws PlatteError('fork') if it does not follow `previous`; 'mismatch' for another app, channel or seq; 'too-large',
 *   'bad-signature', 'bad-document'.
 */
export async function verifyHead(
  bytes: Uint8Array,
  trusted: TrustedRoot,
  { app, channel, seq, previous }: HeadChannel,
): Promise<VerifiedChannel> {
  const manifest = await open(bytes, trusted)
  checkPlace(manifest, { app, channel, seq })
  const isFirst = seq === 1
  if (isFirst ? manifest.previous !== undefined : previous !== undefined && manifest.previous !== previous)
    throw new PlatteError('fork', `${app}/${channel}: ${seq} does not follow the manifest before it`)
  return { manifest, sha256: await sha256Hex(bytes), size: bytes.length }
}

/**
 * Opens an earlier ChannelManifest by a digest from a verified document. Does not check signatures, so removing a key does
 * not void history.
 * @throws PlatteError('mismatch') for other bytes, app, channel or seq; 'too-large', 'bad-signature', 'bad-document'.
 */
export async function verifyPast(
  bytes: Uint8Array,
  sha256: string,
  ref: ChannelPlace & { readonly seq: number },
): Promise<VerifiedChannel> {
  const manifest = decodeChannel(await openByDigest(bytes, type, sha256))
  checkPlace(manifest, ref)
  return { manifest, sha256, size: bytes.length }
}

async function open(bytes: Uint8Array, trusted: TrustedRoot): Promise<ChannelManifest> {
  return decodeChannel(await openEnvelope(bytes, type, roleOf(trusted, 'release')))
}

/** Step 4, and the seq of step 7. */
function checkPlace(manifest: ChannelManifest, want: ChannelPlace & { readonly seq: number }): void {
  for (const field of ['app', 'channel', 'seq'] as const)
    if (manifest[field] !== want[field])
      throw new PlatteError(
        'mismatch',
        `${want.app}/${want.channel}: its manifest says ${field} ${manifest[field]}, not ${want[field]}`,
      )
}
