import { expect, test } from 'vitest'
import { readSettings } from '../../src/runtime/config.ts'

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
] as const)('without either URL, what needs %s says which one is missing', (need, env) => {
  expect(() => readSettings(env, [need])).toThrow(/PLATTE_PUBLIC_URL \(--public-url\) is missing/)
})

test.each(['https://me:pass/canary@packages.example.org', 'https://packages.example.org/?token=canary'])(
  'a secret in a URL is not repeated: %s',
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
])('a key where its place belongs is not repeated: %s', (key) => {
  const read = () => readSettings({ PLATTE_TIMESTAMP_KEY: key, PLATTE_RELEASE_KEY: key })
  expect(read).toThrow(/PLATTE_RELEASE_KEY .*holds a key itself[\s\S]*PLATTE_TIMESTAMP_KEY .*holds a key itself/)
  expect(read).not.toThrow(/canary/)
})

test.each([
  [undefined, undefined],
  ['on', undefined],
  ['off', 'off'],
])('PLATTE_PAGES=%s', (said, pages) => {
  expect(readSettings({ PLATTE_PAGES: said }).pages).toBe(pages)
  expect(() => readSettings({ PLATTE_PAGES: 'no' })).toThrow(/PLATTE_PAGES \(--pages\): "no" is neither on nor off/)
})
