/** `POST /v1/apply`, where a policy lets pipelines publish. Workers do not carry it: their bundle is near its limit. */
import type { Feature } from '../checks/serving.ts'
import type { TextSource } from '../kernel/setting.ts'

export const applyFeature: Feature<{ readonly publishPolicy?: TextSource | undefined }> = {
  name: 'apply',
  open: async ({ publishPolicy }, context) => {
    if (publishPolicy === undefined) return undefined
    const { readPolicy } = await import('../publish-api/policy-document.ts')
    const { openApply } = await import('./endpoint.ts')
    return openApply(await readPolicy(publishPolicy, context.readText), context)
  },
}
