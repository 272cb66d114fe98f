import type { Pages } from '../../checks/serving.ts'

/** Pages that are loaded when the first of them is asked for. */
export const lazyPages: Pages = async (serving, c) => (await import('./answer.ts')).answerPages(serving, c)
