/** Which app a command is about: that of the settings, or else the only one of the store. */
import { loadForWriting } from '../catalog/read.ts'
import { PlatteError } from '../kernel/errors.ts'
import { type Options, openReadingOf, settingsOf } from './options.ts'

/** @throws PlatteError('configuration') without an app in the settings, where the store has none or several. */
export async function withApp<Given extends Options>(options: Given): Promise<Given & { readonly app: string }> {
  const settings = settingsOf(options, [])
  if (settings.app !== undefined) return { ...options, app: settings.app }
  const apps = settings.store && settings.pin && !('endpoint' in settings) ? await appsOf(options) : []
  const [app, ...others] = apps
  if (app !== undefined && others.length === 0) return { ...options, app }
  if (others.length > 0)
    throw new PlatteError('configuration', `this store has several apps: ${apps.join(', ')}`, {
      hint: 'set PLATTE_APP (--app) to one of them',
    })
  settingsOf(options, ['store', 'pin', 'app'])
  throw new Error('one of them is missing')
}

async function appsOf(options: Options): Promise<readonly string[]> {
  const { store } = await openReadingOf(options, () => {})
  return Object.keys((await loadForWriting(store)).catalog.catalog.apps)
}
