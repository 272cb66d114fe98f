/** The machines of CoreUpdate's lists. Apart from `feature.ts`: Workers and Lambda have no projection of the fleet. */
import type { Feature } from '../checks/serving.ts'
import type { fleetSettings } from '../fleet/settings.ts'
import type { SettingValues } from '../kernel/setting.ts'

type FleetSettings = SettingValues<typeof fleetSettings> & { readonly fleet?: string; readonly fleetToken?: string }

/** Goes before `coreUpdateFeature`, which says that there are none. */
export const coreUpdateMachinesFeature: Feature<FleetSettings> = {
  name: 'coreupdate-machines',
  open: async ({ fleet, fleetFile: file, fleetToken: token, fleetIds, fleetIdsKey }) => {
    if (fleet === 'off' || file === undefined || token === undefined) return undefined
    const options = { file, token, idsKey: fleetIds === 'hmac' ? fleetIdsKey : undefined }
    return {
      name: 'coreupdate-machines',
      fallback: async (serving, c) => (await import('./machines.ts')).answerMachines(options, serving, c),
    }
  },
}
