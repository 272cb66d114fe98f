/** Adopting while serving, as a server turns it on. Workers and Lambda do not carry it. */
import type { Feature } from '../checks/serving.ts'
import type { SettingValues } from '../kernel/setting.ts'
import type { upstreamSettings } from './settings.ts'

type Settings = SettingValues<typeof upstreamSettings> & { readonly app?: string | undefined }

export const upstreamsFeature: Feature<Settings> = {
  name: 'upstreams',
  open: async ({ adoptFile, app }, context) =>
    adoptFile === undefined
      ? undefined
      : (await import('./adopt-loop.ts')).openAdopting({ file: adoptFile, app }, context),
}
