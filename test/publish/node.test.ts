/** The publish function on Node: a real server over a folder. */
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { markKey } from '../../src/documents/paths.ts'
import { startServer } from '../../src/runtime/node.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import { openStore } from '../../src/runtime/store.ts'
import { day } from '../world.ts'
import { flowSuite } from './flow-suite.ts'
import { startIssuer } from './issuer.ts'
import { emptyStore } from './store.ts'

const dir = await mkdtemp(join(tmpdir(), 'platte-publish-'))
const issuer = await startIssuer()
const { documents, packages } = await openStore({ kind: 'file', dir })
const oldMark = markKey('a', Date.now() - 3 * day)
let server: Awaited<ReturnType<typeof startServer>>
beforeAll(async () => {
  await documents.create(oldMark, new Uint8Array(1))
  const { publisher, env } = await emptyStore(issuer, documents, packages)
  const settings = readSettings({ ...env, PLATTE_STORE: `file:${dir}`, PORT: '0' }, ['store', 'pin'])
  server = await startServer(settings, publisher)
})
afterAll(async () => {
  await server.stop()
  issuer.close()
  await rm(dir, { recursive: true })
})

flowSuite('on Node', () => ({ issuer, fetch: (path, init) => fetch(server.url + path, init) }))

test('the first scheduled run sweeps abandoned uploads', async () => {
  expect(await documents.get(oldMark, 1)).toBeUndefined()
})

test('a body that never comes is not waited for', async () => {
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  const answer = new Promise<string>((resolve, reject) => {
    socket.once('data', (chunk) => resolve(String(chunk)))
    socket.once('error', reject)
  })
  socket.write('POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{')
  expect(await answer).toMatch(/^HTTP\/1.1 401 /)
  socket.destroy()
})
