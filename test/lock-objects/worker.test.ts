/** Groups of reboot locks in Durable Objects, inside the real workerd. */
import { resolve } from 'node:path'
import type { R2Bucket } from '@cloudflare/workers-types'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestHarness } from 'wrangler'
import { systemClock } from '../../src/kernel/clock.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { objectDocuments } from '../../src/lock-objects/calls.ts'
import type { Objects } from '../../src/lock-objects/forward.ts'
import { moveGroup, placeOf } from '../../src/locks/driver.ts'
import { configureGroup, createGroup, lockMachine, setMax, unlockMachine } from '../../src/locks/edits.ts'
import { allGroups, type Locking, readLock, readStored } from '../../src/locks/store.ts'
import { r2Documents } from '../../src/store/r2/r2.ts'
import { type Ask, locksmith, zincati } from '../locks/clients.ts'
import { fillBucket } from '../runtimes/bucket.ts'
import { makeSceneStore, publicUrl } from '../scenes/fixture.ts'
import { minute, refusal } from '../world.ts'

const root = resolve(import.meta.dirname, '../..')
const { publisher, pin } = await makeSceneStore()
const shared = {
  ...{ compatibility_date: '2026-10-01', send_metrics: false },
  r2_buckets: [{ binding: 'PLATTE_BUCKET', bucket_name: 'platte' }],
  vars: { PLATTE_ROOT: pin, PLATTE_PUBLIC_URL: publicUrl, PLATTE_LOCKS: 'on' },
}

const server = createTestHarness({
  root,
  workers: [
    {
      config: {
        ...{ ...shared, name: 'objects', main: resolve(import.meta.dirname, 'objects.worker.ts') },
        durable_objects: { bindings: [{ name: 'PLATTE_LOCK_GROUPS', class_name: 'LockGroup' }] },
        migrations: [{ tag: 'v1', new_sqlite_classes: ['LockGroup'] }],
      },
    },
    { config: { ...shared, name: 'unbound', main: resolve(root, 'src/runtime/worker-objects.ts') } },
    { config: { ...shared, name: 'full', main: resolve(root, 'src/runtime/worker-full.ts') } },
  ],
})

interface Env {
  readonly PLATTE_BUCKET: R2Bucket
  readonly PLATTE_LOCK_GROUPS: Objects
}

/** Over the bucket alone, as any other server; and with the objects. */
let [bucket, both]: readonly Locking[] = []
const locking = (): Locking => bucket ?? expect.fail()
const withObjects = (): Locking => both ?? expect.fail()

async function open(): Promise<void> {
  const env = await server.getWorker<Env>('objects').getEnv()
  const documents = r2Documents(env.PLATTE_BUCKET)
  await fillBucket(env.PLATTE_BUCKET, publisher)
  bucket = { documents, clock: systemClock, random: systemRandom }
  both = { ...bucket, documents: objectDocuments(documents, env.PLATTE_LOCK_GROUPS) }
}

beforeAll(async () => {
  await server.listen()
  await open()
})
afterAll(() => server.close())

const asking =
  (name: string, headers: Record<string, string> = {}): Ask =>
  async (path, init) => {
    const { fetch } = server.getWorker(name)
    const answer = await fetch(`${publicUrl}${path}`, { ...init, headers: { ...init?.headers, ...headers } } as never)
    return new Response(await answer.arrayBuffer(), { status: answer.status })
  }
const ask = asking('objects')

/** A group that an object keeps. */
async function groupOf(name: string, max: number): Promise<string> {
  await createGroup(locking(), name, max, 'operator')
  await moveGroup(locking(), name, 'durable-object')
  return name
}
const holders = async (group: string) =>
  ((await readLock(withObjects(), group))?.lock.holders ?? []).map(({ id }) => id)
const range = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i)

test('the suite of reboot locks inside workerd', async () => {
  expect(await (await server.getWorker('objects').fetch(`${publicUrl}/suite`)).json()).toEqual([])
})

describe('machines at once', () => {
  test('200 of them get 200 slots, each with its first request', async () => {
    const group = await groupOf('hundreds', 200)
    const tried = await Promise.all(range(200).map((i) => zincati(ask, group, `m${i}`).lock()))
    expect(tried.filter((one) => one !== 'done')).toEqual([])
    expect(await holders(group)).toHaveLength(200)
    const { lock } = (await readLock(withObjects(), group)) ?? expect.fail()
    expect(lock.rev - lock.created).toBe(200)
  })

  test.each([
    ['zincati', zincati],
    ['locksmith', locksmith],
  ])('exactly as many as there are slots: %s', async (name, client) => {
    const group = await groupOf(`few-${name}`, 5)
    let granted = 0
    for (let round = 0; round < 8; round++)
      for (const tried of await Promise.all(range(30).map((i) => client(ask, group, `r${round}m${i}`).lock())))
        granted += tried === 'done' ? 1 : 0
    expect(granted).toBe(5)
    expect(await holders(group)).toHaveLength(5)
  })
})

test('a restart of workerd keeps the group', async () => {
  const group = await groupOf('restarted', 2)
  expect(await zincati(ask, group, 'a').lock()).toBe('done')
  await server.update((options) => ({ ...options }))
  await open()
  expect(await holders(group)).toEqual(['a'])
  for (const [id, outcome] of Object.entries({ b: 'done', c: 'again', a: 'done' }))
    expect(await zincati(ask, group, id).lock()).toBe(outcome)
})

test('soaks run by the clock of the object', async () => {
  const group = await groupOf('soaking', 1)
  await configureGroup(withObjects(), group, () => ({ max: 1, policy: { soak: 'PT30M' } }))
  const start = systemClock()
  const at = (minutes: number) => asking('objects', { 'x-test-now': String(start + minutes * minute) })
  expect(await zincati(at(1), group, 'a').lock()).toBe('done')
  expect(await zincati(at(2), group, 'a').unlock()).toBe('done')
  for (let minutes = 7; minutes < 32; minutes += 5) expect(await zincati(at(minutes), group, 'b').lock()).toBe('again')
  expect(await zincati(at(33), group, 'b').lock()).toBe('done')
})

describe('a server without the driver', () => {
  test.each(['unbound', 'full'])('%s refuses the group, before and after an object took it over', async (name) => {
    const group = await groupOf(`refused-${name}`, 1)
    for (const _ of ['before', 'after']) {
      const body = JSON.stringify({ client_params: { id: 'a', group } })
      const init = { method: 'POST', headers: { 'fleet-lock-protocol': 'true' }, body }
      const answer = await asking(name)('/v1/pre-reboot', init)
      expect([answer.status, await answer.json()]).toEqual([
        400,
        { kind: 'other_driver', value: expect.stringContaining(`platte lock driver bucket --group ${group}`) },
      ])
      expect(await locksmith(asking(name), group, 'a').lock()).toBe('again')
      expect(await zincati(ask, group, 'b').lock()).toBe('done')
    }
    expect(await holders(group)).toEqual(['b'])
  })

  test('Node over the same bucket does, too', async () => {
    const group = await groupOf('refused-node', 1)
    expect(await zincati(ask, group, 'a').lock()).toBe('done')
    const work = lockMachine(locking(), group, { id: 'b', via: 'fleet-lock' })
    expect(await refusal(work)).toMatch(/^refused: group refused-node is kept in a Durable Object/)
    expect((await allGroups(locking())).elsewhere).toContain(group)
  })
})

test('a group that an object lost gives no slot, and the reason is in the log', async () => {
  const group = await groupOf('lost', 1)
  const { found, token = '' } = (await readStored(locking(), group)) ?? {}
  const { lock: _, ...stub } = found?.type === 'lock-stub' ? found : expect.fail()
  await locking().documents.swap(`locks/${group}.json`, new TextEncoder().encode(JSON.stringify(stub)), token)
  server.clearLogs()
  expect(await zincati(ask, group, 'a').lock()).toBe('again')
  expect(await locksmith(ask, group, 'a').lock()).toBe('again')
  expect(server.getLogs().map(({ message }) => message)).toContainEqual(
    expect.stringContaining('the Durable Object of group lost lost its document'),
  )
})

function again(error: unknown): 'again' {
  if (error instanceof PlatteError && error.code === 'conflict') return 'again'
  throw error
}

test('while a group moves to and fro, never more than max hold a slot, and nobody loses one', async () => {
  const [group, max] = ['moving', 2]
  await createGroup(locking(), group, max, 'operator')
  const holding = new Set<string>()
  const wrong: string[] = []
  let isOver = false
  const until = async (attempt: () => Promise<string>): Promise<void> => {
    while ((await attempt()) !== 'done') await new Promise((resolve) => setTimeout(resolve, 250))
  }
  const machine = async (id: string, client: typeof zincati): Promise<number> => {
    let turns = 0
    for (; !isOver; turns++) {
      await until(client(ask, group, id).lock)
      holding.add(id)
      if (holding.size > max) wrong.push(`${[...holding]} reboot at once`)
      await new Promise((resolve) => setTimeout(resolve, 50))
      holding.delete(id)
      await until(client(ask, group, id).unlock)
    }
    return turns
  }
  const operator = async (): Promise<void> => {
    for (const driver of ['durable-object', 'bucket'] as const) {
      await new Promise((resolve) => setTimeout(resolve, 300))
      const move = () => moveGroup(locking(), group, driver)
      // The bucket has races, and machines win some.
      await until(() => move().then(() => 'done', again))
      await until(async () => ((await placeOf(locking(), group)).state === 'kept' ? 'done' : 'again'))
      expect((await placeOf(locking(), group)).driver).toBe(driver)
    }
    isOver = true
  }
  const [, ...turns] = await Promise.all([
    operator(),
    ...range(2).map((i) => machine(`z${i}`, zincati)),
    ...range(1).map((i) => machine(`l${i}`, locksmith)),
  ])
  expect(wrong).toEqual([])
  expect(turns.every((one) => one > 0)).toBe(true)
  expect((await readLock(locking(), group))?.lock.holders).toEqual([])
})

test('operators see, change and bring back a group with requests to the Worker', async () => {
  const group = await groupOf('asked', 1)
  expect(await zincati(ask, group, 'a').lock()).toBe('done')
  const path = `/v2/keys/coreos.com/updateengine/rebootlock/groups/${group}/semaphore`
  const status = async () =>
    ((await (await ask(path)).json()) as { node: { value: string; modifiedIndex: number } }).node
  const { value, modifiedIndex } = await status()
  expect(JSON.parse(value)).toEqual({ semaphore: 0, max: 1, holders: ['a'] })
  const body = new URLSearchParams({ value: JSON.stringify({ semaphore: 1, max: 2, holders: ['a'] }) }).toString()
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  expect((await ask(`${path}?prevIndex=${modifiedIndex}`, { method: 'PUT', body, headers })).status).toBe(200)
  expect(await zincati(ask, group, 'a').unlock()).toBe('done')
  await moveGroup(locking(), group, 'bucket')
  expect(JSON.parse((await status()).value)).toEqual({ semaphore: 2, max: 2, holders: [] })
  expect(await placeOf(locking(), group)).toEqual({ driver: 'bucket', state: 'kept' })
  expect((await readLock(locking(), group))?.lock.max).toBe(2)
})

test('operators change a group through its object', async () => {
  const group = await groupOf('operated', 1)
  expect(await zincati(ask, group, 'a').lock()).toBe('done')
  await setMax(withObjects(), group, 2)
  expect(await zincati(ask, group, 'b').lock()).toBe('done')
  expect((await unlockMachine(withObjects(), group, { id: 'a', via: 'operator' })).result).toBe('unlocked')
  expect(await holders(group)).toEqual(['b'])
})
