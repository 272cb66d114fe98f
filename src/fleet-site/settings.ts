/** Settings of the page `/fleet`. `feature.ts` judges them, since Workers carry this file. */
import { setting, wordOf } from '../kernel/setting.ts'

export const fleetSiteSettings = {
  fleet: setting('PLATTE_FLEET <who>', 'who may see `/fleet`: `token` or `off`', wordOf('token', 'off')),
  fleetToken: setting('PLATTE_FLEET_TOKEN', 'the token for `/fleet`, at least 16 characters', String, { secret: true }),
}
