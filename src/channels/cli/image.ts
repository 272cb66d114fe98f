/** What `publish` takes in place of files. */
import type { Command } from 'commander'
import { PlatteError } from '../../kernel/errors.ts'
import { defined } from '../../kernel/json.ts'
import type { Image } from '../../release/channel.ts'

export interface ImageOptions {
  readonly ostreeChecksum?: string
  readonly oci?: string
}

export const imageOptions = (made: Command): Command =>
  made
    .option('--ostree-checksum <checksum>', 'in place of files: the ostree commit of the release')
    .option('--oci <image>', 'in place of files, or beside the commit: its image, registry/name@sha256:…')

/** Of files, by the names of their options. */
const ofFiles = ['reference', 'raw', 'run', 'arguments', 'minBrowser', 'patchFrom'] as const
type OfFiles = Readonly<Partial<Record<(typeof ofFiles)[number], unknown>>>

/** @throws PlatteError('usage') where there are files besides, or neither. */
export function imageOf(
  { ostreeChecksum: checksum, oci, ...given }: ImageOptions & OfFiles,
  files: readonly string[],
): Image | undefined {
  const isImage = (checksum ?? oci) !== undefined
  if (!isImage && files.length === 0)
    throw new PlatteError('usage', 'publish: there is nothing to publish', {
      hint: 'name its files; or --ostree-checksum or --oci, for a release without a file',
    })
  const option = ofFiles.find((name) => given[name] !== undefined)
  if (isImage && (files.length > 0 || option))
    throw new PlatteError('usage', 'publish: --ostree-checksum and --oci are for a release without a file', {
      hint: `leave them out, or leave out ${files[0] ?? `--${option?.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`}`,
    })
  return isImage ? defined({ checksum, oci }) : undefined
}
