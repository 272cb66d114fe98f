/** The page of the fleet on a server, by its settings. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startServer } from '../../src/runtime/node.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import { makeStore, openStore } from '../../src/runtime/store.ts'
import { bodyOf } from '../protocol/samples.ts'
import { makeSceneStore, publicUrl } from '../scenes/fixture.ts'

let dir = ''
let scene: Awaited<ReturnType<typeof makeSceneStore>>
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'platte-fleet-page-'))
  await makeStore({ kind: 'file', dir: join(dir, 'store') })
  const { documents, packages } = await openStore({ kind: 'file', dir: join(dir, 'store') })
  scene = await makeSceneStore(documents, packages)
})
afterAll(() => rm(dir, { recursive: true }))

const start = (more: Record<string, string>) => {
  const env = { PLATTE_STORE: `file:${dir}/store`, PLATTE_ROOT: scene.pin, PLATTE_PUBLIC_URL: publicUrl, PORT: '0' }
  return startServer(readSettings({ ...env, ...more }, ['store', 'pin']), {
    ...{ ...scene.publisher, log: () => {}, timestamp: [] },
  })
}

const token = '0123456789abcdef0123'
const headers = { authorization: `Bearer ${token}` }
const file = () => ({ PLATTE_FLEET_FILE: join(dir, 'fleet.db') })

test('a machine that reports is on the page within seconds, without pages for everybody, too', async () => {
  const running = await start({ ...file(), PLATTE_FLEET_TOKEN: token, PLATTE_PAGES: 'off' })
  await fetch(`${running.url}/v1/update/`, { method: 'POST', body: bodyOf('full-update-01') })
  const seen = async () => (await fetch(`${running.url}/fleet/machines`, { headers })).json()
  await vi.waitFor(async () => expect(await seen()).toMatchObject({ count: 1 }), { timeout: 120_000 })
  const page = await fetch(`${running.url}/fleet`, { headers: { ...headers, accept: 'text/html' } })
  const text = await page.text()
  expect(text).toContain('1 machine<')
  // Nothing leads to pages that are off.
  const paths = [...text.matchAll(/href="([^"#]*)/g)].map(([, path = '']) => path.replaceAll('&amp;', '&'))
  for (const path of new Set(paths.filter(Boolean)))
    expect((await fetch(running.url + path, { headers })).status, path).toBe(200)
  await running.stop()
})

test.each([
  ['without a projection', {}],
  ['without a token', { projection: true }],
])(
  '%s, it says how to get it, to holders of any token',
  async (_, { projection = false }: { projection?: boolean }) => {
    const running = await start(projection ? file() : { PLATTE_FLEET_TOKEN: token })
    const answer = await fetch(`${running.url}/fleet`, { headers })
    expect([answer.status, await answer.json()]).toEqual([
      404,
      expect.objectContaining({ code: 'not-found', hint: expect.stringContaining('set PLATTE_FLEET_FILE') }),
    ])
    await running.stop()
  },
)

test('off, there is nothing', async () => {
  const running = await start({ ...file(), PLATTE_FLEET_TOKEN: token, PLATTE_FLEET: 'off' })
  const answer = await fetch(`${running.url}/fleet`, { headers })
  expect([answer.status, JSON.stringify(await answer.json())]).toEqual([404, expect.not.stringContaining('FLEET')])
  await running.stop()
})

test.each([
  ['PLATTE_FLEET=token needs PLATTE_FLEET_FILE and PLATTE_FLEET_TOKEN', { PLATTE_FLEET: 'token' }],
  ['PLATTE_FLEET_TOKEN needs at least 16 random characters', { PLATTE_FLEET_TOKEN: 'short' }],
  ['PLATTE_FLEET_TOKEN needs at least 16 random characters', { PLATTE_FLEET_TOKEN: 'sixteen and more, with spaces' }],
])('it does not start: %s', async (problem, more) => {
  await expect(start(more)).rejects.toThrow(problem)
})
