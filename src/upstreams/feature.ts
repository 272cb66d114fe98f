/** Adopting while serving, as a server turns it on. Workers and Lambda do not carry it. */
import type { Feature } from '../checks/serving.ts'
import type { SettingValues } from '../kernel/setting.ts'
import type { LoadPlatte } from './platte.ts'
import type { upstreamSettings } from './settings.ts'

type Settings = SettingValues<typeof upstreamSettings> & { readonly app?: string | undefined }

/** @param of what this deployment has to adopt from another Platte. */
export const upstreamsFeature = (of: { readonly platte?: LoadPlatte }): Feature<Settings> => ({
  name: 'upstreams',
  open: async ({ adoptFile, app }, context) =>
    adoptFile === undefined
      ? undefined
      : (await import('./adopt-loop.ts')).openAdopting({ file: adoptFile, app, ...of }, context),
})
