/** What a schedule does on Lambda, and what a function says that was set up wrongly. */
import { afterAll, expect, test, vi } from 'vitest'
import { publish } from '../../src/channels/publish.ts'
import type { Catalog } from '../../src/documents/catalog.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { useCredentials } from '../s3/open.ts'
import { app, day, orderOf } from '../world.ts'
import { doors, sendThrough } from './doors.ts'
import { useFunction } from './function.ts'
import { startBucketStore } from './store.ts'

const { start, logged } = useFunction()
/** Of a catalog that is valid for 14 days, 5 days are more than a third. */
const time = { now: systemClock() - 5 * day }
const { s3, env, publisher, timestampKey } = await startBucketStore(() => time.now)
useCredentials(s3)
afterAll(async () => {
  vi.unstubAllEnvs()
  await s3.close()
})
const withKey = { ...env, PLATTE_TIMESTAMP_KEY: 'env://TIMESTAMP_JWK', TIMESTAMP_JWK: timestampKey }

const rule = { version: '0', 'detail-type': 'Scheduled Event', source: 'aws.events', detail: {} }
const request = { method: 'GET', path: '/v1/update/', headers: {}, body: undefined }

function catalog(): Catalog {
  const { payload } = JSON.parse(Buffer.from(s3.bucket.objects.get('here/catalog.jws')?.bytes ?? '').toString())
  return JSON.parse(Buffer.from(payload, 'base64url').toString())
}

test('without a key the bucket is not read, and the log has the reason', async () => {
  const invoke = await start(env)
  s3.seen.length = 0
  expect(await invoke(rule)).toBeNull()
  expect(logged()).toEqual([
    expect.objectContaining({
      level: 'warn',
      event: 'refresh',
      problem: expect.stringMatching(/^PLATTE_TIMESTAMP_KEY/),
    }),
  ])
  expect(s3.seen).toEqual([])
})

test('a missing key is an error in the log', async () => {
  const invoke = await start({ ...withKey, TIMESTAMP_JWK: '' })
  expect(await invoke(rule)).toBeNull()
  expect(logged()).toEqual([
    expect.objectContaining({
      level: 'error',
      event: 'refresh',
      problem: 'env://TIMESTAMP_JWK: there is no such variable',
    }),
  ])
})

test('a catalog is signed again after a third of its validity', async () => {
  const invoke = await start(withKey)
  const [began, before] = [Date.now(), catalog()]
  expect(await invoke(rule)).toBeNull()
  expect(Date.parse(catalog().issuedAt)).toBeGreaterThanOrEqual(began)
  expect(catalog().apps).toEqual(before.apps)
  expect(logged()).toEqual([expect.objectContaining({ level: 'info', event: 'refresh', expires: catalog().expires })])
})

test.each(['aws.scheduler', 'platte.refresh'])(
  '%s points the catalog at a committed manifest, with one write',
  async (source) => {
    time.now = Date.now()
    await publish(
      { ...publisher, timestamp: [] },
      orderOf(source === 'aws.scheduler' ? '5000' : '5001', { channel: 'beta' }),
    )
    const [invoke, before] = [await start(withKey), catalog().apps[app]?.channels.beta?.seq ?? 0]
    s3.seen.length = 0
    await invoke({ source })
    expect(catalog().apps[app]?.channels.beta?.seq).toBe(before + 1)
    // What the template's role may do, and no more.
    const writes = s3.seen.filter(({ operation }) => !['GetObject', 'ListObjectsV2'].includes(operation))
    expect(writes.map(({ operation, key }) => `${operation} ${key}`)).toEqual(['PutObject here/catalog.jws'])
  },
)

test.each([{}, { source: 'aws.s3' }, 'x', null])('%j is not an event that it accepts', async (event) => {
  const invoke = await start(withKey)
  await expect(invoke(event)).rejects.toThrow('neither an HTTP request')
})

test.each([
  ['nothing set', {}, [/PLATTE_STORE .*is missing/, /PLATTE_ROOT .*is missing/, /PLATTE_PUBLIC_URL .*is missing/]],
  [
    'wrong settings',
    { PLATTE_STORE: 'file:/srv', PLATTE_ROOT: '1:md5:0', PLATTE_PUBLIC_URL: 'x', PLATTE_TIMESTAMP_KEY: '/key.jwk' },
    [/PLATTE_STORE: on Lambda the store is a bucket/, /PLATTE_ROOT/, /PLATTE_PUBLIC_URL .*is not a plain http/],
  ],
  ['a key in a file', { ...env, PLATTE_TIMESTAMP_KEY: '/key.jwk' }, [/PLATTE_TIMESTAMP_KEY names a file/]],
  ['no region', { ...env, PLATTE_STORE: 's3://updates', AWS_REGION: '', AWS_CONFIG_FILE: '/dev/null' }, [/region/]],
])('%s: it answers 500 and names every variable', async (_, wrong, wanted) => {
  const invoke = await start(wrong)
  const { status, body } = await sendThrough('function URL', invoke)({ ...request, method: 'POST' })
  const problem = JSON.parse(new TextDecoder().decode(body)).detail
  expect(status).toBe(500)
  for (const one of wanted) expect(problem).toMatch(one)
  expect(logged()).toEqual([
    expect.objectContaining({ level: 'error', event: 'serve', code: 'configuration', problem }),
  ])
  expect(await invoke(rule)).toBeNull()
  expect(logged().at(-1)).toMatchObject({ level: 'error', event: 'refresh' })
})

test('the timestamp key appears in no answer and no log line', async () => {
  const { d } = JSON.parse(timestampKey)
  const invoke = await start(withKey)
  const results = [await invoke(doors['function URL'](request)), await invoke(rule)]
  expect(JSON.stringify([results, logged()])).not.toContain(d)
})
