/** Composes the features of a deployment. */
import { fanOut } from '../checks/events.ts'
import type { Feature, FeatureContext } from '../checks/feature.ts'
import type { Extension, Serving } from '../checks/serving.ts'
import { type Settings, settingRows } from './settings.ts'

export type Features = readonly Feature<Settings>[]

const isOn = (value: unknown): boolean => value !== undefined && value !== 'off'

/** Opens the features that the settings turn on. */
export async function openFeatures(
  carried: Features,
  settings: Settings,
  context: Omit<FeatureContext, 'gauges'>,
): Promise<readonly Extension[]> {
  const wanted = carried.filter(({ name }) => {
    const needed = settingRows.filter(([, row]) => row.needs === name)
    return needed.length === 0 || needed.some(([key]) => isOn(settings[key]))
  })
  const gauges: FeatureContext['gauges'] = async () =>
    (await Promise.all(opened.map((one) => one.gauges?.() ?? []))).flat()
  const all = await Promise.all(wanted.map(({ open }) => open(settings, { ...context, gauges })))
  const opened = all.filter((one) => one !== undefined)
  return opened
}

/** Problems of settings whose feature this deployment does not carry. */
export const missingFeatures = (settings: Settings, carried: Features): readonly string[] =>
  settingRows.flatMap(([key, { needs, variable }]) =>
    needs === undefined || !isOn(settings[key]) || carried.some(({ name }) => name === needs)
      ? []
      : [`${variable}: this build only answers checks; deploy src/runtime/worker-full.ts`],
  )

export function servingWith(
  extensions: readonly Extension[],
  settings: Settings,
  parts: Omit<Serving, 'extensions' | 'explain' | 'packagesUrl' | 'app'>,
): Serving {
  const { explain, explainToken: token = '', packagesUrl, app } = settings
  return {
    ...{ ...parts, packagesUrl, app, extensions },
    packages: extensions.find((one) => one.packages)?.packages ?? parts.packages,
    events: fanOut([parts.events, ...extensions.flatMap(({ sink }) => sink ?? [])]),
    explain: explain === 'off' ? undefined : explain === 'token' ? { token } : 'public',
  }
}
