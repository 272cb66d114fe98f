/** Reboot locks, as a deployment turns them on. */
import type { Feature } from '../checks/serving.ts'
import type { SettingValues } from '../kernel/setting.ts'
import type { lockSettings } from './settings.ts'

export const lockFeature: Feature<SettingValues<typeof lockSettings>> = {
  name: 'locks',
  open: async ({ lockTokens = [], lockChannels = new Map(), locksCreate }, { reader, random }) => {
    const { openLocks } = await import('./http/routes.ts')
    const { documents, clock } = reader
    const locking = { documents, clock, random }
    return openLocks({ locking, tokens: lockTokens, channels: lockChannels, creates: locksCreate === 'on' })
  },
}
