/** Settings of the store, its keys and its server; other rooms have their own. */
import * as v from 'valibot'
import { durationUpTo } from '../documents/duration-setting.ts'
import { appName, reason } from '../documents/fields.ts'
import { parseOverlay } from '../documents/overlay.ts'
import { PlatteError } from '../kernel/errors.ts'
import {
  type Environment,
  minTokenLength,
  noFile,
  parsePublicUrl,
  parseStoreUrl,
  plainText,
  quoted,
  setting,
  shown,
  wordOf,
} from '../kernel/setting.ts'
import type { Overlay } from '../release/view.ts'
import type { S3Location } from '../store/s3/client.ts'
import { parsePrivateKey, type Signer } from '../trust/keys.ts'
import { parsePin } from '../trust/verify-root.ts'

export type S3Setting = S3Location & { readonly kind: 's3' }

export type StoreSetting =
  | { readonly kind: 'file'; readonly dir: string }
  | S3Setting
  /** Another Platte or the public URL of a bucket, only read. It ends in "/". */
  | { readonly kind: 'http'; readonly url: string }

const storeForms = 'file:DIR, s3://BUCKET/PREFIX or https://HOST/'

const holdsCredentials = 'holds credentials: for a bucket, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead'

/** @throws Error with the problem, for a message that names the variable. */
export function parseStore(text: string): StoreSetting {
  const [, kind = '', rest = ''] = /^([a-z0-9]+):(.*)$/.exec(text) ?? []
  if (kind !== 'file' && /^\/\/[^/?]*@/.test(rest)) throw new Error(holdsCredentials)
  if (kind === 'file' && rest !== '') return { kind, dir: rest.startsWith('//') ? rest.slice(2) : rest }
  if (kind === 's3') return parseS3(text)
  if (kind === 'https' || kind === 'http') return { kind: 'http', url: parseStoreUrl(text) }
  throw new Error(`${shown(text)} is no store: use ${storeForms}, such as file:/var/lib/platte`)
}

const s3Form = 's3://BUCKET/PREFIX?region=REGION&endpoint=URL&forcePathStyle=true'
const s3Options = ['endpoint', 'region', 'forcePathStyle']

function parseS3(text: string): S3Setting {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(url.hostname) || url.port || url.hash)
    throw new Error(`${shown(text)} names no bucket: use ${s3Form}`)
  const strange = [...url.searchParams.keys()].filter((name) => !s3Options.includes(name))
  if (strange.length > 0) throw new Error(`${shown(text)} has an unknown option ${strange[0]}: use ${s3Form}`)
  const [endpoint, region, style] = s3Options.map((name) => url.searchParams.get(name) ?? undefined)
  if (endpoint !== undefined) checkEndpoint(endpoint, shown(text))
  if (region !== undefined && !/^[A-Za-z0-9-]{1,63}$/.test(region))
    throw new Error(`${shown(text)}: region must be the name of a region, such as eu-central-1`)
  if (style !== undefined && style !== 'true' && style !== 'false')
    throw new Error(`${shown(text)}: forcePathStyle must be true or false`)
  const path = url.pathname.split('/').filter((part) => part !== '')
  if (!path.every((part) => /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(part)))
    throw new Error(`${shown(text)}: a prefix is made of letters, digits, ".", "_", "-" and "/"`)
  const prefix = path.map((part) => `${part}/`).join('')
  return { kind: 's3', bucket: url.hostname, prefix, endpoint, region, forcePathStyle: style === 'true' }
}

function checkEndpoint(endpoint: string, text: string): void {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (url?.username || url?.password) throw new Error(`${text}: its endpoint ${holdsCredentials}`)
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search || url.hash)
    throw new Error(`${text}: endpoint must be an http(s) URL, such as https://s3.example.org`)
}

/** Where a private key is: a file, the name of a variable that holds it (`env://NAME`), or the URL of a key service. */
export type KeySource = { readonly file: string } | { readonly variable: string } | { readonly service: string }

/** An overlay, or the file that has it. */
export type OverlaySource = { readonly overlay: Overlay } | { readonly file: string }

function parseKey(text: string): KeySource {
  // A pasted key (JSON, PEM or its bare private value): error messages must not repeat it.
  if (/[{"\n]|-----|^[A-Za-z0-9+_=-]{40,}$/.test(text))
    throw new Error('holds a key itself: use a file, or env://NAME for a variable that holds it')
  if (!text.startsWith('env://')) return /^[a-z]+:\/\//.test(text) ? { service: text } : { file: text }
  const variable = text.slice('env://'.length)
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable)) throw new Error('names no variable: use a file, or env://NAME')
  return { variable }
}

/** Loads the private key that a variable holds, and never prints it. @throws PlatteError('credentials') naming the variable. */
export const loadEnvSigner = async (variable: string, env: Environment): Promise<Signer> =>
  parsePrivateKey(envText(variable, env), `env://${variable}`)

/** @throws PlatteError('credentials') */
export function envText(variable: string, env: Environment): string {
  const text = env[variable]
  if (text) return text
  throw new PlatteError('credentials', `env://${variable}: there is no such variable`, {
    hint: `set ${variable} to the key as one JWK, or correct PLATTE_TIMESTAMP_KEY or PLATTE_RELEASE_KEY`,
  })
}

function fitting<T>(schema: v.GenericSchema<unknown, T>, text: string): T {
  const result = v.safeParse(schema, text)
  if (result.success) return result.output
  throw new Error(`${quoted(text)} ${result.issues[0].message}`)
}

/** An app's Omaha id, with or without braces. */
const parseApp = (text: string): string => fitting(appName, text.replace(/^\{(.*)\}$/, '$1').toLowerCase())

const parseOverlaySource = (text: string): OverlaySource =>
  text.trimStart().startsWith('{') ? { overlay: parseOverlay(text) } : { file: text }

function parsePort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw new Error(`${quoted(text)} is no port (0 to 65535)`)
}

function tokenProblem(token = ''): string | undefined {
  if (!/^[\x21-\x7e]+$/.test(token)) return 'needs PLATTE_EXPLAIN_TOKEN: set it to the token that callers send'
  if (token.length >= minTokenLength) return undefined
  return `PLATTE_EXPLAIN_TOKEN is too short: use at least ${minTokenLength} random characters`
}

const storeDoc = 'where documents and packages are: `file:DIR`, `s3://BUCKET/PREFIX` or `https://HOST/` (read only)'
const staleDoc = 'keep using an expired catalog for this long, such as `45d`; at most `366d`'
const overlayDoc = 'what this mirror withholds: a file, or the JSON itself'
const operatorDoc = 'your name, for `history`'
const appDoc = 'the Omaha id of the app; a server also has Flatcar-style `version.txt` and releases JSON for it'
const publicDoc = 'the URL that clients use; offers name packages under it'
const packagesDoc = 'the CDN or bucket that sends packages; its URL needs the scheme of `PLATTE_PUBLIC_URL`'
const explainDoc = 'who may use `/v1/explain`: `public`, `token` or `off`'
const tokenDoc = 'the token for explanations, at least 16 characters'
/** Of settings that name a key. */
const keyRow = { inFunction: noFile('use env://NAME for a secret variable that holds the key') }

export const ownSettings = {
  store: setting('PLATTE_STORE <store>', storeDoc, parseStore, { hint: `set it to where the store is: ${storeForms}` }),
  pin: setting('PLATTE_ROOT <pin>', 'the root to trust: `VERSION:sha256:HEX`', parsePin, {
    hint: 'pin the root that `platte init` printed, such as 1:sha256:<64 hex digits>',
  }),
  acceptStaleMs: setting('PLATTE_ACCEPT_STALE <duration>', staleDoc, durationUpTo(366, '45d')),
  mark: setting('PLATTE_MARK <file>', 'the file that remembers the newest catalog seen', plainText),
  overlay: setting('PLATTE_OVERLAY <file>', overlayDoc, parseOverlaySource, {
    inFunction: noFile('set it to the JSON itself'),
  }),
  keysDir: setting('PLATTE_KEYS <folder>', 'the folder of `release*.jwk` and `timestamp*.jwk`', plainText, {
    hint: 'set it to the folder of the keys, such as /etc/platte/keys',
  }),
  releaseKey: setting('PLATTE_RELEASE_KEY <file>', 'one release key: a file, `env://NAME` or a URL', parseKey, keyRow),
  timestampKey: setting(
    'PLATTE_TIMESTAMP_KEY <file>',
    'one timestamp key: a file, `env://NAME` or a URL',
    parseKey,
    keyRow,
  ),
  passphraseFile: setting('PLATTE_PASSPHRASE_FILE <file>', 'the file with the passphrase of keys', plainText),
  operator: setting('PLATTE_OPERATOR', operatorDoc, (text) => fitting(reason, text.trim())),
  app: setting('PLATTE_APP <app>', appDoc, parseApp, {
    hint: 'set it to the app, such as e96281a6-d1af-4bde-9a0a-97b76e56dc57 (Flatcar)',
  }),
  publicUrl: setting('PLATTE_PUBLIC_URL <url>', publicDoc, parsePublicUrl, {
    hint: 'set it to the URL that clients use, such as https://updates.example.org',
  }),
  packagesUrl: setting('PLATTE_PACKAGES_URL <url>', packagesDoc, parsePublicUrl, {
    implies: (url: string) => ({ publicUrl: url }),
    /** update_engine follows redirects within one scheme only (flatcar/update_engine libcurl_http_fetcher.cc). */
    conflict: (url: string, { publicUrl }: { readonly publicUrl?: string }) => {
      if (url === publicUrl) return 'PLATTE_PUBLIC_URL is the same, so packages would be redirected to themselves'
      if (publicUrl === undefined || new URL(url).protocol === new URL(publicUrl).protocol) return undefined
      return 'PLATTE_PUBLIC_URL has another scheme, and machines follow no redirect between http and https'
    },
  }),
  explain: setting('PLATTE_EXPLAIN <who>', explainDoc, wordOf('public', 'token', 'off'), {
    default: 'public',
    conflict: (who: string, { explainToken }: { readonly explainToken?: string }) =>
      who === 'token' ? tokenProblem(explainToken) : undefined,
  }),
  explainToken: setting('PLATTE_EXPLAIN_TOKEN', tokenDoc, String, { secret: true }),
  host: setting('PLATTE_HOST <address>', 'the address to listen on', plainText, { default: '127.0.0.1' }),
  port: setting('PORT <port>', 'the port to listen on; 0 takes any free port', parsePort, { default: 8787 }),
}
