/** Gates and hooks of reboot locks on Workers, and the page `/locks`, inside the real workerd: groups of the bucket, and groups that an object keeps. */
import { resolve } from 'node:path'
import type { R2Bucket } from '@cloudflare/workers-types'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createTestHarness } from 'wrangler'
import { systemClock } from '../../src/kernel/clock.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { objectDocuments } from '../../src/lock-objects/calls.ts'
import type { Objects } from '../../src/lock-objects/forward.ts'
import { moveGroup } from '../../src/locks/driver.ts'
import { createGroup } from '../../src/locks/edits.ts'
import { type Locking, readLock } from '../../src/locks/store.ts'
import { r2Documents } from '../../src/store/r2/r2.ts'
import { makeWorker } from '../bench/workerd.ts'
import { locksmith, zincati } from '../locks/clients.ts'
import { fillBucket } from '../runtimes/bucket.ts'
import { makeSceneStore, publicUrl } from '../scenes/fixture.ts'
import { type Answer, type Asked, openAsked, silence, status } from './asked.ts'
import { key, openReceiver, type Received, said } from './receiver.ts'

const root = resolve(import.meta.dirname, '../..')
const { publisher, pin } = await makeSceneStore()
let asked: Asked
let server: ReturnType<typeof createTestHarness>
let locking: Locking
let everywhere: Locking
let receiver: Received

const [machineToken, adminToken] = ['a-token-of-machines', 'a-token-of-an-operator']
const tokens = `lock:${machineToken},admin:alice=${adminToken}`

const doesNot = 'does not answer'
const vector = (...result: readonly object[]): Answer =>
  status(200, {}, JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }))

/** What the gate of each group answers, and how the reason for its machines ends; nothing where they get a slot. */
const gates: Readonly<Record<string, readonly [answer: Answer, reason?: string]>> = {
  open: [status(204)],
  shut: [status(503), 'is closed: it answers 503'],
  wrong: [status(500), doesNot],
  silent: [silence, doesNot],
  quiet: [vector()],
  alarmed: [vector({ metric: { alertname: 'NodeDown' }, value: [1, '1'] }), 'is closed: its query finds 1: NodeDown'],
}
/** Groups with a hook. */
const hooked = ['said', 'down', 'crowd', 'freed'].flatMap((name) => [name, `${name}.kept`])
const groups = [...Object.keys(gates).flatMap((name) => [name, `${name}.kept`]), ...hooked]

const isQuery = (name: string): boolean => ['quiet', 'alarmed'].includes(name)
const listOf = (): readonly object[] => [
  ...Object.keys(gates).map((name) => ({
    ...{ name, groups: [name, `${name}.kept`] },
    ...(isQuery(name)
      ? { prometheus: `${asked.url}/gate/${name}`, query: 'ALERTS' }
      : { url: `${asked.url}/gate/${name}` }),
  })),
  { name: 'gone', url: 'http://127.0.0.1:1/', groups: ['gone'] },
]

interface Env {
  readonly PLATTE_BUCKET: R2Bucket
  readonly PLATTE_LOCK_GROUPS: Objects
}

beforeAll(async () => {
  receiver = await openReceiver()
  asked = await openAsked((request, response, body) => {
    const [, name = ''] = /^\/gate\/(\w+)/.exec(request.url ?? '') ?? []
    const answer = gates[name]?.[0] ?? status(302, { location: '/gate/open' })
    answer(request, response, body)
  })
  const shared = {
    ...{ compatibility_date: '2026-10-01', send_metrics: false },
    r2_buckets: [{ binding: 'PLATTE_BUCKET', bucket_name: 'platte' }],
  }
  const settings = { PLATTE_ROOT: pin, PLATTE_PUBLIC_URL: publicUrl, PLATTE_LOCKS: 'on', PLATTE_LOCK_TOKENS: tokens }
  const hooks = [{ url: `${receiver.url}/hook`, groups: hooked }]
  const vars = {
    ...{ ...settings, PLATTE_LOCK_GATES: JSON.stringify(listOf()) },
    ...{ PLATTE_LOCK_HOOKS: JSON.stringify(hooks), PLATTE_LOCK_HOOKS_KEY: key },
  }
  const [full, objects] = ['worker-full', 'worker-objects'].map((name) => resolve(root, `src/runtime/${name}.ts`))
  server = createTestHarness({
    root,
    workers: [
      {
        config: {
          ...{ ...shared, name: 'objects', main: objects, vars },
          durable_objects: { bindings: [{ name: 'PLATTE_LOCK_GROUPS', class_name: 'LockGroup' }] },
          migrations: [{ tag: 'v1', new_sqlite_classes: ['LockGroup'] }],
        },
      },
      { config: { ...shared, name: 'full', main: full, vars } },
    ],
  })
  await server.listen()
  const { PLATTE_BUCKET: bucket, PLATTE_LOCK_GROUPS: kept } = await server.getWorker<Env>('objects').getEnv()
  await fillBucket(bucket, publisher)
  locking = { documents: r2Documents(bucket), clock: systemClock, random: systemRandom }
  everywhere = { ...locking, documents: objectDocuments(locking.documents, kept) }
  for (const group of [...groups, 'gone']) await createGroup(locking, group, 20, 'operator')
  for (const group of groups.filter((name) => name.endsWith('.kept'))) await moveGroup(locking, group, 'durable-object')
})
afterAll(async () => {
  await server.close()
  asked.close()
  receiver.close()
})

const asking = (name: string) => async (path: string, init?: RequestInit) => {
  const answer = await server.getWorker(name).fetch(`${publicUrl}/lock/${machineToken}${path}`, init as never)
  return new Response(await answer.arrayBuffer(), { status: answer.status })
}

async function reasonOf(name: string, group: string): Promise<string | undefined> {
  const answer = await asking(name)('/v1/pre-reboot', {
    ...{ method: 'POST', headers: { 'fleet-lock-protocol': 'true' } },
    body: JSON.stringify({ client_params: { id: 'a', group } }),
  })
  return answer.ok ? undefined : ((await answer.json()) as { readonly value: string }).value
}

describe.each([
  ['a group of the bucket', 'full', ''],
  ['a group that an object keeps', 'objects', '.kept'],
])('%s', (_, worker, suffix) => {
  test.each(Object.entries(gates))('a gate that is %s', async (name, [, reason]) => {
    const [group, before] = [name + suffix, asked.paths.length]
    expect(await reasonOf(worker, group)).toBe(reason && `gate ${name} ${reason}`)
    const paths = asked.paths.slice(before)
    expect(paths).toEqual([`/gate/${name}${isQuery(name) ? '/api/v1/query?query=ALERTS' : ''}`])
    // It is asked before a slot is given, and never to give one back.
    expect(await locksmith(asking(worker), group, 'a').unlock()).toBe('done')
    expect(asked.paths.length).toBe(before + 1)
  })
})

describe.each([
  ['a group of the bucket', 'full', ''],
  ['a group that an object keeps', 'objects', '.kept'],
])('the hook of %s', (_, worker, suffix) => {
  const outboxOf = async (group: string) => (await readLock(everywhere, group))?.lock.outbox
  const isEmpty = async (group: string) => expect(await outboxOf(group)).toMatchObject({ entries: [] })
  const waiting = { timeout: 120_000, interval: 500 }

  test('is called after a lock and after an unlock', async () => {
    const group = `said${suffix}`
    receiver.messages.length = 0
    expect(await locksmith(asking(worker), group, 'a').lock()).toBe('done')
    await vi.waitFor(() => isEmpty(group), waiting)
    expect(await zincati(asking(worker), group, 'a').unlock()).toBe('done')
    await vi.waitFor(() => isEmpty(group), waiting)
    expect(said(receiver)).toEqual(['a locked', 'a unlocked'])
    expect(receiver.messages[0]).toMatchObject({ text: `${group}: a may reboot`, data: { group, number: 1 } })
  })

  test('that was down is called by the schedule, which needs no timestamp key', async () => {
    const group = `down${suffix}`
    receiver.messages.length = 0
    receiver.take(500)
    expect(await zincati(asking(worker), group, 'a').lock()).toBe('done')
    await vi.waitFor(async () => expect(await outboxOf(group)).toMatchObject({ entries: [{ tries: 1 }] }), waiting)
    receiver.take()
    expect(said(receiver)).toEqual([])
    await vi.waitFor(async () => {
      await server.getWorker(worker).scheduled({ cron: '* * * * *', scheduledTime: new Date() })
      await isEmpty(group)
    }, waiting)
    expect(said(receiver)).toEqual(['a locked'])
  })

  test('hears each of 20 machines once that ask at the same time', async () => {
    const group = `crowd${suffix}`
    receiver.messages.length = 0
    const machines = Array.from({ length: 20 }, (_, i) => zincati(asking(worker), group, `m${i}`))
    await Promise.all(machines.map((one) => vi.waitFor(async () => expect(await one.lock()).toBe('done'), waiting)))
    await vi.waitFor(() => isEmpty(group), waiting)
    expect(new Set(said(receiver)).size).toBe(20)
    expect(receiver.messages).toHaveLength(20)
  })
})

describe.each([
  ['a group of the bucket', 'full', ''],
  ['a group that an object keeps', 'objects', '.kept'],
])('the page /locks and %s', (_, worker, suffix) => {
  const group = `freed${suffix}`
  const page = (path: string, headers: Record<string, string>, form?: Record<string, string>) =>
    server.getWorker(worker).fetch(`${publicUrl}${path}`, {
      ...{ redirect: 'manual', headers: { accept: 'text/html', ...headers } },
      ...(form && { method: 'POST', body: new URLSearchParams(form) }),
    } as never)
  const own = { 'sec-fetch-site': 'same-origin' }
  const holder = async () => (await readLock(everywhere, group))?.lock.holders?.[0]

  test('shows it to who signed in, and frees the slot that it showed, by its own form alone', async () => {
    receiver.messages.length = 0
    expect(await zincati(asking(worker), group, 'a').lock()).toBe('done')
    const { id = '', since = '' } = (await holder()) ?? {}
    const slot = { group, id, since }
    expect((await page('/locks', {})).status).toBe(401)
    expect((await page('/locks/unlock', own, slot)).status).toBe(401)
    const login = await page('/locks/login', own, { token: adminToken, to: '/locks' })
    expect([login.status, login.headers.get('location')]).toEqual([303, '/locks'])
    const cookie = login.headers.get('set-cookie')?.split(';')[0] ?? ''
    expect(await (await page('/locks', { cookie })).text()).toContain(`>${group}</a>`)
    expect(await (await page(`/locks/group?group=${group}`, { cookie })).text()).toContain('<code>a</code>')
    for (const site of ['cross-site', 'same-site', 'none'])
      expect((await page('/locks/unlock', { cookie, 'sec-fetch-site': site }, slot)).status).toBe(403)
    expect((await page('/locks/unlock', { cookie, ...own }, { ...slot, since: 'x' })).status).toBe(409)
    const machine = { authorization: `Bearer ${machineToken}`, ...own }
    expect((await page('/locks/unlock', machine, slot)).status).toBe(403)
    expect(await holder()).toMatchObject({ id: 'a' })
    expect((await page('/locks/unlock', { cookie, ...own }, slot)).status).toBe(303)
    const lock = (await readLock(everywhere, group))?.lock
    expect([lock?.holders, lock?.history.at(-1)]).toMatchObject([[], { what: 'unlock', via: 'operator', by: 'alice' }])
    await vi.waitFor(() => expect(said(receiver)).toEqual(['a locked', 'a freed']), { timeout: 120_000 })
  })
})

// Of what the simulator sends out, redirects are followed: this is the real workerd alone.
test('a redirect is not followed', async () => {
  const documents = publisher.documents
  const texts = { PLATTE_GATE: `${asked.url}/gate/elsewhere` }
  const worker = await makeWorker({ entry: '../lock-gates/asking.worker.ts', texts, documents, stdout: 'ignore' })
  const { port, stop } = await worker.start()
  try {
    const before = asked.paths.length
    const { reason, lines } = (await (await fetch(`http://127.0.0.1:${port}/`)).json()) as Record<string, unknown>
    expect([reason, asked.paths.slice(before)]).toEqual(['gate gate does not answer', ['/gate/elsewhere']])
    expect(lines).toMatchObject([{ problem: expect.stringContaining('redirects (302), which is not followed') }])
  } finally {
    await stop()
    await worker.close()
  }
})

test('nobody listens', async () => {
  expect(await reasonOf('full', 'gone')).toBe('gate gone does not answer')
  expect(await zincati(asking('full'), 'gone', 'a').lock()).toBe('again')
})
