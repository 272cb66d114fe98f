/** What one request leaves in the log, and what joins its lines: ids in and out, a stack for a defect only, no secrets. */
import { beforeEach, describe, expect, test } from 'vitest'
import { newCatalogCache } from '../../src/catalog/cache.ts'
import { coreUpdateLists } from '../../src/coreupdate/feature.ts'
import { openLocks } from '../../src/locks/http/routes.ts'
import { createApp } from '../../src/runtime/app.ts'
import { runLog } from '../../src/runtime/compose.ts'
import { refreshSlice } from '../../src/runtime/refresh-slice.ts'
import type { Documents } from '../../src/store/documents.ts'
import { app, newStore, publishOne } from '../world.ts'

const store = await newStore()
await publishOne(store, '2')
const { publisher, log } = store
beforeEach(() => {
  log.length = 0
})

function endpoint(more: Partial<Documents> = {}) {
  const reader = { ...publisher, documents: { ...publisher.documents, ...more } }
  return createApp({
    ...{ cache: newCatalogCache(), reader, packages: publisher.packages, events: publisher.log },
    ...{ publicUrl: 'https://updates.example.org', explain: 'public', background: () => undefined },
    extensions: [coreUpdateLists, openLocks({ locking: publisher, tokens: [], channels: new Map(), creates: true })],
  })
}

const served = endpoint()
const check = `<request protocol="3.0"><app appid="{${app}}" version="1" track="stable" board="amd64-usr"><updatecheck/></app></request>`
const lock = JSON.stringify({ client_params: { id: 'a', group: 'workers' } })
const fleetLock = { 'fleet-lock-protocol': 'true' }
const made = /^[0-9a-f]{12}-\d+$/
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

describe('x-request-id', () => {
  const routes: readonly (readonly [string, string, RequestInit, number])[] = [
    ['a check', '/v1/update/', { method: 'POST', body: check }, 200],
    ['a check that is not XML', '/v1/update/', { method: 'POST', body: 'x' }, 400],
    ['another method', '/v1/update/', { method: 'PUT', body: 'x' }, 405],
    ['what the endpoint is', '/omaha', {}, 200],
    ['health', '/healthz', {}, 200],
    ['a document', '/catalog.jws', {}, 200],
    ['a document that is not there', '/root/9.jws', {}, 404],
    ['a package that is not there', '/packages/x', {}, 404],
    ['an explanation without its parameters', '/v1/explain', {}, 400],
    ['lists of CoreUpdate', '/_ah/api/update/v1/public/channels', { method: 'HEAD' }, 200],
    ['a key of etcd', '/v2/keys/coreos.com/updateengine/rebootlock/semaphore', {}, 401],
    ['a lock', '/v1/pre-reboot', { method: 'POST', body: lock, headers: fleetLock }, 200],
    ['nothing', '/nothing', {}, 404],
  ]
  test.each(routes)('%s returns it', async (_, path, init, status) => {
    const headers = { ...init.headers, 'x-request-id': 'job-7.retry_2' }
    const answer = await served.request(path, { ...init, headers })
    expect([answer.status, answer.headers.get('x-request-id')]).toEqual([status, 'job-7.retry_2'])
    for (const line of log) expect(line).toMatchObject({ requestId: 'job-7.retry_2' })
  })

  test.each([
    ['none', undefined],
    ['empty', ''],
    ['too long', 'x'.repeat(129)],
    ['with a blank', 'a b'],
    ['with markup', '<b>'],
    ['with an escape', 'a%0a'],
  ])('is generated if the request has %s', async (_, given) => {
    const headers: Record<string, string> = given === undefined ? {} : { 'x-request-id': given }
    const answer = await served.request('/v1/update/', { method: 'POST', body: check, headers })
    const id = answer.headers.get('x-request-id')
    expect(id).toMatch(made)
    expect(log.map(({ event, requestId }) => [event, requestId])).toEqual([['contact', id]])
  })

  test('differs for each request', async () => {
    const ids = await Promise.all(
      Array.from({ length: 3 }, async () => (await served.request('/healthz')).headers.get('x-request-id')),
    )
    expect(new Set(ids).size).toBe(3)
  })
})

const [trace, parent] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7']
test.each([
  ['00', trace, parent, '01', true],
  ['cc', trace, parent, '00', true],
  ['ff', trace, parent, '01', false],
  ['00', '0'.repeat(32), parent, '01', false],
  ['00', trace, '0'.repeat(16), '01', false],
  ['00', trace.toUpperCase(), parent, '01', false],
  ['00', trace.slice(1), parent, '01', false],
  ['00', trace, parent, '01-more', false],
])('traceparent %s-%s-%s-%s: passed on %s', async (version, id, span, flags, isValid) => {
  const traceparent = [version, id, span, flags].join('-')
  await served.request('/v1/update/', { method: 'POST', body: check, headers: { traceparent } })
  expect(log[0]?.traceparent).toBe(isValid ? traceparent : undefined)
})

describe('the log line of a refusal', () => {
  test('has a code and no stack for an expected error', async () => {
    const answer = await served.request('/v1/update/?secret=canary', { method: 'POST', body: 'canary' })
    expect(log).toEqual([
      {
        ...{ level: 'info', event: 'contact', refused: 'bad-request', path: '/v1/update/', status: 400 },
        problem: expect.stringContaining('not well-formed'),
        requestId: answer.headers.get('x-request-id'),
      },
    ])
  })

  test('has the stack of a defect, and the client gets no details', async () => {
    const broken = endpoint({ get: () => Promise.reject(new TypeError('canary is not a function')) })
    const answer = await broken.request('/root/1.jws?secret=canary')
    const id = answer.headers.get('x-request-id')
    const detail = 'something went wrong here; the log says what'
    expect(await answer.json()).toEqual({ code: 'internal', title: 'Internal Server Error', status: 500, detail })
    expect(log).toEqual([
      {
        ...{ level: 'error', event: 'refused', path: '/root/1.jws', status: 500, code: 'defect', requestId: id },
        problem: 'canary is not a function',
        stack: expect.stringMatching(/^at .*logs\.test\.ts/),
      },
    ])
    expect(log[0]?.stack).not.toContain('canary')
  })

  test('of a defect in a lock request follows the client’s protocol', async () => {
    const documents = { ...publisher.documents, get: () => Promise.reject(new TypeError('x')) }
    const locks = openLocks({ locking: { ...publisher, documents }, tokens: [], channels: new Map() })
    const serving = { cache: newCatalogCache(), reader: publisher, packages: publisher.packages, events: () => {} }
    const broken = createApp({ ...serving, publicUrl: '', extensions: [locks], background: () => undefined })
    const answer = await broken.request('/v1/pre-reboot', { method: 'POST', body: lock, headers: fleetLock })
    expect([answer.status, await answer.json()]).toMatchObject([500, { kind: 'store_unavailable' }])
    expect(log).toEqual([expect.objectContaining({ code: 'defect', stack: expect.stringMatching(/^at /) })])
    expect(log[0]?.requestId).toBe(answer.headers.get('x-request-id'))
  })
})

test('all lines of one scheduled run share an id, and each run has its own', async () => {
  const get = () => Promise.reject(new TypeError('x'))
  const documents = { ...publisher.documents, get }
  for (let run = 0; run < 2; run++)
    await refreshSlice({ ...publisher, documents, log: runLog(publisher.log) }, newCatalogCache(), {
      most: 1,
      opens: 1,
    })
  const ids = log.map(({ runId }) => runId)
  expect(ids.length).toBeGreaterThan(2)
  expect(new Set(ids).size).toBe(2)
  const want = { code: 'defect', stack: expect.stringMatching(/^at /), runId: expect.stringMatching(uuid) }
  for (const line of log) expect(line).toMatchObject(want)
})
