/** Settings of pages and feeds. */
import { type SettingRows, wordOf } from '../kernel/setting.ts'

export const siteSettings = {
  pages: {
    variable: 'PLATTE_PAGES',
    flag: '--pages <on>',
    doc: '`off`: no pages and feeds for people',
    unset: 'pages and feeds, except in the Worker `src/runtime/worker.ts`',
    parse: wordOf('on', 'off'),
  },
} as const satisfies SettingRows
