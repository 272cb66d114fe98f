/** Channels for systemd-sysupdate. */
import type { Feature } from '../checks/serving.ts'

export const sysupdateFeature: Feature<object> = {
  name: 'sysupdate',
  open: async () => ({
    name: 'sysupdate',
    fallback: async (serving, c) => (await import('./answer.ts')).answerSysupdate(serving, c),
  }),
}
