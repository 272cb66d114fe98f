/** What is installed for Deno, on the real one, with the permissions that src/runtime/deno.ts names and no others. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openForReading } from '../../src/fleet/database.ts'
import { readFleet } from '../../src/fleet/reader.ts'
import { makeStore, openStore } from '../../src/runtime/store.ts'
import { bundleDeno } from '../bench/bundle.ts'
import { lockTokens, makeSceneStore, packagesUrl, publicUrl } from '../scenes/fixture.ts'
import { lookAtPages } from '../scenes/pages.ts'
import { elsewhereNames, playScene, sceneNames } from '../scenes/runner.ts'
import { sendOver } from '../scenes/send.ts'
import { firstLine, startDeno } from './start-deno.ts'

const fleetToken = '0123456789abcdef0123'
let dir: string
let built: string
let server: ChildProcess | undefined
let url: string
let elsewhere: ChildProcess | undefined
let elsewhereUrl: string

/** Reads no more than the store and writes nothing, unless it is told to: without keys and locks it has nothing to write. */
function start(env: Readonly<Record<string, string>>, more: readonly string[] = []): ChildProcess {
  const read = `--allow-read=${join(dir, 'store')}`
  const permissions = ['--allow-env=PLATTE_*,PORT', '--allow-net=127.0.0.1', read, ...more]
  return startDeno(built, { permissions, env: { ...env, DENO_DIR: join(dir, 'deno') } })
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'platte-deno-'))
  built = bundleDeno(join(dir, 'built'))
  const store = join(dir, 'store')
  await makeStore({ kind: 'file', dir: store })
  const { documents, packages } = await openStore({ kind: 'file', dir: store })
  const { pin } = await makeSceneStore(documents, packages)
  const env = {
    PLATTE_STORE: `file:${store}`,
    PLATTE_ROOT: pin,
    PLATTE_PUBLIC_URL: publicUrl,
    PORT: '0',
    PLATTE_LOCKS: 'on',
    PLATTE_LOCKS_CREATE: 'on',
  }
  const write = [`--allow-write=${store},${dir}`, `--allow-read=${dir}`]
  server = start(env, write)
  const watching = {
    PLATTE_EVENTS: 'store',
    PLATTE_METRICS: 'on',
    PLATTE_LOCK_TOKENS: lockTokens,
    PLATTE_FLEET_FILE: join(dir, 'fleet.db'),
    PLATTE_FLEET_TOKEN: fleetToken,
  }
  elsewhere = start({ ...env, ...watching, PLATTE_PACKAGES_URL: packagesUrl }, write)
  const lines = await Promise.all([firstLine(server), firstLine(elsewhere)])
  for (const line of lines) expect(line).toMatchObject({ level: 'info', event: 'serve' })
  ;[url = '', elsewhereUrl = ''] = lines.map((line) => String(line.url))
})
afterAll(async () => {
  for (const child of [server, elsewhere])
    if (child?.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
  await rm(dir, { recursive: true })
})

test.each(sceneNames)('%s', (name) => playScene(name, sendOver(url)))
test('pages and feeds', () => lookAtPages(sendOver(url)))
test.each(elsewhereNames)('%s', (name) => playScene(name, sendOver(elsewhereUrl)))

test('the fleet is seen with the token, and elsewhere it says how to get it', async () => {
  const headers = { authorization: `Bearer ${fleetToken}`, accept: 'text/html' }
  const page = await fetch(`${elsewhereUrl}/fleet/machines`, { headers })
  expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<h1>Machines</h1>')])
  expect((await fetch(`${elsewhereUrl}/fleet`)).status).toBe(401)
  const none = await fetch(`${url}/fleet`)
  expect([none.status, await none.json()]).toEqual([
    404,
    expect.objectContaining({ code: 'not-found', hint: expect.stringContaining('PLATTE_FLEET_TOKEN') }),
  ])
})

test('serves its description', async () => {
  const answer = await fetch(`${elsewhereUrl}/openapi.json`)
  const { openapi, paths } = (await answer.json()) as { readonly openapi: string; readonly paths: object }
  expect([openapi, Object.keys(paths)]).toEqual([
    '3.1.1',
    expect.arrayContaining(['/fleet', '/v1/pre-reboot', '/metrics']),
  ])
})

test('serves metrics, and writes events as files and the projection on shutdown', async () => {
  const body =
    '<request protocol="3.0"><app appid="x" version="1" track="y" machineid="m1"><updatecheck/></app></request>'
  await fetch(`${elsewhereUrl}/v1/update/`, { method: 'POST', body })
  const headers = { 'user-agent': 'curl/8.5.0' }
  await fetch(`${elsewhereUrl}/v1/update/`, { method: 'POST', body: body.slice(0, -20), headers })
  await fetch(`${elsewhereUrl}//v1/update/`, { method: 'POST', body, headers })
  const numbers = await (await fetch(`${elsewhereUrl}/metrics`)).text()
  expect(numbers).toContain(
    'platte_checks_total{app="other",channel="other",decision="no-update",reason="unknown-app"} 1',
  )
  expect((await fetch(`${url}/metrics`)).status).toBe(404)
  const [exit] = [elsewhere && once(elsewhere, 'exit'), elsewhere?.kill('SIGTERM')]
  expect(await exit).toEqual([0, null])
  const fleet = readFleet(openForReading(join(dir, 'fleet.db')))
  expect(fleet.machine('m1')).toMatchObject([{ app: 'x', state: 'waiting', detail: 'unknown-app' }])
  const files = await readdir(join(dir, 'store', 'events'), { recursive: true })
  const [file = ''] = files.filter((name) => name.endsWith('.ndjson.gz'))
  const text = gunzipSync(await readFile(join(dir, 'store', 'events', file))).toString()
  const lines = text.trimEnd().split('\n')
  const own = lines.map((line) => JSON.parse(line)).filter(({ app, agent }) => app === 'x' || agent === 'curl/8.5.0')
  expect(own).toEqual([
    expect.objectContaining({ level: 'info', event: 'contact', app: 'x', channel: 'y', reason: 'unknown-app' }),
    expect.objectContaining({ event: 'contact', refused: 'bad-request', status: 400, app: 'x', agent: 'curl/8.5.0' }),
    expect.objectContaining({ event: 'contact', refused: 'not-found', path: '//v1/update/', agent: 'curl/8.5.0' }),
  ])
})

test('without its settings it exits and lists them', async () => {
  const bare = start({})
  const [line, [code]] = await Promise.all([firstLine(bare), once(bare, 'exit')])
  expect(line).toMatchObject({ level: 'error', event: 'serve' })
  expect(line.problem).toMatch(/PLATTE_STORE .*is missing[\s\S]*PLATTE_ROOT .*is missing/)
  expect(code).toBe(1)
})

test('SIGTERM lets a running request finish, then exits', async () => {
  const { hostname, port } = new URL(url)
  const slow = request({ hostname, port, method: 'POST', path: '/v1/update/', agent: false })
  await new Promise((sent) => slow.write('<request protocol="3.0">', sent))
  // Answered on another connection: the slow one was accepted before it.
  await sendOver(url)({ method: 'GET', path: '/healthz', headers: {}, body: undefined })
  const [exit] = [server && once(server, 'exit'), server?.kill('SIGTERM')]
  await refused()
  slow.end('</request>')
  const [response] = await once(slow, 'response')
  response.resume()
  expect(response.statusCode).toBe(200)
  expect(await exit).toEqual([0, null])
})

/** Resolves when nothing listens any more. */
async function refused(): Promise<void> {
  const healthz = { method: 'GET', path: '/healthz', headers: {}, body: undefined }
  while (
    await sendOver(url)(healthz).then(
      () => true,
      () => false,
    )
  )
    await new Promise((done) => setTimeout(done, 20))
}
