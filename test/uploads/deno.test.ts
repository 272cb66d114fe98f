/** Uploads over sockets of the real Deno, into a folder. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, vi } from 'vitest'
import { openStore } from '../../src/runtime/store.ts'
import { startDeno } from '../runtimes/start-deno.ts'
import { makeSceneStore } from '../scenes/fixture.ts'
import { sendOver } from '../scenes/send.ts'
import { httpSuite, type Target } from './http-suite.ts'

const partBytes = 1024 * 1024
const dir = await mkdtemp(join(tmpdir(), 'platte-uploads-'))
const { documents, packages } = await openStore({ kind: 'file', dir })
const { pin, timestampKey } = await makeSceneStore(documents, packages)
const child = startDeno('test/uploads/uploads.deno.ts', {
  permissions: ['--allow-net=127.0.0.1', `--allow-read=${dir}`, `--allow-write=${dir}`],
  args: [dir, pin, timestampKey, String(partBytes)],
})
let logged = ''
child.stdout?.on('data', (chunk) => {
  logged += chunk
})
let target: Target
beforeAll(async () => {
  const url = await vi.waitUntil(() => /"url":"([^"]+)"/.exec(logged)?.[1], { timeout: 120_000 })
  target = { send: sendOver(url), partBytes, isDirect: false, logs: () => logged }
})
afterAll(async () => {
  child.kill()
  await once(child, 'exit')
  await rm(dir, { recursive: true })
})

httpSuite('Deno', () => target)
