/** Gates of reboot locks on Workers, inside the real workerd: groups of the bucket, and groups that an object keeps. */
import { resolve } from 'node:path'
import type { R2Bucket } from '@cloudflare/workers-types'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestHarness } from 'wrangler'
import { systemClock } from '../../src/kernel/clock.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { moveGroup } from '../../src/locks/driver.ts'
import { createGroup } from '../../src/locks/edits.ts'
import type { Locking } from '../../src/locks/store.ts'
import { r2Documents } from '../../src/store/r2/r2.ts'
import { makeWorker } from '../bench/workerd.ts'
import { locksmith, zincati } from '../locks/clients.ts'
import { fillBucket } from '../runtimes/bucket.ts'
import { makeSceneStore, publicUrl } from '../scenes/fixture.ts'
import { type Answer, type Asked, openAsked, silence, status } from './asked.ts'

const root = resolve(import.meta.dirname, '../..')
const { publisher, pin } = await makeSceneStore()
let asked: Asked
let server: ReturnType<typeof createTestHarness>
let locking: Locking

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
const groups = Object.keys(gates).flatMap((name) => [name, `${name}.kept`])

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

beforeAll(async () => {
  asked = await openAsked((request, response, body) => {
    const [, name = ''] = /^\/gate\/(\w+)/.exec(request.url ?? '') ?? []
    const answer = gates[name]?.[0] ?? status(302, { location: '/gate/open' })
    answer(request, response, body)
  })
  const shared = {
    ...{ compatibility_date: '2026-10-01', send_metrics: false },
    r2_buckets: [{ binding: 'PLATTE_BUCKET', bucket_name: 'platte' }],
  }
  const settings = { PLATTE_ROOT: pin, PLATTE_PUBLIC_URL: publicUrl, PLATTE_LOCKS: 'on' }
  const vars = { ...settings, PLATTE_LOCK_GATES: JSON.stringify(listOf()) }
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
  const { PLATTE_BUCKET: bucket } = await server.getWorker<{ readonly PLATTE_BUCKET: R2Bucket }>('objects').getEnv()
  await fillBucket(bucket, publisher)
  locking = { documents: r2Documents(bucket), clock: systemClock, random: systemRandom }
  for (const group of [...groups, 'gone']) await createGroup(locking, group, 1, 'operator')
  for (const group of groups.filter((name) => name.endsWith('.kept'))) await moveGroup(locking, group, 'durable-object')
})
afterAll(async () => {
  await server.close()
  asked.close()
})

const asking = (name: string) => async (path: string, init?: RequestInit) => {
  const answer = await server.getWorker(name).fetch(`${publicUrl}${path}`, init as never)
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
