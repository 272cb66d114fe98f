/** Proofs on every runtime and route: Node, Deno, workerd, and each door of the function on Lambda. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { R2Bucket } from '@cloudflare/workers-types'
import { build } from 'esbuild'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { createTestHarness } from 'wrangler'
import { startServer } from '../../src/runtime/node.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import { openStore } from '../../src/runtime/store.ts'
import { doorNames, sendThrough } from '../lambda/doors.ts'
import { useFunction } from '../lambda/function.ts'
import { startBucketStore } from '../lambda/store.ts'
import { fillBucket } from '../runtimes/bucket.ts'
import { firstLine, startDeno } from '../runtimes/start-deno.ts'
import { useCredentials } from '../s3/open.ts'
import { makeSceneStore, publicUrl } from '../scenes/fixture.ts'
import { sendOver } from '../scenes/send.ts'
import { cupKeys, listKeys, type Route, routeSuite } from './routes.ts'

const root = resolve(import.meta.dirname, '../..')

async function folderStore() {
  const dir = await mkdtemp(join(tmpdir(), 'platte-cup-'))
  const { documents, packages } = await openStore({ kind: 'file', dir })
  const store = await makeSceneStore(documents, packages)
  await listKeys(store)
  const env = { PLATTE_STORE: `file:${dir}`, PLATTE_ROOT: store.pin, PLATTE_PUBLIC_URL: publicUrl, PORT: '0' }
  return { dir, publisher: store.publisher, env: { ...env, PLATTE_CUP_KEYS: cupKeys } }
}

async function onNode(): Promise<Route> {
  const { dir, publisher, env } = await folderStore()
  const { url, stop } = await startServer(readSettings(env, ['store', 'pin']), publisher)
  return { send: sendOver(url), stop: () => stop().then(() => rm(dir, { recursive: true })) }
}

async function onDeno(): Promise<Route> {
  const { dir, env } = await folderStore()
  const permissions = ['--allow-env=PLATTE_*,PORT', '--allow-net=127.0.0.1', `--allow-read=${dir}`]
  const child = startDeno('src/runtime/deno.ts', { permissions, env: { ...env, DENO_DIR: join(dir, '.deno') } })
  const { url } = await firstLine(child)
  const stop = async () => {
    child.kill('SIGKILL')
    await rm(dir, { recursive: true })
  }
  return { send: sendOver(url), stop }
}

/** @param main the Worker's entry. @param more variables. */
async function onWorkerd(main: string, more: object = { PLATTE_CUP_KEYS: cupKeys }): Promise<Route> {
  const store = await makeSceneStore()
  await listKeys(store)
  const vars = { PLATTE_ROOT: store.pin, PLATTE_PUBLIC_URL: publicUrl, ...more }
  const buckets = { r2_buckets: [{ binding: 'PLATTE_BUCKET', bucket_name: 'platte' }] }
  const date = { compatibility_date: '2026-10-01', send_metrics: false }
  const config = { name: 'cup', main: resolve(root, 'src/runtime', main), vars, ...date, ...buckets }
  const server = createTestHarness({ root, workers: [{ config }] })
  const { url } = await server.listen()
  const { PLATTE_BUCKET } = await server.getWorker<{ readonly PLATTE_BUCKET: R2Bucket }>().getEnv()
  await fillBucket(PLATTE_BUCKET, store.publisher)
  return { send: sendOver(url.href), stop: () => server.close() }
}

routeSuite('Node', onNode)
routeSuite('Deno', onDeno)
routeSuite('workerd', () => onWorkerd('worker-full.ts'))

test.each(['worker.ts', 'worker-pages.ts'])('%s carries no proofs: who asks for one is refused', async (main) => {
  const { send, stop } = await onWorkerd(main, {})
  const body = new Uint8Array(Buffer.from('{}'))
  const answer = await send({ method: 'POST', path: '/v1/update/?cup2key=16:abc', headers: {}, body })
  expect([answer.status, Buffer.from(answer.body).toString()]).toEqual([
    400,
    expect.stringContaining('this server has no CUP keys'),
  ])
  await stop()
})

describe('Lambda', async () => {
  const { start } = useFunction()
  const store = await startBucketStore()
  await listKeys(store)
  useCredentials(store.s3)
  afterAll(async () => {
    vi.unstubAllEnvs()
    await store.s3.close()
  })
  const invoke = await start({ ...store.env, PLATTE_CUP_KEYS: cupKeys })
  for (const door of doorNames)
    routeSuite(door, async () => ({ send: sendThrough(door, invoke), stop: async () => {}, isFunction: true }))
})

test.each(['worker-full.ts', 'worker-objects.ts', 'lambda.ts', 'deno.ts', 'node.ts'])(
  '%s loads ML-DSA only when it is asked for',
  async (entry) => {
    const { metafile } = await build({
      ...{ entryPoints: [join(root, 'src/runtime', entry)], bundle: true, write: false, metafile: true },
      ...{ format: 'esm', platform: 'node', packages: 'external', external: ['cloudflare:*'], logLevel: 'silent' },
    })
    const reached = new Set<string>()
    const walk = (file: string): void => {
      if (reached.has(file)) return
      reached.add(file)
      for (const { path, kind } of metafile.inputs[file]?.imports ?? []) if (kind !== 'dynamic-import') walk(path)
    }
    walk(`src/runtime/${entry}`)
    expect(Object.keys(metafile.inputs)).toContain('src/cup/ml-dsa.ts')
    expect(reached.size).toBeGreaterThan(10)
    expect([...reached].filter((file) => /ml-dsa|post-quantum/.test(file))).toEqual([])
  },
)
