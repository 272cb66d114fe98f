/** Hooks after reboot locks. */
import type { Extension, Feature } from '../checks/serving.ts'
import type { SettingValues } from '../kernel/setting.ts'
import type { Hooking } from './courier.ts'
import type { lockGateSettings } from './settings.ts'

/** How a runtime delivers. */
type Load = () => Promise<{ readonly openHooks: (hooking: Hooking) => Extension }>

export const lockHooksFeature = (load: Load): Feature<SettingValues<typeof lockGateSettings>> => ({
  name: 'lock-hooks',
  open: async ({ lockHooks, lockHooksKey: key = '' }, { reader, random, transport, readText }) => {
    if (lockHooks === undefined) return undefined
    const [{ readHooks }, { openHooks }, { send }, { direct }, { nonceOf }] = await Promise.all([
      import('./lists.ts'),
      load(),
      import('../outgoing/send.ts'),
      import('../outgoing/direct.ts'),
      import('../locks/store.ts'),
    ])
    const { documents, clock, log } = reader
    const receiver = { name: 'lock hook', key, transport: direct(transport, 'lock hook'), clock }
    return openHooks({
      hooks: await readHooks(lockHooks, readText),
      ...{ locking: { documents, clock, random }, log, by: nonceOf(random) },
      send: ({ url }, message) => send({ ...receiver, url }, message),
    })
  },
})
