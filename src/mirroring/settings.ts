/** Settings of mirrors; apart from the feature, which Workers for checks alone need not bundle. */
import { parseStoreUrl, setting, wordOf } from '../kernel/setting.ts'
import { parsePin } from '../trust/verify-root.ts'

/** Packages to copy: all that current manifests name, those that may still be offered, or none. */
export const wants = ['all', 'current', 'none'] as const
export type Want = (typeof wants)[number]

/** A step of a mirror reads each named channel to find what it follows. */
const maxChannels = 16

const upstreamDoc =
  'the deployment that the store mirrors; it sends packages that the store lacks. Without a store, all answers come from it'
const channelsDoc = `channels that Workers and Lambda mirror, separated by commas; at most ${maxChannels}`
const packagesDoc = `packages that Workers and Lambda mirror: ${wants.join(', ')}`
const upstreamRootDoc = 'for `adopt`: the root of the upstream, `VERSION:sha256:HEX`'

export const mirrorSettings = {
  upstream: setting('PLATTE_UPSTREAM <url>', upstreamDoc, parseStoreUrl, {
    needs: 'mirroring',
    /** Without a store, a deployment reads its upstream and remembers what it saw, in the folder where it runs. */
    implies: (url: string, { store }: { readonly store?: object }) =>
      store === undefined ? { store: { kind: 'http', url }, mark: 'catalog-mark.jws' } : {},
  }),
  mirrorChannels: setting('PLATTE_MIRROR_CHANNELS', channelsDoc, (text) => text.split(',').map((name) => name.trim()), {
    inFunction: ({ length }: readonly string[]) =>
      length > maxChannels
        ? `names more than ${maxChannels} channels, too many for one scheduled run: leave it out to mirror all`
        : undefined,
  }),
  mirrorPackages: setting('PLATTE_MIRROR_PACKAGES', packagesDoc, wordOf(...wants)),
  upstreamRoot: setting('PLATTE_UPSTREAM_ROOT <pin>', upstreamRootDoc, parsePin, {
    hint: 'get the pin from the owner of the upstream, not from the upstream itself',
    only: 'command',
  }),
}
