import { expect, test } from 'vitest'
import { settingsOrProblems } from '../../src/runtime/serverless.ts'
import { readSettings } from '../../src/runtime/settings.ts'

const own = 'https://updates.example.org'
const elsewhere = 'https://packages.example.org'

test.each([
  ['what is said', { PLATTE_PUBLIC_URL: own, PLATTE_PACKAGES_URL: elsewhere }, own],
  ['where packages are kept', { PLATTE_PACKAGES_URL: elsewhere }, elsewhere],
])('offers name packages under %s', (_, env, publicUrl) => {
  expect(readSettings(env, ['publicUrl'])).toMatchObject({ publicUrl, packagesUrl: elsewhere })
  expect(readSettings({ ...env, PLATTE_HOST: '0.0.0.0' }, ['host']).publicUrl).toBe(publicUrl)
})

test.each([
  ['publicUrl', {}],
  ['host', { PLATTE_HOST: '0.0.0.0' }],
] as const)('without either URL, the error of %s names the missing one', (need, env) => {
  expect(() => readSettings(env, [need])).toThrow(/PLATTE_PUBLIC_URL \(--public-url\) is missing/)
})

test.each(['https://me:pass/canary@packages.example.org', 'https://packages.example.org/?token=canary'])(
  'a secret in a URL is not printed: %s',
  (url) => {
    const read = () => readSettings({ PLATTE_PACKAGES_URL: url })
    expect(read).toThrow(/PLATTE_PACKAGES_URL .*is not a plain/)
    expect(read).not.toThrow(/canary/)
  },
)

test.each([
  '{"kty":"OKP","d":"canary"}',
  '-----BEGIN PRIVATE KEY----- canary',
  'canaryAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
])('a key in place of a path is not printed: %s', (key) => {
  const read = () => readSettings({ PLATTE_TIMESTAMP_KEY: key, PLATTE_RELEASE_KEY: key })
  expect(read).toThrow(/PLATTE_RELEASE_KEY .*holds a key itself[\s\S]*PLATTE_TIMESTAMP_KEY .*holds a key itself/)
  expect(read).not.toThrow(/canary/)
})

test.each([
  [undefined, undefined],
  ['on', 'on'],
  ['off', 'off'],
])('PLATTE_PAGES=%s', (said, pages) => {
  expect(readSettings({ PLATTE_PAGES: said }).pages).toBe(pages)
  expect(() => readSettings({ PLATTE_PAGES: 'no' })).toThrow(/PLATTE_PAGES \(--pages\): "no" is neither on nor off/)
})

test('reboot locks are off by default; tokens and channels are read only if they are on', () => {
  const env = {
    PLATTE_LOCK_TOKENS: 'write:0123456789abcdef, read:a~b.c_d-0123456789,admin:workers:0123456789abcdef',
    PLATTE_LOCK_CHANNELS: 'a/b=c,a/d=E_1',
  }
  expect(readSettings(env).locks).toBeUndefined()
  expect(readSettings({ ...env, PLATTE_LOCKS: 'on' })).toMatchObject({
    locks: 'on',
    lockTokens: [
      { right: 'lock', token: '0123456789abcdef' },
      { right: 'read', token: 'a~b.c_d-0123456789' },
      { right: 'admin', group: 'workers', token: '0123456789abcdef' },
    ],
    lockChannels: new Map([
      ['a/b', 'c'],
      ['a/d', 'E_1'],
    ]),
  })
})

test.each([
  [{ PLATTE_LOCKS: 'yes' }, /PLATTE_LOCKS .*neither on nor off/],
  [{ PLATTE_LOCK_TOKENS: 'canary-canary-canary' }, /PLATTE_LOCK_TOKENS: number 1 is not of the form/],
  [{ PLATTE_LOCK_TOKENS: 'write:0123456789abcdef,read:canary' }, /PLATTE_LOCK_TOKENS: number 2 is too short/],
  [{ PLATTE_LOCK_TOKENS: 'root:canary-canary-canary' }, /number 1 is not of the form/],
  [{ PLATTE_LOCK_TOKENS: 'lock:..:canary-canary-canary' }, /number 1 is for a group with a wrong name/],
  [{ PLATTE_LOCK_TOKENS: 'write:canary/canary/canary' }, /number 1 is not of the form/],
  [{ PLATTE_LOCK_CHANNELS: 'stable=workers' }, /PLATTE_LOCK_CHANNELS .*APP\/CHANNEL=GROUP/],
  [{ PLATTE_LOCK_CHANNELS: 'a/stable=../x' }, /PLATTE_LOCK_CHANNELS .*APP\/CHANNEL=GROUP/],
  [{ PLATTE_LOCKS: 'on', PLATTE_STORE: 'https://example.org/' }, /PLATTE_LOCKS .*cannot be written/],
])('%j is refused, and no token is printed', (env, problem) => {
  expect(() => readSettings(env)).toThrow(problem)
  expect(() => readSettings(env)).not.toThrow(/canary/)
})

test.each([
  [16, undefined],
  [17, /^PLATTE_MIRROR_CHANNELS names more than 16 channels/],
])('PLATTE_MIRROR_CHANNELS takes at most 16 channels: %i', (count, want) => {
  const names = Array.from({ length: count }, (_, i) => `channel-${i}`)
  const env = { PLATTE_MIRROR_CHANNELS: names.join(',') }
  const read = settingsOrProblems(env, [], { features: [] })
  if (want === undefined) expect(read).toMatchObject({ mirrorChannels: names })
  else expect(read).toMatch(want)
})
