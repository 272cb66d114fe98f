/** `/openapi.json` has every route of a deployment, and nothing else; its linter has no complaint. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { pageRoutes } from '../../src/site/pages/answer.ts'
import { methodsOf, sampleOf } from './contract.ts'
import { lockToken, readDocument, registeredRoutes, startEverything, startScenes, stopAll } from './servers.ts'

const everything = await startEverything()
const { url } = everything
const document = await readDocument(url)
const samples = Object.entries(document.paths).map(([path, item]) => sampleOf(path, item))
afterAll(stopAll)

/** For hangs, not for speed. */
const timeout = 120_000

test('the linter has no complaint', { timeout }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'platte-lint-'))
  const file = join(dir, 'openapi.json')
  writeFileSync(file, JSON.stringify(document))
  const quiet = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' }
  const lint = ['node_modules/@redocly/cli/bin/cli.js', 'lint', '--config', 'test/openapi/redocly.yaml', file]
  const { stdout, stderr } = await promisify(execFile)(process.execPath, lint, { env: quiet }).catch((error) => error)
  expect(stdout + stderr).toContain('Your API description is valid')
  rmSync(dir, { recursive: true })
})

describe('every path of the document is served, by its methods alone', () => {
  const authorization = `Basic ${btoa(`machine:${lockToken}`)}`
  test.each(Object.entries(document.paths).map(([path, item]) => ({ path, item })))('$path', async ({ path, item }) => {
    const { status, headers } = await fetch(url + sampleOf(path, item), { method: 'PATCH', headers: { authorization } })
    const allowed = headers.get('allow')?.split(', ') ?? []
    expect([status, allowed.filter((method) => method !== 'HEAD').toSorted()]).toEqual([405, methodsOf(item)])
  })
})

describe('every route is in the document', () => {
  test('those that are registered', async () => {
    const routes = await registeredRoutes(everything)
    expect(routes.length).toBeGreaterThan(40)
    const isDescribed = (route: string): boolean =>
      samples.some((path) => (route.endsWith('/*') ? `${path}/`.startsWith(route.slice(0, -1)) : path === route))
    expect(routes.filter((route) => !isDescribed(route))).toEqual([])
  })

  test('those of pages', () => {
    expect(pageRoutes.filter(([form]) => !samples.some((path) => form.test(path)))).toEqual([])
  })
})

describe('only what a deployment has is in its document', () => {
  test('without locks, pages, publishing, a fleet and explanations', async () => {
    const { paths } = await readDocument(await startScenes({ PLATTE_EXPLAIN: 'off', PLATTE_PAGES: 'off' }))
    const missing = Object.keys(document.paths).filter((path) => !(path in paths))
    expect(missing).toEqual(expect.arrayContaining(['/', '/v1/explain', '/v1/pre-reboot', '/v1/publish', '/metrics']))
    expect(missing).toEqual(expect.arrayContaining(['/fleet', '/v1/uploads', '/v1/channels']))
    expect(Object.keys(paths)).toEqual(expect.arrayContaining(['/v1/update/', '/catalog.jws', '/openapi.json']))
  })

  test('with packages elsewhere, and a token for explanations', async () => {
    const settings = { PLATTE_PACKAGES_URL: 'https://packages.example.org', PLATTE_EXPLAIN: 'token' }
    const { paths } = await readDocument(
      await startScenes({ ...settings, PLATTE_EXPLAIN_TOKEN: 'sixteen characters'.replace(' ', '-') }),
    )
    const [, item] = Object.entries(paths).find(([path]) => path.startsWith('/packages/')) ?? []
    expect(Object.keys(item?.get?.responses ?? {})).toEqual(['307', '404', '500', '503'])
    expect(paths['/v1/explain']?.get).toMatchObject({ security: [{ explainToken: [] }] })
  })
})

test('a tag saves sending it again', async () => {
  const { headers } = await fetch(`${url}/openapi.json`)
  const again = await fetch(`${url}/openapi.json`, { headers: { 'if-none-match': headers.get('etag') ?? '' } })
  expect(again.status).toBe(304)
})
