/** Reboot locks, as a deployment turns them on. */
import type { Feature } from '../checks/serving.ts'
import type { SettingValues } from '../kernel/setting.ts'
import type { lockSettings } from './settings.ts'

export const lockFeature: Feature<SettingValues<typeof lockSettings>> = {
  name: 'locks',
  open: async ({ lockTokens = [], lockChannels = new Map() }, { reader, random }) => {
    const { openLocks } = await import('./http/routes.ts')
    const { documents, clock } = reader
    return openLocks({ locking: { documents, clock, random }, tokens: lockTokens, channels: lockChannels })
  },
}
