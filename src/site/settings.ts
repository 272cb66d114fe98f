/** Settings of pages and feeds. */
import { setting, wordOf } from '../kernel/setting.ts'

export const siteSettings = {
  pages: setting('PLATTE_PAGES <on>', '`off`: no pages and feeds for people', wordOf('on', 'off')),
}
