/** What is sent is what `/openapi.json` says: the scenes of machines, a pipeline, and the fleet, each answer held against it. */
import { afterAll, describe, expect, test } from 'vitest'
import { flowSuite, type Target } from '../publish/flow-suite.ts'
import { lookAtPages } from '../scenes/pages.ts'
import { playScene, type Send, sceneNames } from '../scenes/runner.ts'
import { sendOver } from '../scenes/send.ts'
import { app } from '../world.ts'
import { contractOf } from './contract.ts'
import { fleetToken, readDocument, startEverything, startScenes, stopAll } from './servers.ts'

const { url, issuer } = await startEverything()
const scenes = await startScenes({ PLATTE_LOCKS: 'on' })
const problemsOf = contractOf(await readDocument(url))
afterAll(stopAll)

const text = new TextDecoder()

const held =
  (send: Send): Send =>
  async (request) => {
    const response = await send(request)
    const { status, header, body } = response
    const { method, path } = request
    const sent = request.body && text.decode(request.body)
    const answer = { status, type: header('content-type') ?? '', body: text.decode(body) }
    expect(problemsOf({ method, path, sent, ...answer })).toEqual([])
    return response
  }

describe('scenes', () => {
  test.each(sceneNames)('%s', (name) => playScene(name, held(sendOver(scenes))))
  test('pages and feeds', () => lookAtPages(held(sendOver(scenes))))
})

const heldFetch: Target['fetch'] = async (path, init) => {
  const response = await fetch(url + path, { redirect: 'manual', ...init })
  const sent = typeof init.body === 'string' ? init.body : undefined
  const answer = { status: response.status, type: response.headers.get('content-type') ?? '' }
  const body = await response.clone().text()
  expect(problemsOf({ method: init.method ?? 'GET', path, sent, ...answer, body })).toEqual([])
  return response
}

flowSuite('held against the document', () => ({ issuer, fetch: heldFetch }))

describe('the fleet', () => {
  const headers = { authorization: `Bearer ${fleetToken}` }
  test.each([
    ['/fleet', 200],
    [`/fleet/channel?app=${app}&channel=stable`, 200],
    [`/fleet/channel?app=${app}&channel=none`, 404],
    [`/fleet/release?app=${app}&version=4593.2.0`, 200],
    [`/fleet/release?app=${app}&version=1`, 404],
    ['/fleet/machines?state=failed&sort=silent', 200],
    ['/fleet/machines?sort=size', 400],
    ['/fleet/machine?id=fe1e0123456789abfe1e01235ee00007', 200],
    ['/fleet/machine?id=nobody', 404],
  ] as const)('%s', async (path, status) => {
    expect((await heldFetch(path, { headers })).status).toBe(status)
    expect((await heldFetch(path, { headers: { ...headers, accept: 'text/html' } })).status).toBe(status)
    expect((await heldFetch(path, {})).status).toBe(401)
  })

  test('signing in and out', async () => {
    const post = (path: string, token: string, type = 'application/x-www-form-urlencoded') =>
      heldFetch(path, {
        method: 'POST',
        body: `token=${token}`,
        headers: { 'content-type': type, accept: 'text/html' },
      })
    expect((await post('/fleet/login', 'wrong')).status).toBe(401)
    expect((await post('/fleet/login', fleetToken, 'text/plain')).status).toBe(400)
    expect((await post('/fleet/logout', '')).status).toBe(303)
  })
})

test('channels as code', async () => {
  const apply = async (body: object) => {
    const headers = { authorization: `Bearer ${await issuer.token()}` }
    return (await heldFetch('/v1/apply', { method: 'POST', body: JSON.stringify(body), headers })).status
  }
  const config = { apps: { [app]: { channels: { staging: { description: 'before stable' } } } } }
  expect(await apply({ config, dryRun: true })).toBe(200)
  expect(await apply({ config })).toBe(200)
  expect(await apply({ config, plan: true })).toBe(400)
})

test('metrics and health', async () => {
  for (const path of ['/metrics', '/healthz', '/healthz/ready', '/openapi.json'])
    expect((await heldFetch(path, {})).status).toBe(200)
})
