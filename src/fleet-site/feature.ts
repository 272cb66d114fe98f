/** The page `/fleet`, where the projection runs. Workers and Lambda do not carry it. */
import type { Extension, Feature } from '../checks/serving.ts'
import type { fleetSettings } from '../fleet/settings.ts'
import { refuse } from '../http/problem.ts'
import { PlatteError } from '../kernel/errors.ts'
import { minTokenLength, type SettingValues } from '../kernel/setting.ts'
import type { fleetSiteSettings } from './settings.ts'

type Settings = SettingValues<typeof fleetSettings> & SettingValues<typeof fleetSiteSettings>

export const fleetSiteFeature: Feature<Settings> = {
  name: 'fleet-site',
  open: async ({ fleet, fleetToken: token, fleetFile: file, fleetIds, fleetIdsKey }, { reader }) => {
    if (fleet === 'off') return undefined
    if (token !== undefined && !(token.length >= minTokenLength && /^[\x21-\x7e]+$/.test(token)))
      throw new PlatteError(
        'configuration',
        `PLATTE_FLEET_TOKEN needs at least ${minTokenLength} random characters, without spaces`,
        { hint: 'make one with: openssl rand -hex 16' },
      )
    if (file === undefined || token === undefined) {
      if (fleet === undefined) return howToGetIt
      throw new PlatteError('configuration', 'PLATTE_FLEET=token needs PLATTE_FLEET_FILE and PLATTE_FLEET_TOKEN', {
        hint,
      })
    }
    const idsKey = fleetIds === 'hmac' ? fleetIdsKey : undefined
    return (await import('./routes.ts')).fleetPages({ file, token, idsKey, clock: reader.clock })
  },
}

const hint = 'set PLATTE_FLEET_FILE to a file on a local disk, and PLATTE_FLEET_TOKEN to a secret text'

const howToGetIt: Extension = {
  name: 'fleet-page-off',
  fallback: async (_, c) =>
    /^\/fleet(\/|$)/.test(c.req.path)
      ? refuse(c, 'not-found', 'this server has no page of its fleet', { hint })
      : undefined,
}
