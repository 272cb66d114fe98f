/** The publish function on the real Deno, over a folder. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { openStore } from '../../src/runtime/store.ts'
import { firstLine, startDeno } from '../runtimes/start-deno.ts'
import { flowSuite } from './flow-suite.ts'
import { startIssuer } from './issuer.ts'
import { emptyStore } from './store.ts'

const dir = await mkdtemp(join(tmpdir(), 'platte-publish-'))
const issuer = await startIssuer()
const { documents, packages } = await openStore({ kind: 'file', dir })
const { env } = await emptyStore(issuer, documents, packages)
const child = startDeno('src/runtime/deno.ts', {
  permissions: [
    '--allow-env=PLATTE_*,PORT,RELEASE_JWK,TIMESTAMP_JWK',
    ...['--allow-net=127.0.0.1', `--allow-read=${dir}`, `--allow-write=${dir}`],
  ],
  env: { ...env, PLATTE_STORE: `file:${dir}`, PORT: '0' },
})
let url = ''
beforeAll(async () => {
  url = (await firstLine(child)).url
})
afterAll(async () => {
  child.kill()
  await once(child, 'exit')
  issuer.close()
  await rm(dir, { recursive: true })
})

flowSuite('on Deno', () => ({ issuer, fetch: (path, init) => fetch(url + path, init) }))
