/** No second offer to machines that fell back, where the projection runs with the server. */
import type { StoreReader } from '../catalog/read.ts'
import type { Extension, Feature } from '../checks/serving.ts'
import type { fleetSettings } from '../fleet/settings.ts'
import type { SettingValues } from '../kernel/setting.ts'
import type { fallBackSettings } from './settings.ts'

const defaultMs = 7 * 24 * 60 * 60 * 1000

type Settings = SettingValues<typeof fleetSettings & typeof fallBackSettings>
type Reader = Pick<StoreReader, 'documents' | 'clock' | 'log'>

/** @returns `undefined` without a projection, or where it is off. */
export async function openFallBacks(
  { fleetFile: file, fleetIds, fleetIdsKey = '', fellBackMs: keepMs = defaultMs }: Settings,
  { documents, clock, log }: Reader,
): Promise<Extension | undefined> {
  if (file === undefined || keepMs === 0) return undefined
  const idOf = fleetIds === 'hmac' ? (await import('../fleet/ids.ts')).disguiseWith(fleetIdsKey) : String
  return (await import('./watch.ts')).watchFallBacks({ documents, clock, log, file, keepMs, idOf })
}

export const fallBackFeature: Feature<Settings> = {
  name: 'fallbacks',
  open: (settings, { reader }) => openFallBacks(settings, reader),
}
