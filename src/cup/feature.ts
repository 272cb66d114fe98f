/** CUP, as a deployment turns it on. */
import type { Feature } from '../checks/serving.ts'
import type { SettingValues } from '../kernel/setting.ts'
import type { CupCrypto } from './open.ts'
import type { cupSettings } from './settings.ts'

/** @param crypto what is faster on this runtime than WebCrypto. */
export const cupFeature = (crypto?: CupCrypto): Feature<SettingValues<typeof cupSettings>> => ({
  name: 'cup',
  open: async ({ cupKeys }, context) => {
    if (cupKeys === undefined) return undefined
    const { openCup, webCrypto } = await import('./open.ts')
    return openCup(cupKeys, context, crypto ?? webCrypto)
  },
})
