/**
 * The real locksmithd and locksmithctl of three generations, and requests of Zincati, on Node, Deno and workerd through a proxy
 * that drops one answer in six: never more than max hold a slot, everybody gets their turns, and nobody waits for itself.
 * Only where PLATTE_LOCKSMITH names the binaries: `.ci/locksmith run npm test -- test/locks/real.test.ts`.
 */
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { R2Bucket } from '@cloudflare/workers-types'
import { expect, test } from 'vitest'
import { createTestHarness } from 'wrangler'
import { lockKey } from '../../src/documents/paths.ts'
import { decodeLock, type Lock } from '../../src/locks/document.ts'
import { createGroup } from '../../src/locks/edits.ts'
import { readLock } from '../../src/locks/store.ts'
import { startServer } from '../../src/runtime/node.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import { makeStore, openStore } from '../../src/runtime/store.ts'
import { fillBucket } from '../runtimes/bucket.ts'
import { firstLine, startDeno } from '../runtimes/start-deno.ts'
import { makeSceneStore, publicUrl } from '../scenes/fixture.ts'
import { startLossyProxy } from './lossy-proxy.ts'
import { locksmithctl, locksmiths, type RealMachine, startLocksmithd, versions, zincati } from './real-machines.ts'

const [group, max, cycles] = ['workers', 2, 3]
const token = 'a-token-of-machines'
const locks = { PLATTE_LOCKS: 'on', PLATTE_LOCK_TOKENS: `lock:${token}` }

interface Server {
  readonly url: string
  read(): Promise<Lock>
}
type Ends = (() => unknown)[]
type Start = (folder: string, ends: Ends) => Promise<Server>

async function makeFolder(folder: string) {
  const dir = join(folder, 'store')
  await makeStore({ kind: 'file', dir })
  const { documents, packages } = await openStore({ kind: 'file', dir })
  const { publisher, pin } = await makeSceneStore(documents, packages)
  await createGroup(publisher, group, max, 'operator')
  const read = async () => (await readLock({ documents }, group))?.lock ?? expect.fail('the group is gone')
  return { publisher, read, dir, pin, env: { PLATTE_STORE: `file:${dir}`, PLATTE_ROOT: pin, PORT: '0', ...locks } }
}

const onNode: Start = async (folder, ends) => {
  const { publisher, read, env } = await makeFolder(folder)
  const { url, stop } = await startServer(readSettings(env, ['store', 'pin']), publisher)
  ends.push(stop)
  return { url, read }
}

const onDeno: Start = async (folder, ends) => {
  const { read, dir, env } = await makeFolder(folder)
  const child = startDeno('src/runtime/deno.ts', {
    permissions: ['--allow-env=PLATTE_*,PORT', '--allow-net=127.0.0.1', `--allow-read=${dir}`, `--allow-write=${dir}`],
    env: { ...env, DENO_DIR: join(folder, 'deno') },
  })
  ends.push(async () => {
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  })
  return { url: String((await firstLine(child)).url), read }
}

const onWorkerd: Start = async (folder, ends) => {
  const { publisher, pin } = await makeFolder(folder)
  const root = resolve(import.meta.dirname, '../..')
  const vars = { PLATTE_ROOT: pin, PLATTE_PUBLIC_URL: publicUrl, ...locks }
  const server = createTestHarness({ root, workers: [{ configPath: 'wrangler.toml', vars }] })
  const url = (await server.listen()).url.href
  ends.push(() => server.close())
  const { PLATTE_BUCKET } = await server.getWorker<{ readonly PLATTE_BUCKET: R2Bucket }>().getEnv()
  await fillBucket(PLATTE_BUCKET, publisher)
  const key = lockKey(group)
  const read = async () => {
    const stored = (await PLATTE_BUCKET.get(key)) ?? expect.fail('the group is gone')
    return decodeLock(key, new Uint8Array(await stored.arrayBuffer()))
  }
  return { url, read }
}

/** Each version with a name, as user or, where it has no users, in its path; one without; scripts; Zincati. */
async function startMachines(url: string, folder: string, ends: Ends): Promise<readonly RealMachine[]> {
  const proxy = await startLossyProxy(url, 6)
  const alone = await startLossyProxy(url, 7, '127.0.0.9')
  ends.push(proxy.close, alone.close)
  const at = (id: string) => ({ id, group, folder, endpoint: `${proxy.url}/lock/${token}/machine/${id}/` })
  const asUser = (id: string) => ({ ...at(id), endpoint: proxy.url, user: { name: id, password: token } })
  const whereOf = (id: string) => (id.endsWith('0.3') ? at(id) : asUser(id))
  const daemons = versions.map((version) => startLocksmithd(version, whereOf(`d-${version}`)))
  const nameless = { ...at('d-nameless'), endpoint: `${alone.url}/lock/${token}/` }
  const machines = [
    ...(await Promise.all([...daemons, startLocksmithd('flatcar-0.7.0', nameless)])),
    ...versions.map((version) => locksmithctl(version, whereOf(`c-${version}`))),
    ...['x', 'y'].map((id) => zincati({ ...at(id), endpoint: `${proxy.url}/lock/${token}/` })),
  ]
  ends.push(...machines.map(({ end }) => end), () => expect(proxy.dropped()).toBeGreaterThan(10))
  return machines
}

/** The most that held a slot at once, by what the group remembers. */
function mostOf({ history }: Lock): number {
  const held = new Set<string>()
  return Math.max(
    ...history.map(({ what, id = '' }) => {
      if (what === 'lock') held.add(id)
      if (what === 'unlock') held.delete(id)
      return held.size
    }),
  )
}

async function play(start: Start): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'platte-real-'))
  const ends: Ends = [() => rm(folder, { recursive: true, force: true })]
  try {
    const { url, read } = await start(folder, ends)
    const machines = await startMachines(url, folder, ends)
    const down = new Set<string>()
    const wrong: string[] = []
    const trace: string[] = []
    const isFree = async (id: string): Promise<boolean> => (await read()).holders?.every((one) => one.id !== id) ?? true
    await Promise.all(
      machines.map(async ({ id, reboot }) => {
        for (let cycle = 0; cycle < cycles; cycle++) {
          await reboot(async () => {
            down.add(id)
            if (down.size > max) wrong.push(`${[...down]} reboot at once`)
            if (await isFree(id)) wrong.push(`${id} reboots without a slot`)
            trace.push(`${new Date().toISOString().slice(14)} ${id} down ${cycle}`)
            await sleep(200)
            down.delete(id)
          })
          while (!(await isFree(id))) await sleep(100)
          trace.push(`${new Date().toISOString().slice(14)} ${id} free ${cycle}`)
        }
      }),
    )
    const after = await read()
    for (const { id } of after.holders ?? []) wrong.push(await readFile(join(folder, id, 'log'), 'utf8'), ...trace)
    expect({ wrong, holders: after.holders, history: after.holders?.length ? after.history : [] }).toEqual({
      wrong: [],
      holders: [],
      history: [],
    })
    expect(mostOf(after)).toBe(max)
    const took = after.history.filter(({ what }) => what === 'lock').map(({ id }) => id)
    expect(took.sort()).toEqual(machines.flatMap(({ id }) => Array(cycles).fill(id)).sort())
  } finally {
    for (const end of ends.reverse()) await end()
  }
}

const runtimes = Object.entries({ Node: onNode, Deno: onDeno, workerd: onWorkerd })
test.skipIf(locksmiths === '').concurrent.each(runtimes)('everybody reboots in turn on %s', (_, start) => play(start))
