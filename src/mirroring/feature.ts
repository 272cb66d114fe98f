/** Mirroring, as a deployment turns it on: packages from the upstream, and on Workers and Lambda the copying. */
import type { Feature } from '../checks/serving.ts'
import { parseStoreUrl, type SettingValues, setting, wordOf } from '../kernel/setting.ts'
import type { Packages } from '../store/packages.ts'
import { parsePin } from '../trust/verify-root.ts'
import type { MirrorMemory } from './mirror.ts'
import { wants } from './mirror-pass.ts'

/** A step of a mirror reads each named channel to find what it follows. */
const maxChannels = 16

const upstreamDoc =
  'the deployment that the store mirrors: sends the packages that the store lacks. Without a store: answers from it'
const channelsDoc = `channels that Workers and Lambda mirror, with commas between them; at most ${maxChannels}`
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

type Settings = SettingValues<typeof mirrorSettings> & {
  readonly store?: { readonly kind: string; readonly url?: string }
}

export const mirrorFeature: Feature<Settings> = {
  name: 'mirroring',
  open: async ({ upstream, store, mirrorPackages = 'all', mirrorChannels }, { reader, packages }) => {
    // Without a store of its own, a deployment reads the upstream itself.
    if (upstream === undefined || store?.url === upstream) return undefined
    const { upstreamPackages } = await import('../store/http/upstream.ts')
    const memory: MirrorMemory = {}
    return {
      name: 'mirroring',
      packages: packagesBehind(packages, upstreamPackages(upstream)),
      insteadOfRefresh: async (log) => {
        const { mirrorStep } = await import('./step.ts')
        const own = { documents: reader.documents, packages }
        const wanted = { packages: mirrorPackages, channels: mirrorChannels }
        await mirrorStep({ reader: { ...reader, log }, store: own, upstream, wanted }, memory)
      },
    }
  },
}

/** Reads what the own store lacks from the upstream; callers check the bytes. Writes go to the own store. */
const packagesBehind = (own: Packages, upstream: Packages): Packages => ({
  ...own,
  open: async (key, range) => (await own.open(key, range)) ?? (await upstream.open(key, range)),
  stat: async (key) => (await own.stat(key)) ?? (await upstream.stat(key)),
})
