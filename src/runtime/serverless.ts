/**
 * What runtimes without a process of their own (Workers, Lambda) do the same: they read settings from variables alone,
 * answer in words where these cannot be used, and refresh the catalog when a schedule calls them.
 */
import { type Context, Hono } from 'hono'
import { newCatalogCache } from '../catalog/cache.ts'
import type { StoreReader } from '../catalog/read.ts'
import type { Slice } from '../catalog/refresh.ts'
import type { StoreWriter } from '../catalog/write.ts'
import type { Serving } from '../checks/serving.ts'
import { refuse } from '../http/problem.ts'
import { systemClock } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { NewHasher } from '../kernel/hasher.ts'
import { describeError, type Log } from '../kernel/log.ts'
import { systemRandom } from '../kernel/random.ts'
import type { MirrorMemory } from '../mirroring/mirror.ts'
import { parsePolicy } from '../publish-api/policy-document.ts'
import { newPublishState } from '../publish-api/state.ts'
import type { Uploading } from '../publish-api/upload-records.ts'
import type { Packages } from '../store/packages.ts'
import type { Uploads } from '../store/uploads.ts'
import type { Signer } from '../trust/signer.ts'
import { createApp } from './app.ts'
import { loadEnvSigner } from './env-keys.ts'
import { type Features, missingFeatures } from './features.ts'
import { refreshSlice, runLog } from './refreshing.ts'
import type { KeySource } from './setting-values.ts'
import { type Environment, readSettings, type Settings, type SettingsWith } from './settings.ts'

/** One for each isolate or environment, as long as that lives. */
export interface Deployment {
  readonly app: Hono
  /**
   * What a schedule calls. Never throws: what went wrong is in the log.
   * @returns `idle` without a timestamp key or an upstream: others keep the catalog fresh.
   */
  refresh(): Promise<'refreshed' | 'idle'>
}

/** What a runtime brings along. */
export interface Parts extends Pick<StoreReader, 'documents' | 'log'>, Pick<Serving, 'background' | 'events'> {
  readonly packages: Packages
  /** How the store takes uploads, where this entry lets pipelines publish. */
  readonly uploads?: (() => Promise<Uploads>) | undefined
  readonly newHasher: NewHasher
  readonly extras: Features
  /** How much one call of the schedule may take in. */
  readonly slice: Omit<Slice, 'turn'>
}

/**
 * Reads the settings of a runtime that has no files.
 * @param more.others problems of what is no setting, such as a binding.
 * @param more.extras what this entry carries.
 * @returns all problems at once where there are any.
 */
export function settingsOrProblems<K extends keyof Settings>(
  env: Environment,
  needs: readonly K[],
  { others = [], extras }: { readonly others?: readonly string[]; readonly extras: Features },
): SettingsWith<K> | string {
  const problems = [...others]
  try {
    const settings = readSettings(env, needs)
    for (const [variable, place] of [
      ['PLATTE_TIMESTAMP_KEY', settings.timestampKey],
      ['PLATTE_RELEASE_KEY', settings.releaseKey],
    ] as const)
      if (place && 'file' in place) problems.push(`${variable} ${noFiles}`)
    if (settings.publishPolicy && 'file' in settings.publishPolicy) problems.push(noPolicyFile)
    if (settings.overlay && 'file' in settings.overlay) problems.push(noOverlayFile)
    if ((settings.mirrorChannels?.length ?? 0) > channelsAtMost) problems.push(tooManyChannels)
    problems.push(...missingFeatures(settings, extras))
    if (problems.length === 0) return settings
  } catch (error) {
    problems.push(error instanceof PlatteError ? error.message : `a defect: ${error}`)
  }
  return problems.join('\n  ')
}

/** A step of a mirror reads each channel that is named, to find what it follows. */
const channelsAtMost = 16

const tooManyChannels = `PLATTE_MIRROR_CHANNELS names more than ${channelsAtMost} channels, which is too much for one run of a schedule: leave it out to mirror all`

const noFiles = 'names a file, and there are none here: use env://NAME for a secret variable that holds the key'

const noPolicyFile = 'PLATTE_PUBLISH_POLICY names a file, and there are none here: set it to the policy itself, as JSON'

const noOverlayFile = 'PLATTE_OVERLAY names a file, and there are none here: put the JSON itself there'

/** Serves with settings that can be used. @param env where the timestamp key is, if the settings name one. */
export function openDeployment(
  settings: SettingsWith<'pin' | 'publicUrl'>,
  env: Environment,
  { documents, packages, uploads, newHasher, log, events, background, slice, extras }: Parts,
): Deployment {
  const {
    pin,
    publicUrl,
    packagesUrl,
    explain,
    timestampKey,
    releaseKey,
    locks: lockSettings,
    publishPolicy: place,
    app,
    pages: wanted,
  } = settings
  const cache = newCatalogCache()
  const { acceptStaleMs, overlay: overlaid, upstream, mirrorPackages = 'all', mirrorChannels } = settings
  const overlay = overlaid && 'overlay' in overlaid ? overlaid.overlay : undefined
  const reader = { documents, pin, clock: systemClock, log, acceptStaleMs, overlay }
  const memory: MirrorMemory = {}
  const stepping = upstream && {
    ...{ reader, upstream, packages: mirrorPackages, channels: mirrorChannels },
    store: { documents, packages },
  }
  const served = (upstream && extras.mirroring?.behind(packages, upstream)) || packages
  const signers = async (key: KeySource | undefined): Promise<readonly Signer[]> =>
    key && 'variable' in key ? [await loadEnvSigner(key.variable, env)] : []
  const openWriting = async (): Promise<StoreWriter> => ({
    ...{ ...reader, random: systemRandom },
    ...{ release: await signers(releaseKey), timestamp: await signers(timestampKey) },
  })
  const openUploading =
    uploads &&
    (async (): Promise<Uploading> => ({
      ...{ ...(await openWriting()), packages, newHasher, uploads: await uploads() },
    }))
  const policy = place && 'text' in place ? parsePolicy(place.text) : undefined
  const publisher =
    policy && openUploading && extras.publisher?.(openUploading, { policy, cache, ...newPublishState() })
  const locking = { documents, clock: systemClock, random: systemRandom }
  const locks = lockSettings && extras.openLocks?.({ ...lockSettings, locking })
  return {
    app: createApp(
      {
        ...{ cache, reader, packages: served, events, publicUrl, packagesUrl, explain, app, locks, background },
        pages: wanted === 'off' ? undefined : extras.pages,
      },
      ...(publisher ? [publisher] : []),
    ),
    async refresh() {
      if (stepping) {
        const reader = { ...stepping.reader, log: runLog(log) }
        await extras.mirroring?.step({ ...stepping, reader }, memory)
        return 'refreshed'
      }
      if (timestampKey === undefined) return 'idle'
      const ofRun = runLog(log)
      try {
        const open = policy && openUploading ? openUploading : openWriting
        await refreshSlice({ ...(await open()), log: ofRun }, cache, { ...slice, sweep: extras.sweep })
      } catch (error) {
        ofRun({ level: 'error', event: 'refresh', ...describeError(error) })
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
  app.notFound((c: Context) => refuse(c, 'configuration', problem))
  return {
    app,
    async refresh() {
      report('refresh')
      return 'refreshed'
    },
  }
}
