import type { Pages } from '../../checks/serving.ts'

/** Loads the pages at the first request for one. */
export const lazyPages: Pages = async (serving, c) => (await import('./answer.ts')).answerPages(serving, c)
