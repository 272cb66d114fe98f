/** Gates before reboot locks, as a deployment turns them on. */
import type { Feature } from '../checks/serving.ts'
import type { SettingValues } from '../kernel/setting.ts'
import type { lockGateSettings } from './settings.ts'

export const lockGatesFeature: Feature<SettingValues<typeof lockGateSettings>> = {
  name: 'lock-gates',
  open: async ({ lockGates }, { reader, transport, readText }) => {
    if (lockGates === undefined) return undefined
    const [{ readGates }, { openGates }] = await Promise.all([import('./lists.ts'), import('./gates.ts')])
    return openGates({ gates: await readGates(lockGates, readText), transport, clock: reader.clock, log: reader.log })
  },
}
