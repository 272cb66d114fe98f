/** Publishing over HTTP, as a deployment turns it on. */
import type { Feature } from '../checks/serving.ts'
import type { SettingValues } from '../kernel/setting.ts'
import type { publishSettings } from './settings.ts'

export const publishFeature: Feature<SettingValues<typeof publishSettings>> = {
  name: 'publish-api',
  open: async ({ publishPolicy }, context) => {
    if (publishPolicy === undefined) return undefined
    const { readPolicy } = await import('./policy-document.ts')
    const { openPublishFunction } = await import('./routes.ts')
    return openPublishFunction(await readPolicy(publishPolicy, context.readText), context)
  },
}
