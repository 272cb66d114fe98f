/** Who waits for reboot locks: on wherever the locks are. */
import type { Feature } from '../checks/serving.ts'
import type { SettingValues } from '../kernel/setting.ts'
import type { lockSettings } from '../locks/settings.ts'

export const lockQueueFeature: Feature<SettingValues<typeof lockSettings>> = {
  name: 'lock-queue',
  open: async ({ locks }, { reader }) =>
    locks === 'on' ? (await import('./extension.ts')).openLockQueue(reader) : undefined,
}
