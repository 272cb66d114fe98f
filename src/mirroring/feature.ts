/** Mirroring, as a deployment turns it on: packages from the upstream, and on Workers and Lambda the copying. */
import type { Feature } from '../checks/serving.ts'
import type { SettingValues } from '../kernel/setting.ts'
import type { MirrorMemory } from './mirror.ts'
import type { mirrorSettings } from './settings.ts'

type Settings = SettingValues<typeof mirrorSettings> & {
  readonly store?: { readonly kind: string; readonly url?: string }
}

export const mirrorFeature: Feature<Settings> = {
  name: 'mirroring',
  open: async (
    { upstream, store, mirrorPackages = 'all', mirrorChannels },
    { reader, packages, newHasher, transport },
  ) => {
    // Without a store of its own, a deployment reads the upstream itself.
    if (upstream === undefined || store?.url === upstream) return undefined
    const { upstreamPackages } = await import('../store/http/upstream.ts')
    const memory: MirrorMemory = {}
    return {
      name: 'mirroring',
      upstream: { packages: upstreamPackages(upstream, { transport }), newHasher },
      insteadOfRefresh: async (log) => {
        const { mirrorStep } = await import('./step.ts')
        const own = { documents: reader.documents, packages }
        const wanted = { packages: mirrorPackages, channels: mirrorChannels }
        await mirrorStep({ reader: { ...reader, log }, store: own, upstream, transport, wanted }, memory)
      },
    }
  },
}
