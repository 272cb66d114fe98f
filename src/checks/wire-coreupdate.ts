/**
 * CoreUpdate's public lists of packages and channels: updateservicectl downloads from them, and an old CoreUpdate takes
 * them as its upstream.
 * @see coreos/updateservicectl client/update/v1/update-api.json
 */

export interface CoreUpdatePackage {
  readonly appId: string
  readonly version: string
  /** RFC 3339. */
  readonly dateCreated: string
  readonly url: string
  readonly size: number
  /** Lower-case hex. */
  readonly sha1: string
  readonly sha256: string
}

export interface CoreUpdateChannel {
  readonly appId: string
  readonly label: string
  readonly version: string
  /** RFC 3339. */
  readonly dateCreated: string
}

/** The answer to `public/packages`: by app, numbers of 64 bits as text, digests in base64. */
export function renderCoreUpdatePackages(packages: readonly CoreUpdatePackage[]): string {
  const apps = Map.groupBy(packages, ({ appId }) => appId)
  return JSON.stringify({
    items: [...apps].map(([AppId, ours]) => ({
      AppId,
      packages: ours.map(({ size, sha1, sha256, ...one }) => ({
        ...one,
        metadataSignatureRsa: '',
        metadataSize: '',
        releaseNotes: '',
        required: true,
        sha1Sum: base64(sha1),
        sha256Sum: base64(sha256),
        size: String(size),
      })),
    })),
  })
}

/** The answer to `public/channels`. */
export const renderCoreUpdateChannels = (channels: readonly CoreUpdateChannel[]): string =>
  JSON.stringify({ items: channels.map((one) => ({ ...one, publish: true, upstream: '' })) })

const base64 = (hex: string): string =>
  btoa(hex.replace(/../g, (byte) => String.fromCharCode(Number.parseInt(byte, 16))))

export const renderCoreUpdateError = (code: number, message: string): string =>
  JSON.stringify({ error: { code, message } })
