/** Settings of mirrors. */
import { type SettingRows, wordOf } from '../kernel/setting.ts'
import { parseStoreUrl } from '../kernel/setting-urls.ts'
import { parsePin } from '../trust/verify-root.ts'
import { wants } from './mirror-pass.ts'

/** A step of a mirror reads each named channel to find what it follows. */
const maxChannels = 16

export const mirrorSettings = {
  upstream: {
    variable: 'PLATTE_UPSTREAM',
    flag: '--upstream <url>',
    doc: 'the deployment that the store mirrors: sends the packages that the store lacks. Without a store: answers from it',
    parse: parseStoreUrl,
    needs: 'mirroring',
    /** Without a store, a deployment reads its upstream and remembers what it saw, in the folder where it runs. */
    implies: (url: string, { store }: { readonly store?: object }) =>
      store === undefined ? { store: { kind: 'http', url }, mark: 'catalog-mark.jws' } : {},
  },
  mirrorChannels: {
    variable: 'PLATTE_MIRROR_CHANNELS',
    doc: `channels that Workers and Lambda mirror, with commas between them; at most ${maxChannels}`,
    parse: (text: string): readonly string[] => text.split(',').map((name) => name.trim()),
    inFunction: ({ length }: readonly string[]) =>
      length > maxChannels
        ? `names more than ${maxChannels} channels, too many for one scheduled run: leave it out to mirror all`
        : undefined,
  },
  mirrorPackages: {
    variable: 'PLATTE_MIRROR_PACKAGES',
    doc: `packages that Workers and Lambda mirror: ${wants.join(', ')}`,
    parse: wordOf(...wants),
  },
  upstreamRoot: {
    variable: 'PLATTE_UPSTREAM_ROOT',
    flag: '--upstream-root <pin>',
    doc: 'for `adopt`: the root of the upstream, `VERSION:sha256:HEX`',
    parse: parsePin,
    hint: 'get the pin from the owner of the upstream, not from the upstream itself',
    only: 'command',
  },
} as const satisfies SettingRows
