/**
 * The publish function as the built function, with the variables and the permissions of the template, in this process and
 * under the real runtime client: parts go to the bucket.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { encode } from '../../src/catalog/read.ts'
import { markKey, uploadKey, uploadSlot } from '../../src/documents/paths.ts'
import { isoText } from '../../src/kernel/format.ts'
import type { UploadRecord } from '../../src/publish-api/upload-records.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { s3Documents } from '../../src/store/s3/documents.ts'
import { s3Packages } from '../../src/store/s3/packages.ts'
import { tokenOf } from '../../src/store/uploads.ts'
import { flowSuite, type Target } from '../publish/flow-suite.ts'
import { startIssuer } from '../publish/issuer.ts'
import { emptyStore } from '../publish/store.ts'
import { openStrict, useCredentials } from '../s3/open.ts'
import { startS3 } from '../s3/server.ts'
import { app, day } from '../world.ts'
import { buildLambda } from './build.ts'
import { sendThrough } from './doors.ts'
import { type Invoke, useFunction } from './function.ts'
import { clientFolder } from './reporter.ts'
import { type Started, startClient } from './start-client.ts'
import { givenBy, resourcesOf } from './template.ts'

const issuer = await startIssuer()
afterAll(() => issuer.close())

/** A bucket for one run, and a function over it as a deployment of the template has it. */
async function openBucket() {
  const s3 = await startS3()
  useCredentials(s3)
  const client = await openStrict(s3)
  const documents = s3Documents(client)
  const { env } = await emptyStore(issuer, documents, s3Packages(client, nodeHasher))
  const { variables, allows } = givenBy({
    Root: env.PLATTE_ROOT ?? '',
    PublishPolicy: env.PLATTE_PUBLISH_POLICY ?? '',
    ReleaseKeySecret: 'RELEASE_JWK',
    TimestampKeySecret: 'TIMESTAMP_JWK',
  })
  const secret = (_: string, name: string): string => env[name] ?? ''
  const resolved = Object.entries(variables).map(([name, value]) => [
    name,
    value.replace(/^\{\{resolve:secretsmanager:(\w+):SecretString\}\}$/, secret),
  ])
  return { s3, allows, documents, env: { ...Object.fromEntries(resolved), PLATTE_STORE: s3.setting } }
}

function targetOf(invoke: Invoke): Target {
  const send = sendThrough('function URL', invoke)
  return {
    issuer,
    fetch: async (path, { method = 'GET', headers, body }) => {
      const bytes = body === undefined ? undefined : new Uint8Array(await new Response(body).arrayBuffer())
      const sent = { method, path, headers: { ...(headers as Record<string, string>) }, ...(bytes && { body: bytes }) }
      const answer = await send(sent as Parameters<typeof send>[0])
      return new Response(answer.body as Uint8Array<ArrayBuffer>, { status: answer.status })
    },
  }
}

describe('in this process', async () => {
  const { start, logged } = useFunction()
  const { s3, allows, documents, env } = await openBucket()
  const invoke = await start(env)
  beforeAll(() => {
    s3.allows = allows
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await s3.close()
  })
  flowSuite('on Lambda', () => targetOf(invoke))

  test('the schedule may sweep abandoned uploads', async () => {
    const old = Date.now() - 3 * day
    const key = `packages/${app}/1/amd64-usr/${'0'.repeat(32)}/update.gz`
    const [mark, record] = [markKey('a', old), uploadKey(uploadSlot(key))]
    const upload: UploadRecord = {
      ...{ format: 1, type: 'upload', key, size: 1, sha256: '0'.repeat(64), sha1: '0'.repeat(40) },
      ...{
        begunAt: isoText(old),
        secret: '0'.repeat(32),
        token: tokenOf(crypto.randomUUID(), 'gone'),
        partBytes: 1,
      },
    }
    s3.allows = () => true
    await documents.create(mark, new Uint8Array([1]))
    await documents.create(record, encode(upload))
    s3.allows = allows
    await invoke({ source: 'aws.events' })
    expect(logged().filter(({ level }) => level === 'error')).toEqual([])
    expect([await documents.get(mark, 1000), await documents.get(record, 10_000)]).toEqual([undefined, undefined])
  })
})

describe.skipIf(clientFolder === undefined)('the runtime client of Lambda', () => {
  const folder = mkdtempSync(join(tmpdir(), 'platte-lambda-'))
  let bucket: Awaited<ReturnType<typeof openBucket>>
  let started: Started
  beforeAll(async () => {
    bucket = await openBucket()
    vi.unstubAllEnvs()
    bucket.s3.allows = bucket.allows
    started = await startClient(buildLambda(folder).file, bucket.s3, bucket.env)
  })
  afterAll(async () => {
    await started?.stop()
    await bucket?.s3.close()
    rmSync(folder, { recursive: true })
  })
  flowSuite('under it', () => targetOf(started.invoke))
})

test('the template takes keys of AWS KMS instead of secrets', () => {
  const arn = (id: string): string => `arn:aws:kms:eu-central-1:111122223333:key/${id}`
  const keys = { TimestampKeyArn: arn('t'), ReleaseKeyArn: arn('r') }
  const { variables, allows } = givenBy({ PublishPolicy: '{}', ...keys })
  const { TIMESTAMP_JWK, RELEASE_JWK, PLATTE_TIMESTAMP_KEY, PLATTE_RELEASE_KEY } = variables
  expect([PLATTE_TIMESTAMP_KEY, PLATTE_RELEASE_KEY]).toEqual([`awskms:///${arn('t')}`, `awskms:///${arn('r')}`])
  expect([TIMESTAMP_JWK, RELEASE_JWK]).toEqual([undefined, undefined])
  const catalog = { operation: 'PutObject', key: 'catalog.jws', headers: { 'if-match': '"1"' } } as const
  expect(allows('s3:PutObject', catalog)).toBe(true)
  const signed = resourcesOf({ PublishPolicy: '{}', ...keys }).get('Role')
  expect(JSON.stringify(signed).match(/"kms:Sign"\],"Resource":"[^"]+"/g)).toEqual([
    `"kms:Sign"],"Resource":"${arn('t')}"`,
    `"kms:Sign"],"Resource":"${arn('r')}"`,
  ])
  expect(JSON.stringify(resourcesOf({ TimestampKeySecret: 'x' }).get('Role'))).not.toContain('kms:')
})

describe('the permissions in the template', () => {
  const isAllowed = (parameters: Readonly<Record<string, string>>, key: string, headers = {}): boolean =>
    givenBy(parameters).allows('s3:PutObject', { operation: 'PutObject', key, headers })
  const created = { 'if-none-match': '*' }
  const publisher = { PublishPolicy: '{}', ReleaseKeySecret: 'x', TimestampKeySecret: 'x' }

  test.each<[string, string, object, isWithout: boolean, isWithKey: boolean, isWithPolicy: boolean]>([
    ['the catalog', 'catalog.jws', { 'if-match': '"1"' }, false, true, true],
    ['the catalog, unseen', 'catalog.jws', {}, false, false, false],
    ['a manifest', 'apps/a/stable/0000000001.jws', created, false, false, true],
    ['a manifest, over one', 'apps/a/stable/0000000001.jws', {}, false, false, false],
    ['a root', 'root/2.jws', created, false, false, false],
    ['a lock', 'locks/web.json', created, false, false, false],
  ])('%s can be written only by its intended writer', (_, key, headers, ...expected) => {
    const sets = [{}, { TimestampKeySecret: 'x' }, publisher]
    expect(sets.map((parameters) => isAllowed(parameters, key, headers))).toEqual(expected)
  })
})
