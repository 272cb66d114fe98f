/** What Workers and Lambda share: settings from variables alone, 500 in words where these are wrong, refreshing by schedule. */
import type { Context } from 'hono'
import { newCatalogCache } from '../catalog/cache.ts'
import type { Slice } from '../catalog/edit-catalog.ts'
import type { StoreReader } from '../catalog/read.ts'
import type { FeatureContext, Serving } from '../checks/serving.ts'
import { newHono } from '../http/hono.ts'
import { refuse } from '../http/problem.ts'
import { systemClock } from '../kernel/clock.ts'
import { PlatteError, problemOf } from '../kernel/errors.ts'
import { describeError, type Log } from '../kernel/log.ts'
import { systemRandom } from '../kernel/random.ts'
import type { Environment } from '../kernel/setting.ts'
import type { Signer } from '../trust/keys.ts'
import { createApp } from './app.ts'
import type { Fetch } from './checks-first.ts'
import { type Features, missingFeatures, openFeatures, runLog, servingWith } from './compose.ts'
import { openEndpoint } from './endpoint.ts'
import { type KeySource, loadEnvSigner } from './own-settings.ts'
import { refreshSlice } from './refresh-slice.ts'
import { readSettings, type Settings, type SettingsWith, settingRows } from './settings.ts'

export interface Deployment {
  readonly fetch: Fetch
  /**
   * Never throws: failures are in the log.
   * @returns `idle` without a timestamp key, an upstream or hooks: others keep the catalog fresh.
   */
  refresh(): Promise<'refreshed' | 'idle'>
}

/** What a runtime provides. */
export interface Parts
  extends Pick<StoreReader, 'documents' | 'log'>,
    Pick<Serving, 'background'>,
    Pick<FeatureContext, 'packages' | 'newHasher' | 'transport' | 'openUploads' | 'bindings'> {
  readonly features: Features
  /** Opens a key of a key service. Where it is missing, keys are in variables only. */
  readonly openKey?: (url: string) => Promise<Signer>
  /** The bounds of one scheduled run. */
  readonly slice: Omit<Slice, 'turn'>
}

/**
 * Reads the settings of a runtime that has no files.
 * @param more.others problems of what is no setting, such as a binding. @param more.features what this entry carries.
 * @returns all problems at once where there are any.
 */
export function settingsOrProblems<Name extends keyof Settings>(
  env: Environment,
  needs: readonly Name[],
  { others = [], features }: { readonly others?: readonly string[]; readonly features: Features },
): SettingsWith<Name> | string {
  const problems = [...others]
  try {
    const settings = readSettings(env, needs)
    for (const [name, row] of settingRows) {
      const problem = settings[name] !== undefined && row.inFunction?.(settings[name] as never)
      if (problem) problems.push(`${row.variable} ${problem}`)
    }
    problems.push(...missingFeatures(settings, features))
    if (problems.length === 0) return settings
  } catch (error) {
    problems.push(error instanceof PlatteError ? error.message : `a defect: ${error}`)
  }
  return problems.join('\n  ')
}

/** Serves; where a feature cannot use its settings, answers what is wrong. @param env has the keys that settings name. */
export const openDeployment = (...given: Parameters<typeof open>): Promise<Deployment> =>
  open(...given).catch((error: unknown) => brokenDeployment(problemOf(error), given[2].log))

async function open(
  settings: SettingsWith<'pin' | 'publicUrl'>,
  env: Environment,
  { documents, log, background, slice, features, openKey, ...parts }: Parts,
): Promise<Deployment> {
  const { pin, publicUrl, acceptStaleMs, timestampKey, releaseKey } = settings
  const overlay = settings.overlay && 'overlay' in settings.overlay ? settings.overlay.overlay : undefined
  const reader = { documents, pin, clock: systemClock, log, acceptStaleMs, overlay }
  const cache = newCatalogCache()
  const random = systemRandom
  const signersOf = signersBy(env, openKey)
  const [release, timestamp] = [signersOf(releaseKey), signersOf(timestampKey)]
  const openWriter = async () => ({ ...reader, random, release: await release(), timestamp: await timestamp() })
  const context = { ...parts, cache, reader, random, openWriter, readText: noFiles }
  // An upstream implies itself as the store; a function has a bucket of its own.
  const { store: _, ...others } = settings
  const extensions = await openFeatures(features, others, context)
  const { packages, newHasher } = parts
  const replaced = extensions.find((one) => one.insteadOfRefresh)?.insteadOfRefresh
  const serving = servingWith(extensions, settings, {
    ...{ cache, reader, packages, newHasher, events: log, publicUrl, background },
  })
  const ticks = extensions.flatMap(({ onTick }) => onTick ?? [])
  const refresh = async () => {
    if (replaced === undefined && timestampKey === undefined && ticks.length === 0) return 'idle'
    const ofRun = runLog(log)
    try {
      if (replaced) await replaced(ofRun)
      else if (timestampKey) await refreshSlice({ ...(await openWriter()), log: ofRun }, cache, slice, extensions)
    } catch (error) {
      ofRun({ level: 'error', event: 'refresh', ...describeError(error) })
    }
    for (const tick of ticks) await tick(slice.most)
    return 'refreshed'
  }
  return { fetch: openEndpoint(serving, () => ({ createApp })), refresh }
}

/** @throws PlatteError('configuration') at once for a key that this runtime cannot use. */
const signersBy =
  (env: Environment, openKey: Parts['openKey']) =>
  (key: KeySource | undefined): (() => Promise<readonly Signer[]>) => {
    if (key && 'variable' in key) return async () => [await loadEnvSigner(key.variable, env)]
    if (!key || 'file' in key) return async () => []
    if (openKey) return async () => [await openKey(key.service)]
    throw new PlatteError('configuration', `${key.service}: a Worker needs env://NAME`)
  }

const noFiles = () => Promise.reject(new Error('there are no files here'))

/** Without a root nothing can be verified: that must not look as if there were no updates. */
export function brokenDeployment(problem: string, log: Log): Deployment {
  const report = (event: string): void => log({ level: 'error', event, problem, code: 'configuration' })
  report('serve')
  const refresh = async () => {
    report('refresh')
    return 'refreshed' as const
  }
  return { fetch: newHono().notFound((c: Context) => refuse(c, 'configuration', problem)).fetch, refresh }
}
