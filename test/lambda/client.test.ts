/** The scenes under the real runtime client of Lambda. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lockTokens, packagesUrl } from '../scenes/fixture.ts'
import { elsewhereNames, playScene, sceneNames } from '../scenes/runner.ts'
import { day } from '../world.ts'
import { buildLambda } from './build.ts'
import { doors, sendThrough } from './doors.ts'
import { clientFolder } from './reporter.ts'
import { type Started, startClient } from './start-client.ts'
import { type BucketStore, startBucketStore } from './store.ts'

const running: Started[] = []

async function start(file: string, { s3 }: BucketStore, env: Readonly<Record<string, string>>): Promise<Started> {
  const started = await startClient(file, s3, env)
  running.push(started)
  return started
}

describe.skipIf(clientFolder === undefined)('the runtime client of Lambda', () => {
  const folder = mkdtempSync(join(tmpdir(), 'platte-lambda-'))
  let file: string
  let store: BucketStore
  let plain: Started
  let elsewhere: Started

  beforeAll(async () => {
    file = buildLambda(folder).file
    store = await startBucketStore(() => Date.now() - 5 * day)
    const key = { PLATTE_TIMESTAMP_KEY: 'env://TIMESTAMP_JWK', TIMESTAMP_JWK: store.timestampKey }
    plain = await start(file, store, { ...store.env, ...key, PLATTE_LOCKS: 'on', PLATTE_LOCKS_CREATE: 'on' })
    const locks = { PLATTE_LOCKS: 'on', PLATTE_LOCKS_CREATE: 'on', PLATTE_LOCK_TOKENS: lockTokens }
    elsewhere = await start(file, store, { ...store.env, ...locks, PLATTE_PACKAGES_URL: packagesUrl })
  })
  afterAll(async () => {
    for (const { stop } of running) await stop()
    await store?.s3.close()
    rmSync(folder, { recursive: true })
  })

  test.each(sceneNames)('%s', (name) => playScene(name, sendThrough('function URL', plain.invoke)))
  test.each(elsewhereNames)('%s', (name) => playScene(name, sendThrough('function URL', elsewhere.invoke)))

  test('a schedule signs a catalog that is due', async () => {
    const signed = () => Buffer.from(store.s3.bucket.objects.get('here/catalog.jws')?.bytes ?? '').toString()
    const before = signed()
    expect(await plain.invoke({ source: 'aws.events' })).toBeNull()
    expect(signed()).not.toBe(before)
  })

  test('an unknown event is an error, and the next event is answered', async () => {
    await expect(plain.invoke({})).rejects.toThrow('neither an HTTP request nor a schedule')
    const event = doors['function URL']({ method: 'GET', path: '/healthz', headers: {}, body: undefined })
    expect(await plain.invoke(event)).toMatchObject({ statusCode: 200 })
  })

  test('a misconfigured function starts, answers 500 and reports why', async () => {
    const { invoke, output } = await start(file, store, {})
    const event = doors['function URL']({ method: 'POST', path: '/v1/update/', headers: {}, body: undefined })
    expect(await invoke(event)).toMatchObject({ statusCode: 500 })
    expect(JSON.parse(output())).toMatchObject({ level: 'error', event: 'serve' })
  })

  test('logs lines of JSON, one per check, and never the key', () => {
    const lines = plain
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{"time"'))
      .map((line) => JSON.parse(line))
    expect(lines).toContainEqual(expect.objectContaining({ event: 'contact', channel: 'beta', offered: '4152.2.0' }))
    expect(plain.output()).not.toContain(JSON.parse(store.timestampKey).d)
  })
})
