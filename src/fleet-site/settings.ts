/** Settings of the page `/fleet`. Apart from `feature.ts`, which Workers cannot bundle. */
import { setting, wordOf } from '../kernel/setting.ts'

interface Others {
  readonly fleetFile?: string
  readonly fleetToken?: string
}

export const fleetSiteSettings = {
  fleet: setting(
    'PLATTE_FLEET <who>',
    'the page `/fleet`: for holders of the `token`, or `off`',
    wordOf('token', 'off'),
    {
      conflict: (who: string, { fleetFile, fleetToken }: Others) =>
        who === 'off' || (fleetFile && fleetToken) ? undefined : 'needs PLATTE_FLEET_FILE and PLATTE_FLEET_TOKEN',
    },
  ),
  fleetToken: setting('PLATTE_FLEET_TOKEN', 'the token for `/fleet`, at least 16 characters', String, {
    secret: true,
    conflict: (token: string) =>
      /^[\x21-\x7e]{16,}$/.test(token) ? undefined : 'must be at least 16 random characters without spaces',
  }),
}
