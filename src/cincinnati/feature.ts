/** The graph of updates for Fedora CoreOS. */
import type { Extension, Feature } from '../checks/serving.ts'

export const cincinnatiFeature: Feature<object> = { name: 'cincinnati', open: async () => graph }

export const graph: Extension = {
  name: 'cincinnati',
  fallback: async (serving, c) => (await import('./answer.ts')).answerGraph(serving, c),
}
