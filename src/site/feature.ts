/** Pages and feeds, as a deployment turns them on. */
import type { Extension, Feature } from '../checks/serving.ts'
import type { SettingValues } from '../kernel/setting.ts'
import type { siteSettings } from './settings.ts'

export const siteFeature: Feature<SettingValues<typeof siteSettings>> = {
  name: 'site',
  open: async ({ pages }) => (pages === 'off' ? undefined : sitePages),
}

/** Loaded for the first page that someone asks for. */
export const sitePages: Extension = {
  name: 'site',
  fallback: async (serving, c) => (await import('./pages/answer.ts')).answerPages(serving, c),
  notFound: async (serving, c) => (await import('./pages/answer.ts')).answerNotFound(serving, c),
}
