/**
 * The real locksmithctl and requests of Zincati, through a proxy that drops one answer in six: never more than max hold a slot,
 * everybody gets a turn, and nobody waits for itself. Only where PLATTE_LOCKSMITHCTL names the binary:
 * `.ci/locksmith run npm test -- test/locks/proxy.test.ts`.
 */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createGroup } from '../../src/locks/edits.ts'
import { readLock } from '../../src/locks/store.ts'
import { startServer } from '../../src/runtime/node.ts'
import type { Running } from '../../src/runtime/server.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import { openStore } from '../../src/runtime/store.ts'
import { makeSceneStore } from '../scenes/fixture.ts'
import { seeded } from '../world.ts'

const binary = process.env.PLATTE_LOCKSMITHCTL ?? ''
const token = 'a-token-of-machines'
const [group, max, cycles] = ['workers', 2, 3]
let running: Running
let dir: string
let proxy: { readonly url: string; readonly dropped: () => number; close(): void }
let documents: Awaited<ReturnType<typeof openStore>>['documents']

/** Passes requests on, and drops one answer in six: the client sees a connection that ends. */
async function startProxy(target: string) {
  const random = seeded(6)
  const port = Number(new URL(target).port)
  let dropped = 0
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    client.pipe(upstream)
    upstream.on('data', (bytes) => {
      if (random() >= 1 / 6) client.write(bytes)
      else {
        dropped += 1
        client.destroy()
        upstream.destroy()
      }
    })
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('close', () => other.destroy())
      one.on('error', () => other.destroy())
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  return { url, dropped: () => dropped, close: () => server.close() }
}

beforeAll(async () => {
  if (binary === '') return
  dir = await mkdtemp(join(tmpdir(), 'platte-proxy-'))
  const opened = await openStore({ kind: 'file', dir })
  documents = opened.documents
  const { publisher, pin } = await makeSceneStore(opened.documents, opened.packages)
  await createGroup(publisher, group, max, 'operator')
  const env = { PLATTE_STORE: `file:${dir}`, PLATTE_ROOT: pin, PORT: '0', PLATTE_LOCKS: 'on' }
  running = await startServer(
    readSettings({ ...env, PLATTE_LOCK_TOKENS: `lock:${token}` }, ['store', 'pin']),
    publisher,
  )
  proxy = await startProxy(running.url)
})
afterAll(async () => {
  if (binary === '') return
  proxy.close()
  await running.stop()
  await rm(dir, { recursive: true })
})

/** @returns what it printed to stderr; empty where it succeeded. */
const locksmithctl = (id: string, command: 'lock' | 'unlock'): Promise<string> =>
  new Promise((resolve) => {
    const access = ['-etcd-username', id, '-etcd-password', token]
    const args = ['-endpoint', proxy.url, ...access, '-group', group, command, id]
    execFile(binary, args, { timeout: 60_000 }, (error, _, stderr) => resolve(error ? stderr || String(error) : ''))
  })

async function zincati(id: string, path: 'pre-reboot' | 'steady-state'): Promise<boolean> {
  const body = JSON.stringify({ client_params: { id, group } })
  const init = { method: 'POST', headers: { 'fleet-lock-protocol': 'true' }, body }
  const answer = await fetch(`${proxy.url}/lock/${token}/v1/${path}`, init).catch(() => undefined)
  return answer?.status === 200
}

const machines = [
  ...['a', 'b', 'c', 'd'].map((id) => ({
    id,
    lock: async () => /^$|holder exists/.test(await locksmithctl(id, 'lock')),
    unlock: async () => /^$|holder does not exist/.test(await locksmithctl(id, 'unlock')),
  })),
  ...['x', 'y'].map((id) => ({
    id,
    lock: () => zincati(id, 'pre-reboot'),
    unlock: () => zincati(id, 'steady-state'),
  })),
]

test.skipIf(binary === '')('everybody reboots in turn, and nobody waits for itself', { timeout: 300_000 }, async () => {
  const holding = new Set<string>()
  const wrong: string[] = []
  const until = async (id: string, attempt: () => Promise<boolean>): Promise<void> => {
    for (let i = 0; i < 500; i++) {
      if (await attempt()) return
      const { lock } = (await readLock({ documents }, group)) ?? expect.fail('the group is gone')
      if ((lock.holders?.length ?? 0) > lock.max) wrong.push(`${lock.holders?.length} hold ${lock.max} slots`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    throw new Error(`${id} never had its turn`)
  }
  await Promise.all(
    machines.map(async ({ id, lock, unlock }) => {
      for (let cycle = 0; cycle < cycles; cycle++) {
        await until(id, lock)
        holding.add(id)
        if (holding.size > max) wrong.push(`${[...holding]} reboot at once`)
        await new Promise((resolve) => setTimeout(resolve, 30))
        holding.delete(id)
        await until(id, unlock)
      }
    }),
  )
  expect(wrong).toEqual([])
  expect(proxy.dropped()).toBeGreaterThan(10)
  expect((await readLock({ documents }, group))?.lock.holders).toEqual([])
})
