/** Settings of the store, its keys and its server; other rooms have their own. */
import { plainText, type SettingRows, wordOf } from '../kernel/setting.ts'
import { parsePublicUrl } from '../kernel/setting-urls.ts'
import { parsePin } from '../trust/verify-root.ts'
import {
  type KeySource,
  type OverlaySource,
  parseApp,
  parseKeySource,
  parseOverlaySource,
  parsePort,
  parseStale,
} from './setting-values.ts'
import { parseStore, storeForms } from './store-setting.ts'

const keyInFunction = (source: KeySource) =>
  'file' in source
    ? 'names a file, and there are none here: use env://NAME for a secret variable that holds the key'
    : undefined

/** Shorter tokens can be guessed. */
const minTokenLength = 16

function tokenProblem(token = ''): string | undefined {
  if (!/^[\x21-\x7e]+$/.test(token)) return 'needs PLATTE_EXPLAIN_TOKEN: set it to the token that callers send'
  if (token.length >= minTokenLength) return undefined
  return `PLATTE_EXPLAIN_TOKEN is too short: use at least ${minTokenLength} random characters`
}

export const ownSettings = {
  store: {
    variable: 'PLATTE_STORE',
    flag: '--store <store>',
    doc: 'where documents and packages are: `file:DIR`, `s3://BUCKET/PREFIX` or `https://HOST/` (read only)',
    parse: parseStore,
    hint: `set it to where the store is: ${storeForms}`,
  },
  pin: {
    variable: 'PLATTE_ROOT',
    flag: '--root <pin>',
    doc: 'the root to trust: `VERSION:sha256:HEX`',
    parse: parsePin,
    hint: 'pin the root that `platte init` printed, such as 1:sha256:<64 hex digits>',
  },
  acceptStaleMs: {
    variable: 'PLATTE_ACCEPT_STALE',
    flag: '--accept-stale <duration>',
    doc: 'keep using an expired catalog for this long, such as `45d`; at most `366d`',
    parse: parseStale,
  },
  mark: {
    variable: 'PLATTE_MARK',
    flag: '--mark <file>',
    doc: 'the file that remembers the newest catalog seen',
    parse: plainText,
  },
  overlay: {
    variable: 'PLATTE_OVERLAY',
    flag: '--overlay <file>',
    doc: 'what this mirror withholds: a file, or the JSON itself',
    parse: parseOverlaySource,
    inFunction: (source: OverlaySource) =>
      'file' in source ? 'names a file, and there are none here: set it to the JSON itself' : undefined,
  },
  keysDir: {
    variable: 'PLATTE_KEYS',
    flag: '--keys <folder>',
    doc: 'the folder of `release*.jwk` and `timestamp*.jwk`',
    parse: plainText,
    hint: 'set it to the folder of the keys, such as /etc/platte/keys',
  },
  releaseKey: {
    variable: 'PLATTE_RELEASE_KEY',
    flag: '--release-key <file>',
    doc: 'one release key: a file, or `env://NAME`',
    parse: parseKeySource,
    inFunction: keyInFunction,
  },
  timestampKey: {
    variable: 'PLATTE_TIMESTAMP_KEY',
    flag: '--timestamp-key <file>',
    doc: 'one timestamp key: a file, or `env://NAME`',
    parse: parseKeySource,
    inFunction: keyInFunction,
  },
  app: {
    variable: 'PLATTE_APP',
    flag: '--app <app>',
    doc: "the app: its Omaha id; a server has files for Flatcar's tools for this one",
    parse: parseApp,
    hint: 'set it to the app, such as e96281a6-d1af-4bde-9a0a-97b76e56dc57 (Flatcar)',
  },
  publicUrl: {
    variable: 'PLATTE_PUBLIC_URL',
    flag: '--public-url <url>',
    doc: 'the URL that clients use; offers name packages under it',
    parse: parsePublicUrl,
    hint: 'set it to the URL that clients use, such as https://updates.example.org',
  },
  packagesUrl: {
    variable: 'PLATTE_PACKAGES_URL',
    flag: '--packages-url <url>',
    doc: 'where else clients find packages, with the scheme of `PLATTE_PUBLIC_URL`',
    parse: parsePublicUrl,
    implies: (url: string) => ({ publicUrl: url }),
    /** update_engine follows redirects within one scheme only (flatcar/update_engine libcurl_http_fetcher.cc). */
    conflict: (url: string, { publicUrl }: { readonly publicUrl?: string }) => {
      if (publicUrl === undefined) return undefined
      if (url === publicUrl) return 'PLATTE_PUBLIC_URL is the same, so packages would be redirected to themselves'
      if (new URL(url).protocol === new URL(publicUrl).protocol) return undefined
      return 'PLATTE_PUBLIC_URL has another scheme, and machines follow no redirect between http and https'
    },
  },
  explain: {
    variable: 'PLATTE_EXPLAIN',
    flag: '--explain <who>',
    doc: 'who may ask `/v1/explain`: `public`, `token` or `off`',
    parse: wordOf('public', 'token', 'off'),
    default: 'public',
    conflict: (who: string, { explainToken }: { readonly explainToken?: string }) =>
      who === 'token' ? tokenProblem(explainToken) : undefined,
  },
  explainToken: {
    variable: 'PLATTE_EXPLAIN_TOKEN',
    doc: 'the token for explanations, at least 16 characters',
    parse: (text: string) => text,
    secret: true,
  },
  host: {
    variable: 'PLATTE_HOST',
    flag: '--host <address>',
    doc: 'the address to listen on',
    parse: plainText,
    default: '127.0.0.1',
  },
  port: {
    variable: 'PORT',
    flag: '--port <port>',
    doc: 'the port to listen on; 0 takes any that is free',
    parse: parsePort,
    default: 8787,
  },
} as const satisfies SettingRows
