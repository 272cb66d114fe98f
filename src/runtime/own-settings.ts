/** Settings of the store, its keys and its server; other rooms have their own. */
import { plainText, setting, wordOf } from '../kernel/setting.ts'
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
  store: setting(
    'PLATTE_STORE <store>',
    'where documents and packages are: `file:DIR`, `s3://BUCKET/PREFIX` or `https://HOST/` (read only)',
    parseStore,
    { hint: `set it to where the store is: ${storeForms}` },
  ),
  pin: setting('PLATTE_ROOT <pin>', 'the root to trust: `VERSION:sha256:HEX`', parsePin, {
    hint: 'pin the root that `platte init` printed, such as 1:sha256:<64 hex digits>',
  }),
  acceptStaleMs: setting(
    'PLATTE_ACCEPT_STALE <duration>',
    'keep using an expired catalog for this long, such as `45d`; at most `366d`',
    parseStale,
  ),
  mark: setting('PLATTE_MARK <file>', 'the file that remembers the newest catalog seen', plainText),
  overlay: setting(
    'PLATTE_OVERLAY <file>',
    'what this mirror withholds: a file, or the JSON itself',
    parseOverlaySource,
    {
      inFunction: (source: OverlaySource) =>
        'file' in source ? 'names a file, and there are none here: set it to the JSON itself' : undefined,
    },
  ),
  keysDir: setting('PLATTE_KEYS <folder>', 'the folder of `release*.jwk` and `timestamp*.jwk`', plainText, {
    hint: 'set it to the folder of the keys, such as /etc/platte/keys',
  }),
  releaseKey: setting('PLATTE_RELEASE_KEY <file>', 'one release key: a file, or `env://NAME`', parseKeySource, {
    inFunction: keyInFunction,
  }),
  timestampKey: setting('PLATTE_TIMESTAMP_KEY <file>', 'one timestamp key: a file, or `env://NAME`', parseKeySource, {
    inFunction: keyInFunction,
  }),
  app: setting(
    'PLATTE_APP <app>',
    "the app: its Omaha id; a server has files for Flatcar's tools for this one",
    parseApp,
    { hint: 'set it to the app, such as e96281a6-d1af-4bde-9a0a-97b76e56dc57 (Flatcar)' },
  ),
  publicUrl: setting(
    'PLATTE_PUBLIC_URL <url>',
    'the URL that clients use; offers name packages under it',
    parsePublicUrl,
    { hint: 'set it to the URL that clients use, such as https://updates.example.org' },
  ),
  packagesUrl: setting(
    'PLATTE_PACKAGES_URL <url>',
    'where else clients find packages, with the scheme of `PLATTE_PUBLIC_URL`',
    parsePublicUrl,
    {
      implies: (url: string) => ({ publicUrl: url }),
      /** update_engine follows redirects within one scheme only (flatcar/update_engine libcurl_http_fetcher.cc). */
      conflict: (url: string, { publicUrl }: { readonly publicUrl?: string }) => {
        if (publicUrl === undefined) return undefined
        if (url === publicUrl) return 'PLATTE_PUBLIC_URL is the same, so packages would be redirected to themselves'
        if (new URL(url).protocol === new URL(publicUrl).protocol) return undefined
        return 'PLATTE_PUBLIC_URL has another scheme, and machines follow no redirect between http and https'
      },
    },
  ),
  explain: setting(
    'PLATTE_EXPLAIN <who>',
    'who may ask `/v1/explain`: `public`, `token` or `off`',
    wordOf('public', 'token', 'off'),
    {
      default: 'public',
      conflict: (who: string, { explainToken }: { readonly explainToken?: string }) =>
        who === 'token' ? tokenProblem(explainToken) : undefined,
    },
  ),
  explainToken: setting('PLATTE_EXPLAIN_TOKEN', 'the token for explanations, at least 16 characters', String, {
    secret: true,
  }),
  host: setting('PLATTE_HOST <address>', 'the address to listen on', plainText, { default: '127.0.0.1' }),
  port: setting('PORT <port>', 'the port to listen on; 0 takes any that is free', parsePort, { default: 8787 }),
}
