/** Manifests that belong together with others or with holds: one catalog has to name all of it. Pure. */
import { PlatteError } from '../kernel/errors.ts'
import type { ChannelManifest } from './channel.ts'

const partKey = 'part-of'

/** The command that makes it live, such as an apply. `undefined`: it stands alone, and any refresh may name it. */
const partOf = ({ provenance }: Pick<ChannelManifest, 'provenance'>): string | undefined => provenance?.[partKey]

/** `undefined` makes it stand alone. */
export function asPartOf<M extends Pick<ChannelManifest, 'provenance'>>(manifest: M, whole: string | undefined): M {
  const { provenance: { [partKey]: _, ...others } = {}, ...content } = manifest
  const provenance = { ...others, ...(whole !== undefined && { [partKey]: whole }) }
  return { ...content, ...(Object.keys(provenance).length > 0 && { provenance }) } as M
}

/**
 * Without what belongs to it, machines could be offered what neither the state before nor the one after offers.
 * @param named the revision that the catalog names. @throws PlatteError('refused') for a newer one that is a part.
 */
export function refuseUnfinished(newest: ChannelManifest, named = 0): void {
  const whole = partOf(newest)
  const { app, channel, seq } = newest
  if (whole === undefined || seq <= named) return
  const message = `${app}/${channel}: revision ${seq} waits: the ${whole} that wrote it has not finished`
  throw new PlatteError('refused', message, {
    hint: 'run the same command again; without its file, `platte export-config` writes one to apply',
  })
}
