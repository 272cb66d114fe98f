/** A channel without room, at the publish function: the same refusal for a plan, an upload and a publish. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { commitChannel } from '../../src/catalog/commit-channel.ts'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { startServer } from '../../src/runtime/node.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import { openStore } from '../../src/runtime/store.ts'
import { payloadText } from '../payloads.ts'
import { realisticReleases } from '../service/realistic.ts'
import { announced } from '../uploads/scene.ts'
import { app } from '../world.ts'
import { startIssuer } from './issuer.ts'
import { emptyStore } from './store.ts'

const dir = await mkdtemp(join(tmpdir(), 'platte-full-'))
const issuer = await startIssuer()
const { documents, packages } = await openStore({ kind: 'file', dir })
let server: Awaited<ReturnType<typeof startServer>>
beforeAll(async () => {
  const { publisher, env } = await emptyStore(issuer, documents, packages)
  const cves = Array.from({ length: 700 }, (_, i) => `CVE-2026-${10_000 + i}`)
  const releases = realisticReleases(68).map((one, i) => (i === 0 ? { ...one, cves } : one))
  await commitChannel(publisher, { app, channel: 'stable' }, (current) => ({ ...current, releases: [...releases] }))
  await refresh(publisher)
  const settings = readSettings({ ...env, PLATTE_STORE: `file:${dir}`, PORT: '0' }, ['store', 'pin'])
  server = await startServer(settings, publisher)
})
afterAll(async () => {
  await server.stop()
  issuer.close()
  await rm(dir, { recursive: true })
})

const file = announced({ name: 'update.gz', bytes: new TextEncoder().encode(payloadText()) })
const release = { app, channel: 'stable', version: '20000', board: 'amd64-usr', packages: [file] }

test.each([
  ['a plan', '/v1/publish', { ...release, dryRun: true }],
  ['an upload', '/v1/uploads', release],
  ['a publish', '/v1/publish', release],
])('%s is refused with channel, size, limit and cure', async (_, path, body) => {
  const headers = { authorization: `Bearer ${await issuer.token()}`, 'content-type': 'application/json' }
  const response = await fetch(server.url + path, { method: 'POST', headers, body: JSON.stringify(body) })
  expect(response.status).toBe(403)
  expect(await response.json()).toMatchObject({
    code: 'refused',
    detail: expect.stringMatching(/\/stable: its manifest would have \d+ bytes; the limit is 983040 /),
    hint: expect.stringContaining('platte prune --channel stable'),
  })
})

test('a brake is taken', async () => {
  const headers = { authorization: `Bearer ${await issuer.token()}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ app, channel: 'stable', version: '5000.2.0', reason: 'boot loop' })
  const response = await fetch(`${server.url}/v1/withdraw`, { method: 'POST', headers, body })
  expect(await response.json()).toMatchObject({ kind: 'changed', inForce: true, warnings: [expect.any(String)] })
})
