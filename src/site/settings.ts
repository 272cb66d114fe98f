/** Settings of pages and feeds. Apart from `feature.ts`, whose lazy imports would slow every bundle that reads settings. */
import { setting, wordOf } from '../kernel/setting.ts'

export const siteSettings = {
  pages: setting('PLATTE_PAGES <on>', '`off`: no pages and feeds for people', wordOf('on', 'off')),
}
