/** Bad input over real sockets against every server; Lambda's events are in test/lambda/requests.test.ts. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startServer } from '../../src/runtime/node.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import { openStore } from '../../src/runtime/store.ts'
import { makeWorker } from '../bench/workerd.ts'
import { memoryDocuments } from '../memory.ts'
import { makeSceneStore, publicUrl } from '../scenes/fixture.ts'
import { badInput, outcomesOf } from './bad-input.ts'
import { firstLine, startDeno } from './start-deno.ts'

interface Started {
  readonly url: string
  readonly stop: () => Promise<unknown>
}

async function folderStore() {
  const dir = await mkdtemp(join(tmpdir(), 'platte-bad-input-'))
  const { documents, packages } = await openStore({ kind: 'file', dir })
  const { publisher, pin } = await makeSceneStore(documents, packages)
  const env = { PLATTE_STORE: `file:${dir}`, PLATTE_ROOT: pin, PLATTE_PUBLIC_URL: publicUrl, PORT: '0' }
  return { dir, publisher, env }
}

async function onNode(): Promise<Started> {
  const { dir, publisher, env } = await folderStore()
  const { url, stop } = await startServer(readSettings(env, ['store', 'pin']), publisher)
  return { url, stop: () => stop().then(() => rm(dir, { recursive: true })) }
}

async function onDeno(): Promise<Started> {
  const { dir, env } = await folderStore()
  const permissions = ['--allow-env=PLATTE_*,PORT', '--allow-net=127.0.0.1', `--allow-read=${dir}`]
  const child = startDeno('src/runtime/deno.ts', { permissions, env: { ...env, DENO_DIR: join(dir, '.deno') } })
  const { url } = await firstLine(child)
  const stop = async () => {
    child.kill('SIGKILL')
    await rm(dir, { recursive: true })
  }
  return { url, stop }
}

async function onWorkerd(): Promise<Started> {
  const documents = memoryDocuments()
  const { pin } = await makeSceneStore(documents)
  const texts = { PLATTE_ROOT: pin, PLATTE_PUBLIC_URL: publicUrl }
  const worker = await makeWorker({ texts, documents, stdout: 'ignore' })
  const { port, stop } = await worker.start()
  return { url: `http://127.0.0.1:${port}`, stop: () => stop().then(worker.close) }
}

describe.each([
  ['Node', onNode],
  ['Deno', onDeno],
  ['workerd', onWorkerd],
])('%s', (_, start) => {
  let server: Started
  beforeAll(async () => {
    server = await start()
  })
  afterAll(() => server.stop())

  test.each(badInput)('$name', async (row) => {
    const outcomes = await outcomesOf(server.url, row)
    expect(row.want).toContain(outcomes[0])
    expect(outcomes).toHaveLength(1)
    const [ordinary] = badInput
    expect(await outcomesOf(server.url, ordinary ?? row)).toEqual([200])
  })
})
