/** CoreUpdate's lists, for updateservicectl. */
import type { Extension, Feature } from '../checks/serving.ts'

export const coreUpdateFeature: Feature<object> = { name: 'coreupdate', open: async () => coreUpdateLists }

export const coreUpdateLists: Extension = {
  name: 'coreupdate',
  fallback: async (serving, c) => (await import('./answer.ts')).answerCoreUpdate(serving, c),
}
