/** Settings, read once at the edge into one frozen value; all problems are reported together. */

import type { ExplainAccess } from '../checks/serving.ts'
import { PlatteError } from '../kernel/errors.ts'
import { type LockSettings, parseLockChannels, parseLockTokens } from '../locks/settings.ts'
import type { Want } from '../mirroring/mirror-pass.ts'
import { formatPin, type Pin, parsePin, type TrustedRoot } from '../trust/verify-root.ts'
import {
  type KeySource,
  type OverlaySource,
  offWord,
  oneWord,
  type PolicySource,
  parseApp,
  parseKeySource,
  parseOverlaySource,
  parsePolicySource,
  parsePort,
  parsePublicUrl,
  parseStale,
  parseWant,
} from './setting-values.ts'
import { parseStore, parseUpstream, type StoreSetting, storeForms } from './store-setting.ts'

/** The variables, and the flag that says the same on the command line. */
const variables = {
  PLATTE_STORE: '--store',
  PLATTE_ROOT: '--root',
  PLATTE_UPSTREAM: '--upstream',
  PLATTE_MARK: '--mark',
  PLATTE_MIRROR_CHANNELS: undefined,
  PLATTE_MIRROR_PACKAGES: undefined,
  PLATTE_KEYS: '--keys',
  PLATTE_RELEASE_KEY: '--release-key',
  PLATTE_TIMESTAMP_KEY: '--timestamp-key',
  PLATTE_APP: '--app',
  PLATTE_PUBLIC_URL: '--public-url',
  PLATTE_PACKAGES_URL: '--packages-url',
  PLATTE_EXPLAIN: '--explain',
  PLATTE_EXPLAIN_TOKEN: undefined,
  PLATTE_PAGES: '--pages',
  PLATTE_EVENTS: '--events',
  PLATTE_METRICS: '--metrics',
  PLATTE_PUBLISH_POLICY: '--publish-policy',
  PLATTE_ENDPOINT: '--endpoint',
  PLATTE_LOCKS: '--locks',
  PLATTE_LOCK_TOKENS: undefined,
  PLATTE_LOCK_CHANNELS: '--lock-channels',
  PLATTE_ACCEPT_STALE: '--accept-stale',
  PLATTE_OVERLAY: '--overlay',
  PLATTE_HOST: '--host',
  PORT: '--port',
} as const

export type Variable = keyof typeof variables
export type Environment = Readonly<Record<string, string | undefined>>

export interface Settings {
  readonly store?: StoreSetting
  readonly pin?: Pin
  /** The URL of what the store is a mirror of, ending in "/"; without a store it is the store. */
  readonly upstream?: string
  /** For schedules that mirror: names of channels, or `app/channel`; without them all. */
  readonly mirrorChannels?: readonly string[]
  readonly mirrorPackages?: Want
  /** The file that remembers the newest catalog of a store that is not trusted. */
  readonly mark?: string
  readonly keysDir?: string
  readonly releaseKey?: KeySource
  readonly timestampKey?: KeySource
  readonly app?: string
  /** Without a "/" at the end. Without a setting of its own it is `packagesUrl`: offers name packages where they are kept. */
  readonly publicUrl?: string
  /** Where clients find the keys of packages, when it is not here. Without a "/" at the end. */
  readonly packagesUrl?: string
  /** Who may ask for explanations; without it nobody. */
  readonly explain?: ExplainAccess
  /** Whether there are no pages and feeds for people. */
  readonly pages?: 'off'
  /** Whether events are also kept as files in the store. */
  readonly events?: 'store'
  /** Whether numbers are told at `/metrics`. */
  readonly metrics?: 'on'
  /** Which pipelines may publish here; without it none. */
  readonly publishPolicy?: PolicySource
  /** The publish function that commands send their orders to. Without a "/" at the end. */
  readonly endpoint?: string
  /** Reboot locks, where they are on. */
  readonly locks?: LockSettings
  /** So long after it expired a catalog is still read. */
  readonly acceptStaleMs?: number
  /** What is withheld here: the overlay itself, or the file that has it. */
  readonly overlay?: OverlaySource
  readonly host: string
  readonly port: number
}

/** Settings of which some are certain to be there. */
export type SettingsWith<K extends keyof Settings> = Settings & { readonly [N in K]-?: NonNullable<Settings[N]> }

const publicUrlHint = 'say where clients reach this, such as https://updates.example.org: offers name packages under it'

const needed: Readonly<Partial<Record<keyof Settings, readonly [Variable, string]>>> = {
  store: ['PLATTE_STORE', `say where the store is: ${storeForms}`],
  pin: ['PLATTE_ROOT', 'pin the root that `platte init` printed, such as 1:sha256:<64 hex digits>'],
  keysDir: ['PLATTE_KEYS', 'say which folder the keys are in, such as /etc/platte/keys'],
  app: ['PLATTE_APP', 'say which app, such as e96281a6-d1af-4bde-9a0a-97b76e56dc57 (Flatcar)'],
  publicUrl: ['PLATTE_PUBLIC_URL', publicUrlHint],
}

/**
 * Reads the settings.
 * @param needs those that must be there; `host` is for who listens there, and must then be reachable by a public URL.
 * @throws PlatteError('configuration') naming every variable that is missing or wrong, with a hint each.
 */
export function readSettings<K extends keyof Settings = never>(
  env: Environment,
  needs: readonly K[] = [],
): SettingsWith<K> {
  const problems: string[] = []
  const read = <T>(variable: Variable, parse: (text: string) => T): T | undefined => {
    const text = env[variable]
    if (text === undefined || text === '') return undefined
    try {
      return parse(text)
    } catch (error) {
      const hint = error instanceof PlatteError && error.hint ? `: ${error.hint}` : ''
      problems.push(`${named(variable)}: ${error instanceof Error ? error.message : error}${hint}`)
      return undefined
    }
  }
  const said = {
    store: read('PLATTE_STORE', parseStore),
    pin: read('PLATTE_ROOT', parsePin),
    upstream: read('PLATTE_UPSTREAM', parseUpstream),
    mark: env.PLATTE_MARK || undefined,
    mirrorChannels: read('PLATTE_MIRROR_CHANNELS', (text) => text.split(',').map((name) => name.trim())),
    mirrorPackages: read('PLATTE_MIRROR_PACKAGES', parseWant),
    keysDir: env.PLATTE_KEYS || undefined,
    releaseKey: read('PLATTE_RELEASE_KEY', parseKeySource),
    timestampKey: read('PLATTE_TIMESTAMP_KEY', parseKeySource),
    app: read('PLATTE_APP', parseApp),
    publicUrl: read('PLATTE_PUBLIC_URL', parsePublicUrl),
    packagesUrl: read('PLATTE_PACKAGES_URL', parsePublicUrl),
    explain: readExplain(env, problems),
    pages: read('PLATTE_PAGES', offWord),
    events: read('PLATTE_EVENTS', oneWord('store')),
    metrics: read('PLATTE_METRICS', oneWord('on')),
    publishPolicy: read('PLATTE_PUBLISH_POLICY', parsePolicySource),
    endpoint: read('PLATTE_ENDPOINT', parsePublicUrl),
    locks: {
      isOn: read('PLATTE_LOCKS', oneWord('on')) === 'on',
      tokens: read('PLATTE_LOCK_TOKENS', parseLockTokens) ?? [],
      channels: read('PLATTE_LOCK_CHANNELS', parseLockChannels) ?? new Map(),
    },
    overlay: read('PLATTE_OVERLAY', parseOverlaySource),
    acceptStaleMs: read('PLATTE_ACCEPT_STALE', parseStale),
    host: env.PLATTE_HOST || '127.0.0.1',
    port: read('PORT', parsePort) ?? 8787,
  }
  const { isOn, ...locks } = said.locks
  const found = {
    ...{ ...said, ...storeOf(said) },
    publicUrl: said.publicUrl ?? said.packagesUrl,
    locks: isOn ? locks : undefined,
  }
  if (isOn && said.store?.kind === 'http')
    problems.push(`${named('PLATTE_LOCKS')}: ${env.PLATTE_STORE} cannot be written, and locks are kept in the store`)
  const elsewhere = elsewhereProblem(said)
  if (elsewhere !== undefined) problems.push(`${named('PLATTE_PACKAGES_URL')} ${elsewhere}`)
  problems.push(...missing(env, needs, found))
  if (problems.length > 0)
    throw new PlatteError('configuration', ['settings cannot be used:', ...problems].join('\n  '))
  return Object.freeze(
    Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)),
  ) as SettingsWith<K>
}

/** In the folder where it runs. */
const defaultMark = 'catalog-mark.jws'

/** Without a store of its own a deployment reads its upstream, and remembers what it saw there. */
function storeOf({
  store,
  upstream,
  mark,
}: Readonly<Record<'upstream' | 'mark', string | undefined>> & Pick<Found, 'store'>) {
  if (store !== undefined || upstream === undefined) return { store, mark }
  return { store: { kind: 'http', url: upstream } as const, mark: mark ?? defaultMark }
}

type Found = { readonly [N in keyof Settings]-?: Settings[N] | undefined } & Pick<Settings, 'host'>

function missing(env: Environment, needs: readonly (keyof Settings)[], found: Found): string[] {
  const problems: string[] = []
  const isLoopback = /^(127\.|localhost$|::1$)/.test(found.host)
  if (needs.includes('host') && !isLoopback && !env.PLATTE_PUBLIC_URL && found.publicUrl === undefined)
    problems.push(`${named('PLATTE_PUBLIC_URL')} is missing, and ${found.host} is not loopback: ${publicUrlHint}`)
  for (const need of needs) {
    const [variable, hint] = needed[need] ?? []
    if (variable && !env[variable] && found[need] === undefined) problems.push(`${named(variable)} is missing: ${hint}`)
  }
  return problems
}

/** Reads a pin. @throws PlatteError('configuration') */
export const pinOfText = parsePin

/** The pin of a root, as PLATTE_ROOT takes it. */
export const pinOf = ({ root, sha256 }: TrustedRoot): string => formatPin({ version: root.version, sha256 })

const named = (variable: Variable): string =>
  variables[variable] === undefined ? variable : `${variable} (${variables[variable]})`

/** update_engine follows redirects within one scheme only (flatcar/update_engine libcurl_http_fetcher.cc). */
function elsewhereProblem({
  publicUrl,
  packagesUrl,
}: Readonly<Record<'publicUrl' | 'packagesUrl', string | undefined>>): string | undefined {
  if (publicUrl === undefined || packagesUrl === undefined) return undefined
  if (packagesUrl === publicUrl) return 'is PLATTE_PUBLIC_URL: packages would be redirected to themselves'
  if (new URL(packagesUrl).protocol === new URL(publicUrl).protocol) return undefined
  return 'is not of the same scheme as PLATTE_PUBLIC_URL: machines follow no redirect from http to https, nor back'
}

/** Short tokens can be guessed. */
const minTokenLength = 16

/** Everybody may ask, who can read the signed documents anyway, unless a setting says otherwise. */
function readExplain(env: Environment, problems: string[]): ExplainAccess | undefined {
  const { PLATTE_EXPLAIN: who = '', PLATTE_EXPLAIN_TOKEN: token = '' } = env
  if (!['', 'public', 'token', 'off'].includes(who))
    problems.push(`${named('PLATTE_EXPLAIN')}: ${JSON.stringify(who.slice(0, 80))} is none of public, token, off`)
  if (who === 'token' && !/^[\x21-\x7e]+$/.test(token))
    problems.push(`${named('PLATTE_EXPLAIN_TOKEN')} is missing or has blanks: set it to the token that callers send`)
  else if (who === 'token' && token.length < minTokenLength)
    problems.push(`${named('PLATTE_EXPLAIN_TOKEN')} is too short: use at least ${minTokenLength} random characters`)
  if (who === 'token') return { token }
  return who === 'off' ? undefined : 'public'
}
