/**
 * What runtimes without a process of their own (Workers, Lambda) do the same: they read settings from variables alone,
 * answer in words where these cannot be used, and refresh the catalog when a schedule calls them.
 */
import { type Context, Hono } from 'hono'
import { systemClock, systemRandom } from '../adapters/system.ts'
import { PlatteError } from '../errors.ts'
import { createApp } from '../http/app.ts'
import { refuse } from '../http/refuse.ts'
import type { Serving } from '../http/serving.ts'
import type { Log } from '../ports/log.ts'
import type { Packages } from '../ports/packages.ts'
import { newCatalogCache } from '../service/catalog-cache.ts'
import type { Reading } from '../service/reading.ts'
import type { Slice } from '../service/refresh.ts'
import { type Environment, readSettings, type Settings, type SettingsWith } from './config.ts'
import { loadEnvSigner } from './env-keys.ts'
import { refreshSlice } from './refreshing.ts'

/** One for each isolate or environment, as long as that lives. */
export interface Deployment {
  readonly app: Hono
  /**
   * What a schedule calls. Never throws: what went wrong is in the log.
   * @returns `idle` without a timestamp key: others keep the catalog fresh.
   */
  refresh(): Promise<'refreshed' | 'idle'>
}

/** What a runtime brings along. */
export interface Parts extends Pick<Reading, 'documents' | 'log'>, Pick<Serving, 'background' | 'events' | 'pages'> {
  readonly packages: Packages
  /** How much one call of the schedule may take in. */
  readonly slice: Omit<Slice, 'turn'>
}

/**
 * Reads the settings of a runtime that has no files.
 * @param others problems of what is no setting, such as a binding.
 * @returns all problems at once where there are any.
 */
export function settingsOrProblems<K extends keyof Settings>(
  env: Environment,
  needs: readonly K[],
  others: readonly string[],
): SettingsWith<K> | string {
  const problems = [...others]
  try {
    const settings = readSettings(env, needs)
    if (settings.timestampKey && 'file' in settings.timestampKey) problems.push(noFiles)
    if (problems.length === 0) return settings
  } catch (error) {
    problems.push(error instanceof PlatteError ? error.message : `a defect: ${error}`)
  }
  return problems.join('\n  ')
}

const noFiles =
  'PLATTE_TIMESTAMP_KEY names a file, and there are none here: use env://NAME for a secret variable that holds the key'

/** Serves with settings that can be used. @param env where the timestamp key is, if the settings name one. */
export function openDeployment(
  { pin, publicUrl, packagesUrl, explain, app, timestampKey, pages: wanted }: SettingsWith<'pin' | 'publicUrl'>,
  env: Environment,
  { documents, packages, log, events, background, pages, slice }: Parts,
): Deployment {
  const cache = newCatalogCache()
  const reading = { documents, pin, clock: systemClock, log }
  return {
    app: createApp({
      ...{ cache, reading, packages, events, publicUrl, packagesUrl, explain, app, background },
      pages: wanted === 'off' ? undefined : pages,
    }),
    async refresh() {
      if (timestampKey === undefined || 'file' in timestampKey) return 'idle'
      try {
        const timestamp = [await loadEnvSigner(timestampKey.variable, env)]
        await refreshSlice({ ...reading, random: systemRandom, release: [], timestamp }, cache, slice)
      } catch (error) {
        log({ level: 'error', event: 'refresh', problem: error instanceof Error ? error.message : String(error) })
      }
      return 'refreshed'
    },
  }
}

/** Without a root nothing can be verified: that must not look as if there were no updates. */
export function brokenDeployment(problem: string, log: Log): Deployment {
  const report = (event: string): void => log({ level: 'error', event, problem })
  report('serve')
  const app = new Hono()
  app.notFound((c: Context) => refuse(c, 500, problem))
  return {
    app,
    async refresh() {
      report('refresh')
      return 'refreshed'
    },
  }
}
