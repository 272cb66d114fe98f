/** No second offer to machines that fell back, where the projection runs with the server. */
import type { Feature } from '../checks/serving.ts'
import type { fleetSettings } from '../fleet/settings.ts'
import type { SettingValues } from '../kernel/setting.ts'
import type { fallBackSettings } from './settings.ts'

const defaultMs = 7 * 24 * 60 * 60 * 1000

export const fallBackFeature: Feature<SettingValues<typeof fleetSettings & typeof fallBackSettings>> = {
  name: 'fallbacks',
  open: async ({ fleetFile: file, fleetIds, fleetIdsKey = '', fellBackMs: keepMs = defaultMs }, { reader }) => {
    if (file === undefined || keepMs === 0) return undefined
    const idOf = fleetIds === 'hmac' ? (await import('../fleet/ids.ts')).disguiseWith(fleetIdsKey) : String
    return (await import('./watch.ts')).watchFallBacks({ ...reader, file, keepMs, idOf })
  },
}
