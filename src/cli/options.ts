/** The options that commands share; each is also a variable, and the flag wins. */
import { Command, InvalidArgumentError } from 'commander'
import type { Publisher } from '../channels/publish.ts'
import { isChannelName, isDuration, isInstant, longDuration } from '../documents/fields.ts'
import type { Log } from '../kernel/log.ts'
import { loadOnlineKeys } from '../runtime/keys.ts'
import { loadOverlay } from '../runtime/overlays.ts'
import { readSettings, type Settings, type SettingsWith, type Variable } from '../runtime/settings.ts'
import { openStore } from '../runtime/store.ts'
import { storeForms } from '../runtime/store-setting.ts'

const flags = {
  store: ['--store <store>', `where documents and packages are: ${storeForms}`, 'PLATTE_STORE'],
  root: ['--root <pin>', 'the root to trust: VERSION:sha256:HEX', 'PLATTE_ROOT'],
  upstream: [
    '--upstream <url>',
    'what the store is a mirror of; without a store, what to answer from',
    'PLATTE_UPSTREAM',
  ],
  mark: ['--mark <file>', 'remember the newest catalog there (with --upstream: catalog-mark.jws)', 'PLATTE_MARK'],
  keys: ['--keys <folder>', 'folder of release*.jwk and timestamp*.jwk', 'PLATTE_KEYS'],
  releaseKey: ['--release-key <file>', 'one release key: a file, or env://NAME', 'PLATTE_RELEASE_KEY'],
  timestampKey: ['--timestamp-key <file>', 'one timestamp key: a file, or env://NAME', 'PLATTE_TIMESTAMP_KEY'],
  app: ['--app <app>', 'the app: its Omaha id', 'PLATTE_APP'],
  publicUrl: ['--public-url <url>', 'where clients reach this deployment', 'PLATTE_PUBLIC_URL'],
  packagesUrl: ['--packages-url <url>', 'where clients find packages, when not here', 'PLATTE_PACKAGES_URL'],
  explain: ['--explain <who>', 'who may ask for explanations: public, token or off', 'PLATTE_EXPLAIN'],
  pages: ['--pages <on>', 'off: no pages and feeds for people', 'PLATTE_PAGES'],
  events: ['--events <where>', 'store: keep what machines tell as files in the store', 'PLATTE_EVENTS'],
  metrics: ['--metrics <on>', 'on: tell numbers at /metrics', 'PLATTE_METRICS'],
  publishPolicy: [
    '--publish-policy <policy>',
    'which pipelines may publish here: file:PATH, or JSON',
    'PLATTE_PUBLISH_POLICY',
  ],
  endpoint: ['--endpoint <url>', 'the publish function that is asked, instead of a store', 'PLATTE_ENDPOINT'],
  locks: ['--locks <on>', 'on: give machines their turn to reboot', 'PLATTE_LOCKS'],
  lockChannels: [
    '--lock-channels <list>',
    'whose machines are in which group: APP/CHANNEL=GROUP,…',
    'PLATTE_LOCK_CHANNELS',
  ],
  acceptStale: [
    '--accept-stale <duration>',
    'go on for so long, such as 45d, with a catalog that has expired',
    'PLATTE_ACCEPT_STALE',
  ],
  overlay: ['--overlay <file>', 'withhold here what it says: a file, or the JSON itself', 'PLATTE_OVERLAY'],
  host: ['--host <address>', 'address to listen on (127.0.0.1)', 'PLATTE_HOST'],
  port: ['--port <port>', 'port to listen on (8787)', 'PORT'],
} as const satisfies Record<string, readonly [string, string, Variable]>

type Flag = keyof typeof flags
/** What commander hands to an action: flag values by name. */
export type Options = Readonly<Partial<Record<Flag, string>>> & { readonly json?: boolean }

/** For commands that read the store. */
export const readFlags: readonly Flag[] = ['store', 'root', 'acceptStale', 'overlay']
/** For commands that write to it. */
export const writeFlags: readonly Flag[] = ['store', 'root', 'keys', 'releaseKey', 'timestampKey']

/** For commands that a publish function may carry out. */
export const endpointFlags: readonly Flag[] = ['endpoint']

/** A command with shared options and `--json`. */
export function command(name: string, description: string, use: readonly Flag[]): Command {
  const made = new Command(name).description(description).exitOverride()
  for (const flag of use) made.option(flags[flag][0], `${flags[flag][1]} [${flags[flag][2]}]`)
  return made.option('--json', 'print data as JSON')
}

/** Variables with the flags laid over them. */
export function environmentOf(options: Options): Record<string, string | undefined> {
  const env: Record<string, string | undefined> = { ...process.env }
  for (const flag of Object.keys(flags) as Flag[]) env[flags[flag][2]] = options[flag] ?? env[flags[flag][2]]
  return env
}

/** @throws PlatteError('configuration') with all problems at once. */
export const settingsOf = <K extends keyof Settings = never>(options: Options, needs: readonly K[]): SettingsWith<K> =>
  readSettings(environmentOf(options), needs)

/** Opens the store that the options name, for reading: a damaged key keeps nobody from looking. */
export async function openReadingOf<K extends keyof Settings = never>(
  options: Options,
  log: Log,
  needs: readonly K[] = [],
): Promise<{ readonly store: Publisher; readonly settings: SettingsWith<K | 'store' | 'pin'> }> {
  const settings = settingsOf<K | 'store' | 'pin'>(options, ['store', 'pin', ...needs])
  return {
    store: {
      ...(await openStore(settings.store)),
      pin: settings.pin,
      acceptStaleMs: settings.acceptStaleMs,
      overlay: await loadOverlay(settings.overlay),
      log,
      release: [],
      timestamp: [],
    },
    settings,
  }
}

/** Opens the store that the options name, with the keys at hand. */
export async function openStoreOf<K extends keyof Settings = never>(
  options: Options,
  log: Log,
  needs: readonly K[] = [],
): Promise<{ readonly store: Publisher; readonly settings: SettingsWith<K | 'store' | 'pin'> }> {
  const { store, settings } = await openReadingOf(options, log, needs)
  return { store: { ...store, ...(await loadOnlineKeys(settings, environmentOf(options))) }, settings }
}

/** For options that may be given several times. */
export const collect = (value: string, list: readonly string[] = []): readonly string[] => [...list, value]

/** Reads a value as the name of a channel. */
export function parseChannel(value: string): string {
  if (!isChannelName(value)) throw new InvalidArgumentError('Use 1 to 64 of a-z 0-9 . _ - for a channel, such as beta.')
  return value
}

/** Reads an option's value as a list with commas. */
export function parseList(value: string): readonly string[] {
  const parts = value.split(',').map((part) => part.trim())
  if (parts.includes('')) throw new InvalidArgumentError('Use names with commas between them, such as azure,ami.')
  return parts
}

/** Reads an option's value as a duration: ISO 8601, or in short. */
export function parseDuration(value: string): string {
  const duration = longDuration(value)
  if (!isDuration(duration)) throw new InvalidArgumentError('Use a duration such as 48h, 7d, P14D or PT72H.')
  return duration
}

/** Reads an option's value as an instant. */
export function parseInstant(value: string): string {
  if (!isInstant(value)) throw new InvalidArgumentError('Use an instant such as 2026-11-24T13:12:00Z.')
  return value
}

/** Reads an option's value as a whole number of at least 1. */
export function parseCount(value: string): number {
  const count = /^\d{1,6}$/.test(value) ? Number(value) : 0
  if (count < 1) throw new InvalidArgumentError('Use a whole number from 1.')
  return count
}

/** Reads an option's value as a share: 0.25, or 25%. */
export function parseShare(value: string): number {
  const [, number = '', percent = ''] = /^(\d+(?:\.\d+)?)(%?)$/.exec(value) ?? []
  const share = number === '' ? Number.NaN : Number(number) / (percent === '%' ? 100 : 1)
  if (!(share >= 0 && share <= 1)) throw new InvalidArgumentError('Use a share of 0 to 1, such as 0.25 or 25%.')
  return share
}

/** Reads an option's value as one of a few words. */
export function oneOf<T extends string>(words: readonly T[]): (value: string) => T {
  return (value) => {
    const found = words.find((word) => word === value)
    if (found === undefined) throw new InvalidArgumentError(`Use one of ${words.join(', ')}.`)
    return found
  }
}
