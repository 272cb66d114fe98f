/**
 * Settings and stores that are wrong: each is told in words that name what to set, asks the store a bounded number of
 * times, and repeats no secret.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { GetObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { PlatteError } from '../../src/kernel/errors.ts'
import { jsonLog, logLine } from '../../src/kernel/json-log.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import type { Documents } from '../../src/store/documents.ts'
import type { Packages } from '../../src/store/packages.ts'
import { s3Documents } from '../../src/store/s3/documents.ts'
import { s3Packages } from '../../src/store/s3/packages.ts'
import { openStrict, useCredentials } from '../s3/open.ts'
import { type Fault, startS3 } from '../s3/server.ts'

const secrets = { secretAccessKey: 'canary/secret+access+key', sessionToken: 'canary//session+token==' }
const s3 = await startS3({ ...secrets, elsewhere: { 'updates-west': 'us-west-2' } })
beforeEach(() => {
  useCredentials(s3)
  Object.assign(s3, { fault: () => undefined, skewMs: 0 })
  s3.denied.clear()
  s3.seen.length = 0
})
afterEach(() => vi.unstubAllEnvs())
afterAll(() => s3.close())

interface Stores {
  readonly documents: Documents
  readonly packages: Packages
}

/** Short only where the store hangs: a busy machine must not look like one. */
const patienceOf = (name: string) => (/hang|stalls/.test(name) ? { patienceMs: 3_000 } : {})

async function open(setting = s3.setting, name = ''): Promise<Stores> {
  const opened = await openStrict({ setting }, patienceOf(name))
  return { documents: s3Documents(opened), packages: s3Packages(opened, nodeHasher) }
}

async function listed(names: AsyncIterable<string> | undefined): Promise<readonly string[]> {
  const all: string[] = []
  for await (const name of names ?? []) all.push(name)
  return all
}

const bytes = new TextEncoder().encode('{}')
const body = () => new Blob([bytes]).stream()
const expected = { size: 2, sha256: '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a' }
const calls = {
  get: ({ documents }: Stores) => documents.get('absent.jws', 100),
  create: ({ documents }: Stores) => documents.create('absent.jws', bytes),
  swap: ({ documents }: Stores) => documents.swap('absent.jws', bytes, '"0"'),
  list: ({ documents }: Stores) => listed(documents.list?.('apps/')),
  folders: ({ documents }: Stores) => listed(documents.folders?.('apps/')),
  stat: ({ packages }: Stores) => packages.stat('packages/os.gz'),
  open: ({ packages }: Stores) => packages.open('packages/os.gz'),
  put: ({ packages }: Stores) => packages.put('packages/os.gz', body(), expected),
  remove: ({ packages }: Stores) => packages.remove('packages/os.gz'),
} as const
type Way = keyof typeof calls
const allWays = Object.keys(calls) as Way[]

/** Whatever could come into a log or onto a terminal of what a call throws. */
async function refusalOf(
  work: () => Promise<unknown>,
): Promise<{ readonly error: PlatteError; readonly shown: string }> {
  const error: unknown = await work().then(
    (value) => {
      throw new Error(`it answered ${inspect(value)}`)
    },
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof PlatteError)) throw error
  const lines: string[] = []
  const log = jsonLog((line) => lines.push(line))
  const entry = { level: 'error', event: 'catalog', problem: error.message, hint: error.hint } as const
  log({ ...entry, cause: String(error.cause) })
  log.flush()
  lines.push(logLine(0, entry))
  const deep = inspect(error, { depth: 20, showHidden: true, maxStringLength: null, maxArrayLength: null })
  return { error, shown: [error.message, error.hint, deep, error.stack, JSON.stringify(error), ...lines].join('\n') }
}

const withSetting = (from: string | RegExp, to: string) => () => s3.setting.replace(from, to)
const always = (fault: Fault) => () => {
  s3.fault = () => fault
}
const denied =
  (...permissions: string[]) =>
  () => {
    for (const permission of permissions) s3.denied.add(permission)
  }
const skewed = (minutes: number) => () => Object.assign(s3, { skewMs: minutes * 60_000 })
const setEnv = (env: Record<string, string>) => () => {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
}

/** What is wrong and how that comes about (it may be another setting), the code, what must be said, and by which calls. */
interface Bad {
  readonly make: () => unknown
  readonly code: 'store-unavailable' | 'forbidden'
  readonly says: RegExp
  readonly ways?: readonly Way[]
}

const unavailable = (make: Bad['make'], says: RegExp, ways: readonly Way[] = allWays): Bad => ({
  make,
  code: 'store-unavailable',
  says,
  ways,
})
const forbidden = (make: Bad['make'], says: RegExp, ways: readonly Way[] = allWays): Bad => ({
  make,
  code: 'forbidden',
  says,
  ways,
})
const reader: readonly Way[] = ['get', 'stat', 'open', 'put']
const credentials = /: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for PLATTE_STORE$/

const bad: Readonly<Record<string, Bad>> = {
  'no bucket': unavailable(withSetting('updates', 'upstaes'), /there is no bucket upstaes: check PLATTE_STORE$/),
  'wrong region': unavailable(
    withSetting('central', 'west'),
    /bucket updates is in region eu-central-1: check PLATTE_STORE$/,
  ),
  'a bucket of another region': unavailable(
    withSetting('updates', 'updates-west'),
    /301.* is in region us-west-2: check PLATTE_STORE$/,
  ),
  'unknown access key': forbidden(setEnv({ AWS_ACCESS_KEY_ID: 'AKIDCANARY' }), credentials),
  'wrong secret': forbidden(setEnv({ AWS_SECRET_ACCESS_KEY: 'another canary' }), credentials),
  'wrong token': forbidden(setEnv({ AWS_SESSION_TOKEN: 'another canary' }), credentials),
  'a clock that is slow': forbidden(skewed(16), /the clocks of this machine and of the store in PLATTE_STORE differ$/),
  'a clock that is fast': forbidden(skewed(-16), /the clocks of this machine and of the store in PLATTE_STORE differ$/),
  'denied reads': forbidden(
    denied('s3:GetObject'),
    /AccessDenied.* credentials for PLATTE_STORE need s3:GetObject/,
    reader,
  ),
  'denied list, of a key that is not there': forbidden(
    denied('s3:ListBucket'),
    /need .*s3:ListBucket \(without the latter/,
    reader,
  ),
  'denied list': forbidden(denied('s3:ListBucket'), /credentials for PLATTE_STORE need s3:ListBucket$/, [
    'list',
    'folders',
  ]),
  'denied writes': forbidden(denied('s3:PutObject'), /credentials for PLATTE_STORE need s3:PutObject/, [
    'create',
    'swap',
    'put',
  ]),
  'denied removal': forbidden(denied('s3:DeleteObject'), /credentials for PLATTE_STORE need s3:DeleteObject$/, [
    'remove',
  ]),
  '503 SlowDown': unavailable(always('slow-down'), /503 SlowDown: check PLATTE_STORE$/),
  '500': unavailable(always('error'), /500 InternalError: check PLATTE_STORE$/),
  'a reset connection': unavailable(always('reset'), /(socket hang up|ECONNRESET).*: check PLATTE_STORE$/),
  'a store that hangs': unavailable(always('hang'), /did not answer within 3 s: check PLATTE_STORE$/),
  'something else that answers': unavailable(always('page'), /404, without an S3 error code: check PLATTE_STORE$/),
  'nobody there': unavailable(withSetting(/127\.0\.0\.1:\d+/, '127.0.0.1:9'), /ECONNREFUSED.*: check PLATTE_STORE$/),
}

describe.each(Object.entries(bad))('%s', (name, { make, code, says, ways = allWays }) => {
  test.each(ways)('%s', async (way) => {
    const made = make()
    const stores = await open(typeof made === 'string' ? made : undefined, name)
    const { error, shown } = await refusalOf(() => calls[way](stores))
    expect(error).toMatchObject({ code, message: expect.stringMatching(says), hint: expect.stringMatching(/\w{3}/) })
    expect(shown).not.toMatch(/canary/i)
    expect(s3.seen.length).toBeLessThanOrEqual(way === 'create' || way === 'swap' ? 6 : 3)
  })
})

test('the SDK’s own error really contains the session token', async () => {
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'another canary')
  const { client, bucket } = await openStrict(s3)
  const error = await client.send(new GetObjectCommand({ Bucket: bucket, Key: 'a' })).catch((thrown) => thrown)
  expect(inspect(error, { depth: 20 })).toContain(secrets.sessionToken)
})

test('missing credentials are reported with the names of the variables', async () => {
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']) vi.stubEnv(name, undefined)
  const { error } = await refusalOf(async () => calls.get(await open()))
  expect(error).toMatchObject({
    code: 'forbidden',
    message: expect.stringMatching(/no credentials: check AWS_ACCESS_KEY_ID/),
  })
  expect(s3.seen).toEqual([])
})

test.each([
  ['no region', s3.setting.replace(/region=[^&]*&/, ''), /PLATTE_STORE names no region, and neither does AWS_REGION/],
  [
    'Google',
    's3://updates?endpoint=https://storage.googleapis.com&region=auto',
    /PLATTE_STORE: Google Cloud Storage ignores the conditions/,
  ],
  ['Google, another way', 's3://updates?endpoint=https://updates.storage.googleapis.com&region=auto', /Google/],
])('%s: refused when opened', async (_, setting, message) => {
  const { error } = await refusalOf(() => open(setting))
  expect(error).toMatchObject({ code: 'configuration', message: expect.stringMatching(message) })
})

test('an endpoint configured only for the SDK is used and validated', async () => {
  vi.stubEnv('AWS_ENDPOINT_URL_S3', s3.url)
  const setting = s3.setting.replace(/endpoint=[^&]*&/, '')
  expect(await calls.get(await open(setting))).toBeUndefined()
  expect(s3.seen[0]?.headers).not.toHaveProperty('x-amz-checksum-mode')
  vi.stubEnv('AWS_ENDPOINT_URL_S3', 'https://storage.googleapis.com')
  expect((await refusalOf(() => open(setting))).error.message).toMatch(/Google/)
  vi.stubEnv('AWS_ENDPOINT_URL_S3', 'storage.googleapis.com')
  expect((await refusalOf(() => open(setting))).error).toMatchObject({ code: 'configuration' })
})

test('a web server that answers everything with 200 is not accepted as a store', async () => {
  const server = createServer((_, response) => response.end('welcome')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const setting = `s3://updates?endpoint=http://127.0.0.1:${port}&region=eu-central-1&forcePathStyle=true`
  await expect(s3Documents(await openStrict({ setting })).get('catalog.jws', 100)).rejects.toMatchObject({
    code: 'store-unavailable',
    message: expect.stringMatching(/returns no ETag.*, without an S3 error code: check PLATTE_STORE$/),
    hint: 'something else answers there: check the endpoint in PLATTE_STORE',
  })
  server.close()
})
