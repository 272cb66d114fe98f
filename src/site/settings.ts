/** Settings of pages and feeds. */
import { type SettingRows, wordOf } from '../kernel/setting.ts'

export const siteSettings = {
  pages: {
    variable: 'PLATTE_PAGES',
    flag: '--pages <on>',
    doc: '`off`: no pages and feeds for people',
    parse: wordOf('on', 'off'),
  },
} as const satisfies SettingRows
