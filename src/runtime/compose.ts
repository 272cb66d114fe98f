/** Composes the features of a deployment, on every runtime. */
import { type EventSink, fanOut } from '../checks/events.ts'
import type { Extension, Feature, FeatureContext, Serving, Upstream } from '../checks/serving.ts'
import { type Log, logWith } from '../kernel/log.ts'
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
  // A feature whose store is away costs no other one its numbers.
  const gauges: FeatureContext['gauges'] = async () => {
    const scrape = {}
    return (await Promise.all(opened.map(async (one) => (await one.gauges?.(scrape).catch(() => [])) ?? []))).flat()
  }
  const all = await Promise.all(wanted.map(({ open }) => open(settings, { ...context, gauges })))
  const opened = all.filter((one) => one !== undefined)
  return opened
}

/** Problems of settings whose feature this deployment does not carry. */
export const missingFeatures = (settings: Settings, carried: Features): readonly string[] =>
  settingRows
    .filter(([key, { needs }]) => needs && isOn(settings[key]) && !carried.some(({ name }) => name === needs))
    .map(([, { variable }]) => `${variable}: this build only answers checks; deploy src/runtime/worker-full.ts`)

export function servingWith(
  extensions: readonly Extension[],
  settings: Settings,
  { packages, newHasher, ...parts }: Omit<Serving, 'extensions' | 'explain' | 'packagesUrl' | 'app'> & Upstream,
): Serving {
  const { explain, explainToken: token = '', packagesUrl, app } = settings
  return {
    ...{ ...parts, packagesUrl, app, extensions, review: extensions.find((one) => one.review)?.review },
    // Of a store behind a web server, nothing was verified before.
    ...(settings.store?.kind === 'http'
      ? { packages: undefined, upstream: { packages, newHasher } }
      : { packages, upstream: extensions.find((one) => one.upstream)?.upstream }),
    events: rewriting(extensions, fanOut([parts.events, ...extensions.flatMap(({ sink }) => sink ?? [])])),
    explain: explain === 'off' ? undefined : explain === 'token' ? { token } : 'public',
  }
}

const rewriting = (extensions: readonly Extension[], sink: EventSink): EventSink =>
  extensions.reduce<EventSink>((next, { rewrite }) => (rewrite ? (event) => next(rewrite(event)) : next), sink)

/** How often a process with the timestamp key checks whether the catalog is due for a refresh. */
export const refreshEveryMs = 60_000

/** Gives the lines of one run an id in common. */
export const runLog = (log: Log): Log => logWith(log, { runId: crypto.randomUUID() })
