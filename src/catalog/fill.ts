/** How full the signed documents are that grow. Publishing stops before their limits, so that brakes and repairs always fit. */
import { type CatalogChannel, maxCatalogBytesOf, maxLogBytes } from '../documents/catalog.ts'
import { maxChannelBytes } from '../documents/channel.ts'
import { percent } from '../kernel/format.ts'
import { refusal } from '../release/add-release.ts'
import type { TrustedRoot } from '../trust/verify-root.ts'
import { type CatalogState, type ChannelRef, channelEntry, encode } from './read.ts'

/** Only brakes and repairs may use it: some thirty of the longest reasons, or hundreds of usual ones. */
const reserveBytes = 64 * 1024
const warnFrom = 0.8

/** Others may sign the catalog again: room for the most signatures that there can be. */
const maxBytes = (kind: Kind, { root }: TrustedRoot): number =>
  kind === 'manifest' ? maxChannelBytes : maxCatalogBytesOf(root.format) - 4096
const hintOf = {
  manifest: ({ channel }: ChannelRef) =>
    `remove old releases with \`platte prune --channel ${channel}\`, list fewer machines, or publish to a new channel (\`platte channel create\`)`,
  catalog: () => 'remove aliases and holds that nobody needs, or keep further channels in another store',
}

type Kind = keyof typeof hintOf
type Sized = Readonly<{ kind: Kind; ref: ChannelRef; bytes: number; before: number; isBrake: boolean }>

/** @throws PlatteError('refused') for a document that would be too large, unless it shrinks. */
export function checkFits(root: TrustedRoot, { kind, ref, bytes, before, isBrake }: Sized): void {
  const limit = isBrake ? maxBytes(kind, root) : usualBytes(kind, root)
  if (bytes <= Math.max(limit, before)) return
  const kept = isBrake ? '' : ` (${reserveBytes} more are kept for brakes)`
  const what = kind === 'manifest' ? 'its manifest' : 'the catalog'
  const message = `${ref.app}/${ref.channel}: ${what} would have ${bytes} bytes; the limit is ${limit}${kept}`
  throw refusal(message, hintOf[kind](ref))
}

const usualBytes = (kind: Kind, root: TrustedRoot): number => maxBytes(kind, root) - reserveBytes

/** How much of what publishing may use is used: 1 is full. */
export const fillOf = (kind: Kind, bytes: number, root: TrustedRoot): number => bytes / usualBytes(kind, root)

/** A sentence from 80 % on. @param ref of a manifest; the catalog is of all channels. */
export function fillWarning(root: TrustedRoot, bytes: number, ref?: ChannelRef): string | undefined {
  const kind = ref ? 'manifest' : 'catalog'
  const fill = fillOf(kind, bytes, root)
  if (fill < warnFrom) return undefined
  const what = ref ? `${ref.app}/${ref.channel}: its manifest` : 'the catalog'
  const hint = ref ? hintOf.manifest(ref) : hintOf.catalog()
  return `${what} has ${bytes} bytes, ${percent(fill)} of what publishing may use: ${hint}`
}

/** What the log may have: it yields to everything else. @param others bytes of the rest of the catalog, as JSON. */
export const logRoom = (root: TrustedRoot, others: number): number =>
  Math.min(maxLogBytes, Math.floor((usualBytes('catalog', root) * 3) / 4) - others)

/**
 * New names stop before the limit. New revisions of channels that the catalog names always fit: they add digits only.
 * @param others the bytes that other channels add. @returns the bytes of the catalog with this entry, at most.
 */
export function checkCatalogFits(
  { catalog, root }: CatalogState,
  ref: ChannelRef,
  entry: CatalogChannel,
  others = 0,
): number {
  const { app, channel } = ref
  const known = channelEntry(catalog.catalog, app, channel)
  const isNew = known === undefined || (entry.aliases ?? []).join().length > (known.aliases ?? []).join().length
  const [added, removed] = known ? [entry, known] : [{ [app]: { channels: { [channel]: entry } } }, '']
  const bytes = catalog.size + others + Math.ceil(((encode(added).length - encode(removed).length) * 4) / 3)
  checkFits(root, { kind: 'catalog', ref, bytes, before: catalog.size, isBrake: !isNew })
  return bytes
}
