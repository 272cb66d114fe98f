/** The Worker inside the real workerd, with the R2 that wrangler simulates: the scenes, and what only Workers can get wrong. */
import { once } from 'node:events'
import { request } from 'node:http'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import type { R2Bucket } from '@cloudflare/workers-types'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestHarness } from 'wrangler'
import { bodyOf } from '../protocol/samples.ts'
import { lockTokens, makeSceneStore, packagesUrl, publicUrl } from '../scenes/fixture.ts'
import { lookAtPages } from '../scenes/pages.ts'
import { elsewhereNames, playScene, sceneNames } from '../scenes/runner.ts'
import { sendInside, sendOver } from '../scenes/send.ts'
import { fillBucket } from './bucket.ts'

const { publisher, pin } = await makeSceneStore()
const root = resolve(import.meta.dirname, '../..')
const main = resolve(root, 'src/runtime/worker-full.ts')
const bare = { main, compatibility_date: '2026-10-01', send_metrics: false }

const server = createTestHarness({
  root,
  workers: [
    {
      configPath: 'wrangler.toml',
      vars: { PLATTE_ROOT: pin, PLATTE_PUBLIC_URL: publicUrl, PLATTE_LOCKS: 'on', PLATTE_LOCKS_CREATE: 'on' },
    },
    {
      config: {
        ...bare,
        name: 'elsewhere',
        r2_buckets: [{ binding: 'PLATTE_BUCKET', bucket_name: 'platte' }],
        analytics_engine_datasets: [{ binding: 'PLATTE_ANALYTICS', dataset: 'platte' }],
        vars: {
          PLATTE_ROOT: pin,
          PLATTE_PUBLIC_URL: publicUrl,
          PLATTE_PACKAGES_URL: packagesUrl,
          PLATTE_LOCKS: 'on',
          PLATTE_LOCKS_CREATE: 'on',
          PLATTE_LOCK_TOKENS: lockTokens,
        },
      },
    },
    {
      config: {
        ...bare,
        name: 'checks-alone',
        main: resolve(root, 'src/runtime/worker.ts'),
        r2_buckets: [{ binding: 'PLATTE_BUCKET', bucket_name: 'platte' }],
        vars: { PLATTE_ROOT: pin, PLATTE_PUBLIC_URL: publicUrl },
      },
    },
    { config: { ...bare, name: 'nothing-set' } },
    {
      config: {
        ...bare,
        name: 'wrong-settings',
        r2_buckets: [{ binding: 'PLATTE_BUCKET', bucket_name: 'platte' }],
        vars: { PLATTE_ROOT: '1:md5:0', PLATTE_PUBLIC_URL: 'updates.example.org' },
      },
    },
  ],
})
let url = ''

beforeAll(async () => {
  url = (await server.listen()).url.href
  const { PLATTE_BUCKET } = await server.getWorker<{ readonly PLATTE_BUCKET: R2Bucket }>().getEnv()
  await fillBucket(PLATTE_BUCKET, publisher)
})
afterAll(() => server.close())

test('twenty concurrent checks in a cold isolate share no request state', async () => {
  const checks = Array.from({ length: 20 }, startCheck)
  await Promise.all(checks.map(({ started }) => started))
  const answers = await Promise.all(checks.map(({ finish }) => finish()))
  expect([...new Set(answers)]).toEqual([
    expect.stringMatching(/^200 .*<updatecheck status="ok">.*<manifest version="4152\.2\.0">/s),
  ])
  expect(server.getLogs().filter(({ message }) => !message.includes('"level":"info"'))).toEqual([])
})

/** A check of which all but the last byte is sent, so that many come to the catalog at once. */
function startCheck() {
  const body = Buffer.from(bodyOf('full-update-01'))
  const { hostname, port } = new URL(url)
  const headers = { 'Content-Length': body.length }
  const check = request({ hostname, port, method: 'POST', path: '/v1/update/', headers, agent: false })
  return {
    started: new Promise((resolve) => check.write(body.subarray(0, -1), resolve)),
    finish: async (): Promise<string> => {
      check.end(body.subarray(-1))
      const [response] = await once(check, 'response')
      return `${response.statusCode} ${await text(response)}`
    },
  }
}

test.each(sceneNames)('%s', (name) => playScene(name, sendOver(url)))

test('pages and feeds', () => lookAtPages(sendOver(url)))

test('the Worker for checks only has no pages', async () => {
  const { fetch } = server.getWorker('checks-alone')
  for (const path of ['/', '/explain', '/v1/channels', '/v2/keys/coreos.com/updateengine/rebootlock/semaphore'])
    expect((await fetch(`${publicUrl}${path}`)).status).toBe(404)
  expect((await fetch(`${publicUrl}/healthz`)).status).toBe(200)
})

test.each(elsewhereNames)('%s', (name) =>
  playScene(
    name,
    sendInside(async ({ url, method, headers, body: sent }) => {
      const worker = server.getWorker('elsewhere')
      const body = sent === null ? null : await new Response(sent).text()
      const answer = await worker.fetch(url, { method, headers: [...headers], body, redirect: 'manual' })
      return new Response(await answer.arrayBuffer(), { status: answer.status, headers: [...answer.headers] })
    }),
  ),
)

test('a check is one line of JSON in the log', async () => {
  const lines = server.getLogs().map(({ message }) => JSON.parse(message))
  expect(lines).toContainEqual(expect.objectContaining({ event: 'contact', channel: 'beta', offered: '4152.2.0' }))
})

test('a refused request, and a check that is sent elsewhere, are one line, too', async () => {
  const { fetch } = server.getWorker('elsewhere')
  const headers = { 'user-agent': 'curl/8.5.0' }
  for (const path of ['/v1/update/', '/v1/update/x'])
    await fetch(`${publicUrl}${path}`, { method: 'POST', body: '<request', headers })
  const lines = server.getLogs().map(({ message }) => JSON.parse(message))
  const sender = { event: 'contact', agent: 'curl/8.5.0' }
  const refused = { ...sender, refused: 'bad-request', status: 400, path: '/v1/update/' }
  expect(lines).toContainEqual(expect.objectContaining(refused))
  expect(lines).toContainEqual(expect.objectContaining({ ...sender, refused: 'not-found', path: '/v1/update/x' }))
})

test.each([
  ['nothing-set', [/PLATTE_BUCKET is missing/, /PLATTE_ROOT .*is missing/, /PLATTE_PUBLIC_URL .*is missing/]],
  ['wrong-settings', [/PLATTE_ROOT/, /PLATTE_PUBLIC_URL .*is not a plain http/]],
] as const)('%s: it answers 500 and names every variable', async (name, wanted) => {
  const answer = await server.getWorker(name).fetch('http://updates.example.org/v1/update/', { method: 'POST' })
  const { detail: problem } = (await answer.json()) as { readonly detail: string }
  expect(answer.status).toBe(500)
  for (const one of wanted) expect(problem).toMatch(one)
  const logged = server.getLogs().map(({ message }) => JSON.parse(message))
  expect(logged).toContainEqual(
    expect.objectContaining({ level: 'error', event: 'serve', code: 'configuration', problem }),
  )
})

test.each([
  ['worker.ts', false],
  ['worker-pages.ts', true],
])('the bundle of %s contains no Node, folder store or command line; pages: %s', async (entry, withPages) => {
  const { metafile } = await build({
    entryPoints: [resolve(root, 'src/runtime', entry)],
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'neutral',
    conditions: ['workerd', 'worker'],
    mainFields: ['module', 'main'],
  })
  const imports = Object.values(metafile.inputs).flatMap((input) => input.imports.map(({ path }) => path))
  expect(imports.filter((path) => path.startsWith('node:'))).toEqual([])
  const inputs = Object.keys(metafile.inputs)
  expect(inputs).toContain('src/store/r2/r2.ts')
  expect(inputs.some((path) => /src\/site\/(pages|markdown)/.test(path))).toBe(withPages)
  expect(
    inputs.filter((path) => /folder|memory|\/cli(\/|\.ts$)|commander|node-server|aws-sdk|hasher-node/.test(path)),
  ).toEqual([])
})
