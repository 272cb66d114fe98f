/** Hooks after reboot locks. Workers and Lambda do not carry it: they do not run between requests. */
import type { Feature } from '../checks/serving.ts'
import type { SettingValues } from '../kernel/setting.ts'
import type { lockGateSettings } from './settings.ts'

export const lockHooksFeature: Feature<SettingValues<typeof lockGateSettings>> = {
  name: 'lock-hooks',
  open: async ({ lockHooks, lockHooksKey: key = '' }, { reader, random, transport, readText }) => {
    if (lockHooks === undefined) return undefined
    const [{ readHooks }, { openHooks }, { send }, { direct }, { nonceOf }] = await Promise.all([
      import('./lists.ts'),
      import('./hooks.ts'),
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
}
