import { isOfChannel } from '../documents/catalog-log.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import type { Instant } from '../kernel/clock.ts'
import { isSameVersion } from '../release/version.ts'

/** When a hold of a version was last lifted, by the log of the catalog; 0 for never. Under earlier names of the channel, too. */
export function liftedAt(
  log: readonly unknown[] = [],
  { app, channel, aliases = [] }: Pick<ChannelManifest, 'app' | 'channel' | 'aliases'>,
  version: string,
): Instant {
  const lifted = log.findLast((one) => {
    const { what, version: of } = Object(one) as Readonly<Record<string, unknown>>
    const isLift = what === 'unhold' && typeof of === 'string' && isSameVersion(of, version)
    return isLift && [channel, ...aliases].some((name) => isOfChannel(one, { app, channel: name }))
  })
  // What cannot be read says nothing.
  return Date.parse(String(Object(lifted).at)) || 0
}
