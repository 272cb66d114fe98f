/** The publish function on Node: a real server over a folder. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { startServer } from '../../src/runtime/node.ts'
import { openStore } from '../../src/runtime/store.ts'
import { newStore } from '../world.ts'
import { flowSuite } from './flow-suite.ts'
import { policyFor, startIssuer } from './issuer.ts'

const dir = await mkdtemp(join(tmpdir(), 'platte-publish-'))
const store = { kind: 'file', dir } as const
const issuer = await startIssuer()
let server: Awaited<ReturnType<typeof startServer>>
beforeAll(async () => {
  const { documents, packages, clock } = await openStore(store)
  const { publishing } = await newStore({ documents, packages })
  const { pin } = publishing
  const policy = { v: 1, ...policyFor(issuer) }
  const settings = { store, pin, host: '127.0.0.1', port: 0, publishPolicy: { text: JSON.stringify(policy) } }
  server = await startServer(settings, { ...publishing, clock })
})
afterAll(async () => {
  await server.stop()
  issuer.close()
  await rm(dir, { recursive: true })
})

flowSuite('on Node', () => ({ issuer, fetch: (path, init) => fetch(server.url + path, init) }))
