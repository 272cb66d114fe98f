/** Tells operators by a webhook. Workers and Lambda do not carry it: they do not run between requests. */

import type { Feature } from '../checks/serving.ts'
import type { fleetSettings } from '../fleet/settings.ts'
import { repeat } from '../kernel/repeat.ts'
import type { SettingValues } from '../kernel/setting.ts'
import type { webhookSettings } from './settings.ts'

const lookMs = 5_000

type Settings = SettingValues<typeof webhookSettings & Pick<typeof fleetSettings, 'fleetFile'>>

export const webhookFeature: Feature<Settings> = {
  name: 'webhook',
  open: async ({ webhook: url, webhookKey: key = '', webhookSilent: limit, fleetFile: file }, context) => {
    if (url === undefined) return undefined
    const [{ openQueue }, { send }, { openWatch }] = await Promise.all([
      import('./queue.ts'),
      import('../outgoing/send.ts'),
      import('./watch.ts'),
    ])
    const { cache, reader, transport, random } = context
    const receiver = { url, key, transport, clock: reader.clock }
    const { add, gauges, close } = openQueue({ send: (one) => send(receiver, one), random, log: reader.log })
    const fleet = file !== undefined && limit !== undefined ? { file, limit } : undefined
    const look = openWatch({ cache, reader, tell: add, fleet })
    const stopLooking = repeat(look, lookMs)
    return { name: 'webhook', gauges: async () => gauges(), close: () => stopLooking().then(close) }
  },
}
