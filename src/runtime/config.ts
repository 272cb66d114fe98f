/** Settings, read once at the edge into one frozen value; all problems are reported together. */
import * as v from 'valibot'
import { appName } from '../documents/fields.ts'
import { PlatteError } from '../errors.ts'
import type { ExplainAccess } from '../http/serving.ts'
import { formatPin, type Pin, parsePin, type TrustedRoot } from '../trust/verify-root.ts'
import { parseStore, type StoreSetting, shown, storeForms } from './store-setting.ts'

/** The variables, and the flag that says the same on the command line. */
const variables = {
  PLATTE_STORE: '--store',
  PLATTE_ROOT: '--root',
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
  PLATTE_HOST: '--host',
  PORT: '--port',
} as const

export type Variable = keyof typeof variables
export type Environment = Readonly<Record<string, string | undefined>>

/** Where a private key is: a file, or the name of a variable that holds it (`env://NAME`). */
export type KeyPlace = { readonly file: string } | { readonly variable: string }

export interface Settings {
  readonly store?: StoreSetting
  readonly pin?: Pin
  readonly keysDir?: string
  readonly releaseKey?: KeyPlace
  readonly timestampKey?: KeyPlace
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
    keysDir: env.PLATTE_KEYS || undefined,
    releaseKey: read('PLATTE_RELEASE_KEY', parseKeyPlace),
    timestampKey: read('PLATTE_TIMESTAMP_KEY', parseKeyPlace),
    app: read('PLATTE_APP', parseApp),
    publicUrl: read('PLATTE_PUBLIC_URL', parsePublicUrl),
    packagesUrl: read('PLATTE_PACKAGES_URL', parsePublicUrl),
    explain: readExplain(env, problems),
    pages: read('PLATTE_PAGES', offWord),
    events: read('PLATTE_EVENTS', oneWord('store')),
    metrics: read('PLATTE_METRICS', oneWord('on')),
    host: env.PLATTE_HOST || '127.0.0.1',
    port: read('PORT', parsePort) ?? 8787,
  }
  const found = { ...said, publicUrl: said.publicUrl ?? said.packagesUrl }
  const elsewhere = elsewhereProblem(said)
  if (elsewhere !== undefined) problems.push(`${named('PLATTE_PACKAGES_URL')} ${elsewhere}`)
  problems.push(...missing(env, needs, found))
  if (problems.length > 0)
    throw new PlatteError('configuration', ['settings cannot be used:', ...problems].join('\n  '))
  return Object.freeze(
    Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)),
  ) as SettingsWith<K>
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

/** The pin of a root, as PLATTE_ROOT takes it. */
export const pinOf = ({ root, sha256 }: TrustedRoot): string => formatPin({ version: root.version, sha256 })

const named = (variable: Variable): string =>
  variables[variable] === undefined ? variable : `${variable} (${variables[variable]})`

function parseKeyPlace(text: string): KeyPlace {
  // JSON, PEM, or the private number alone: never to be repeated in a message as if it were the name of a file.
  if (/[{"\n]|-----|^[A-Za-z0-9+_=-]{40,}$/.test(text))
    throw new Error('holds a key itself: use a file, or env://NAME for a variable that holds it')
  if (!text.startsWith('env://')) return { file: text }
  const variable = text.slice('env://'.length)
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable)) throw new Error('names no variable: use a file, or env://NAME')
  return { variable }
}

function parseApp(text: string): string {
  const result = v.safeParse(appName, text.replace(/^\{(.*)\}$/, '$1').toLowerCase())
  if (result.success) return result.output
  throw new Error(`${JSON.stringify(text.slice(0, 80))} ${result.issues[0].message}`)
}

function parsePublicUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.username || url?.password) throw new Error('holds credentials: a public URL is without')
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || /[?#]/.test(url.href))
    throw new Error(`${shown(text)} is not a plain http(s) URL, such as https://updates.example.org`)
  return url.href.replace(/\/+$/, '')
}

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

/** A setting that is on or off. */
const oneWord =
  <Word extends string>(word: Word) =>
  (text: string): Word | undefined => {
    if (text !== word && text !== 'off')
      throw new Error(`${JSON.stringify(text.slice(0, 80))} is neither ${word} nor off`)
    return text === word ? word : undefined
  }

/** A setting that is on unless it says otherwise. */
const offWord = (text: string): 'off' | undefined => (oneWord('on')(text) === 'on' ? undefined : 'off')

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (!(port <= 65_535)) throw new Error(`${JSON.stringify(text.slice(0, 80))} is no port (0 to 65535)`)
  return port
}
