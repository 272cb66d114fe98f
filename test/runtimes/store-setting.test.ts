import { describe, expect, test } from 'vitest'
import { parseStore } from '../../src/runtime/own-settings.ts'

const s3 = { kind: 's3', bucket: 'updates', prefix: '', forcePathStyle: false }

test.each([
  ['file:/var/lib/platte', { kind: 'file', dir: '/var/lib/platte' }],
  ['file:///var/lib/platte', { kind: 'file', dir: '/var/lib/platte' }],
  ['file:store', { kind: 'file', dir: 'store' }],
  ['s3://updates', s3],
  ['s3://updates/', s3],
  ['s3://updates/a/b', { ...s3, prefix: 'a/b/' }],
  ['s3://updates/a//b/?region=eu-west-1', { ...s3, prefix: 'a/b/', region: 'eu-west-1' }],
  [
    's3://updates?endpoint=http://127.0.0.1:9000&region=us-east-1&forcePathStyle=true',
    { ...s3, endpoint: 'http://127.0.0.1:9000', region: 'us-east-1', forcePathStyle: true },
  ],
  ['https://updates.example.org', { kind: 'http', url: 'https://updates.example.org/' }],
  ['http://127.0.0.1:8787/mirror/', { kind: 'http', url: 'http://127.0.0.1:8787/mirror/' }],
])('%s', (text, setting) => {
  expect(parseStore(text)).toEqual(setting)
})

describe('an invalid store lists the valid forms', () => {
  test.each([
    ['/var/lib/platte', /is no store: use file:DIR, s3:\/\/BUCKET\/PREFIX or https:\/\/HOST\//],
    ['file:', /is no store/],
    ['gs://bucket', /is no store/],
    ['s3:', /names no bucket/],
    ['s3:///prefix', /names no bucket/],
    ['s3://UPDATES_1', /names no bucket/],
    ['s3://updates:9000', /names no bucket/],
    ['s3://updates?regoin=eu-west-1', /unknown option regoin/],
    ['s3://updates?endpoint=127.0.0.1', /endpoint must be an http\(s\) URL/],
    ['s3://updates?endpoint=ftp://127.0.0.1', /endpoint must be an http\(s\) URL/],
    ['s3://updates?endpoint=https://me:secret@127.0.0.1', /its endpoint holds credentials: .*AWS_ACCESS_KEY_ID/],
    ['s3://updates?endpoint=https://127.0.0.1/?secret', /endpoint must be an http\(s\) URL/],
    ['s3://updates?region=', /region must be the name of a region/],
    ['s3://updates?region=eu%20west', /region must be the name of a region/],
    ['s3://updates?region=x.example.org/', /region must be the name of a region/],
    ['s3://updates?forcePathStyle=1', /forcePathStyle must be true or false/],
    ['s3://updates/a%20b', /a prefix is made of/],
    ['s3://updates/a/.next', /a prefix is made of/],
    ['https://updates.example.org/?x', /is not a plain http\(s\) URL/],
    ['https://', /is not a plain http\(s\) URL/],
  ])('%s', (text, message) => {
    expect(() => parseStore(text)).toThrow(message)
  })

  test.each([
    's3://AKIA:canary@updates',
    's3://AKIA:canary@UPDATES_1',
    'https://me:canary@updates.example.org/',
    's3://AKIA:can/canary@updates',
    's3://AKIA:1/canary@updates',
    'https://me:pass/canary@updates.example.org/',
    'gs://me:pass/canary@bucket',
    's3://UPDATES_1?secretAccessKey=canary',
    's3://updates?secretAccessKey=canary',
    's3://updates?endpoint=https://AKIA:canary@127.0.0.1',
    's3://updates?endpoint=https://127.0.0.1/?canary',
    'https://updates.example.org/?token=canary',
    'gs://bucket?token=canary',
  ])('and does not print a secret: %s', (text) => {
    const words = (): string => {
      try {
        return JSON.stringify(parseStore(text))
      } catch (error) {
        return String(error)
      }
    }
    expect(words()).toMatch(/^Error: /)
    expect(words()).not.toContain('canary')
  })
})
