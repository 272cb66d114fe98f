/** Settings of the store, its keys and its server; other rooms have their own. */
import * as v from 'valibot'
import { appName, durationMs, isDuration, longDuration } from '../documents/fields.ts'
import { parseOverlay } from '../documents/overlay.ts'
import { minTokenLength, noFile, plainText, quoted, setting, wordOf } from '../kernel/setting.ts'
import { parsePublicUrl } from '../kernel/setting-urls.ts'
import type { Overlay } from '../release/overlay.ts'
import { parsePin } from '../trust/verify-root.ts'
import { parseStore, storeForms } from './store-setting.ts'

/** Where a private key is: a file, or the name of a variable that holds it (`env://NAME`). */
export type KeySource = { readonly file: string } | { readonly variable: string }

/** An overlay, or the file that has it. */
export type OverlaySource = { readonly overlay: Overlay } | { readonly file: string }

function parseKey(text: string): KeySource {
  // JSON, PEM or the private number alone: messages must not repeat it.
  if (/[{"\n]|-----|^[A-Za-z0-9+_=-]{40,}$/.test(text))
    throw new Error('holds a key itself: use a file, or env://NAME for a variable that holds it')
  if (!text.startsWith('env://')) return { file: text }
  const variable = text.slice('env://'.length)
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable)) throw new Error('names no variable: use a file, or env://NAME')
  return { variable }
}

/** An app's Omaha id, with or without braces. */
function parseApp(text: string): string {
  const result = v.safeParse(appName, text.replace(/^\{(.*)\}$/, '$1').toLowerCase())
  if (result.success) return result.output
  throw new Error(`${quoted(text)} ${result.issues[0].message}`)
}

const parseOverlaySource = (text: string): OverlaySource =>
  text.trimStart().startsWith('{') ? { overlay: parseOverlay(text) } : { file: text }

const maxStaleMs = 366 * 86_400_000

/** How long an expired catalog stays in use, in milliseconds. */
function parseStale(text: string): number {
  const duration = longDuration(text)
  if (isDuration(duration) && durationMs(duration) <= maxStaleMs) return durationMs(duration)
  throw new Error(`${quoted(text)} is no duration of at most 366d, such as 45d`)
}

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
const appDoc = "the app: its Omaha id; a server has files for Flatcar's tools for this one"
const publicDoc = 'the URL that clients use; offers name packages under it'
const packagesDoc = 'where else clients find packages, with the scheme of `PLATTE_PUBLIC_URL`'
const explainDoc = 'who may ask `/v1/explain`: `public`, `token` or `off`'
const tokenDoc = 'the token for explanations, at least 16 characters'
/** Of settings that name a key. */
const keyRow = { inFunction: noFile('use env://NAME for a secret variable that holds the key') }

export const ownSettings = {
  store: setting('PLATTE_STORE <store>', storeDoc, parseStore, { hint: `set it to where the store is: ${storeForms}` }),
  pin: setting('PLATTE_ROOT <pin>', 'the root to trust: `VERSION:sha256:HEX`', parsePin, {
    hint: 'pin the root that `platte init` printed, such as 1:sha256:<64 hex digits>',
  }),
  acceptStaleMs: setting('PLATTE_ACCEPT_STALE <duration>', staleDoc, parseStale),
  mark: setting('PLATTE_MARK <file>', 'the file that remembers the newest catalog seen', plainText),
  overlay: setting('PLATTE_OVERLAY <file>', overlayDoc, parseOverlaySource, {
    inFunction: noFile('set it to the JSON itself'),
  }),
  keysDir: setting('PLATTE_KEYS <folder>', 'the folder of `release*.jwk` and `timestamp*.jwk`', plainText, {
    hint: 'set it to the folder of the keys, such as /etc/platte/keys',
  }),
  releaseKey: setting('PLATTE_RELEASE_KEY <file>', 'one release key: a file, or `env://NAME`', parseKey, keyRow),
  timestampKey: setting('PLATTE_TIMESTAMP_KEY <file>', 'one timestamp key: a file, or `env://NAME`', parseKey, keyRow),
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
  port: setting('PORT <port>', 'the port to listen on; 0 takes any that is free', parsePort, { default: 8787 }),
}
