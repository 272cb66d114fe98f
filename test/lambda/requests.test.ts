/** What only Lambda can get wrong between a request and its result. */
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import { publish } from '../../src/channels/publish.ts'
import { bodyOf } from '../protocol/samples.ts'
import { badInput } from '../runtimes/bad-input.ts'
import { useCredentials } from '../s3/open.ts'
import { orderOf, sourceOf } from '../world.ts'
import { type DoorName, doors, sendThrough } from './doors.ts'
import { type Invoke, useFunction } from './function.ts'
import { startBucketStore } from './store.ts'

const { start, logged } = useFunction()
const { s3, env, publisher } = await startBucketStore()
useCredentials(s3)
afterAll(async () => {
  vi.unstubAllEnvs()
  await s3.close()
})
afterEach(() => {
  s3.fault = () => undefined
  vi.useRealTimers()
})

type Asked = Parameters<ReturnType<typeof sendThrough>>[0]

const request = (method: string, path: string, headers: Readonly<Record<string, string>> = {}) => ({
  method,
  path,
  headers,
  body: undefined,
})
const check = {
  ...request('POST', '/v1/update/', { 'Content-Type': 'text/xml' }),
  body: new TextEncoder().encode(bodyOf('full-update-01')),
}
const ask = async (request: Asked, { door = 'function URL', of = shared }: { door?: DoorName; of?: Invoke } = {}) => {
  const { status, body, header } = await sendThrough(door, of)(request)
  return { status, body, header, text: new TextDecoder().decode(body) }
}

const shared = await start(env)

/** Where a client finds a package. */
const pathOf = (version: string, name: string): string =>
  [...s3.bucket.objects.keys()]
    .find((key) => key.includes(`/${version}/`) && key.endsWith(name))
    ?.slice('here'.length) ?? ''

test.each([
  ['function URL', '1'],
  ['load balancer', '2'],
] as const)('%s: an answer above 640 KiB is refused as too large', async (door, version) => {
  const most = 640 * 1024
  const sources = [sourceOf('fits.gz', 'x'.repeat(most)), sourceOf('large.gz', 'y'.repeat(most + 1))] as const
  await publish(publisher, orderOf(version, { channel: `big-${version}`, sources, raw: true }))
  const of = await start(env)
  const large = pathOf(version, 'large.gz')
  expect((await ask(request('GET', pathOf(version, 'fits.gz')), { door, of })).body.length).toBe(most)
  const refused = await ask(request('GET', large), { door, of })
  expect([refused.status, refused.header('cache-control')]).toEqual([503, 'no-store'])
  expect(refused.text).toMatch(`"detail":"${most + 1} bytes are more than Lambda can return: set PLATTE_PACKAGES_URL`)
  expect(logged()).toContainEqual(expect.objectContaining({ level: 'error', event: 'refused', status: 503 }))
  expect((await ask(request('HEAD', large), { door, of })).header('content-length')).toBe(`${most + 1}`)
  const range = await ask(request('GET', large, { Range: `bytes=1-${most}` }), { door, of })
  expect([range.status, range.body.length]).toEqual([206, most])
})

test('an interrupted package is an error, never a shorter package', async () => {
  const path = pathOf('4152.2.0', 'flatcar_production_update.gz')
  s3.fault = ({ operation, key }) => (operation === 'GetObject' && key.includes('packages/') ? 'truncated' : undefined)
  const { status, text } = await ask(request('GET', path))
  expect([status, JSON.parse(text)]).toMatchObject([503, { detail: 'something went wrong here; the log says what' }])
  expect(logged()).toContainEqual(expect.objectContaining({ level: 'error', event: 'refused', status: 503 }))
  s3.fault = () => undefined
  expect((await ask(request('GET', path))).body.length).toBe(150_000)
})

test('the log line of a check is written before its answer', async () => {
  await ask(check)
  expect(logged()).toEqual([expect.objectContaining({ level: 'info', event: 'contact', offered: '4152.2.0' })])
})

test('no work continues after an answer: a check waits for the catalog that is due', async () => {
  const of = await start(env)
  expect((await ask(check, { of })).text).toContain('<manifest version="4152.2.0">')
  await publish(publisher, orderOf('4153.0.0', { channel: 'beta' }))
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 31_000 })
  expect((await ask(check, { of })).text).toContain('<manifest version="4153.0.0">')
})

test('an unavailable bucket is answered with noupdate, and the log has the reason', async () => {
  s3.fault = () => 'reset'
  expect((await ask(check, { of: await start(env) })).text).toContain('<updatecheck status="noupdate"')
  expect(logged()).toContainEqual(expect.objectContaining({ event: 'contact', reason: 'store-unavailable' }))
})

const gateway = doors['HTTP API'](request('GET', '/healthz'))
const balancer = doors['load balancer'](request('GET', '/healthz'))
const at = (event: object, more: object) => ({ ...event, ...more })

test.each([
  ['a "%" that was escaped is one', at(gateway, { rawPath: '/healthz%' }), 404],
  ['a body that a GET brings', at(gateway, { body: 'x' }), 400],
  ['a header in UTF-8', at(gateway, { headers: { 'user-agent': 'Ω' } }), 200],
  ['no headers', at(gateway, { headers: undefined }), 200],
  ['no body and no query', at(gateway, { body: undefined, rawQueryString: undefined }), 200],
  ['an invalid header name', at(gateway, { headers: { 'a b': 'x' } }), 400],
  ['a method that none takes', at(balancer, { httpMethod: 'TRACE' }), 400],
  ['an invalid Host', at(balancer, { headers: { host: 'a b' } }), 400],
  ['a query', at(balancer, { queryStringParameters: { a: '%3F', b: '' } }), 200],
])('%s', async (_, event, status) => {
  expect(await shared(event)).toMatchObject({ statusCode: status })
})

test.each(badInput.flatMap(({ name, want, request }) => (request ? [{ name, want, request }] : [])))(
  'bad input: $name',
  async ({ want, request }) => {
    const headers = { ...request.headers, 'Content-Length': `${request.body?.length ?? 0}` }
    expect(want).toContain((await ask({ ...request, headers })).status)
    expect((await ask(check)).status).toBe(200)
  },
)
