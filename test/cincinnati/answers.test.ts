/** `GET /v1/graph` over HTTP, as Zincati asks. */
import { beforeEach, describe, expect, test } from 'vitest'
import { newCatalogCache } from '../../src/catalog/cache.ts'
import type { Contact } from '../../src/checks/events.ts'
import { explain } from '../../src/checks/explain.ts'
import { graph } from '../../src/cincinnati/feature.ts'
import { openDialects } from '../../src/dialects/feature.ts'
import { readLine } from '../../src/fleet/lines.ts'
import { openProjection } from '../../src/fleet/projection.ts'
import { readFleet } from '../../src/fleet/reader.ts'
import { internalDetail } from '../../src/http/problem.ts'
import type { Image, Scheme } from '../../src/release/channel.ts'
import { createApp } from '../../src/runtime/app.ts'
import { answerSysupdate } from '../../src/sysupdate/answer.ts'
import { describeChannel, execute, holdRelease } from '../changes.ts'
import { appOf } from '../served.ts'
import { app, day, newReader, newStore, publishOne, type TestStore } from '../world.ts'

const hex = (digit: string): string => digit.repeat(64)
const oci = (digit: string): string => `quay.io/fedora/fedora-coreos@sha256:${hex(digit)}`
const [v1, v2, v3] = ['43.1.3.0', '44.2.3.0', '44.3.3.1'] as const
let store: TestStore
let contacts: Contact[]
beforeEach(async () => {
  store = await newStore({ format: 2 })
  contacts = []
})

const put = (version: string, image: Image, more = {}) =>
  publishOne(store, version, { board: 'x86_64', sources: [], image, ...more })

function serve(own?: string) {
  const served = createApp({
    cache: newCatalogCache(),
    reader: store.publisher,
    packages: store.publisher.packages,
    events: (event) => void contacts.push(event as Contact),
    publicUrl: 'https://updates.example.org',
    background: () => undefined,
    extensions: [graph],
    app: own,
  })
  return (query: string, init?: RequestInit) => served.request(`/v1/graph${query}`, init)
}

/** What Zincati sends: the order of its parameters is not fixed. */
const asked = (more: Record<string, string> = {}) =>
  `?${new URLSearchParams({
    ...{ basearch: 'x86_64', stream: 'stable', group: 'default', platform: 'metal' },
    ...{ node_uuid: '0a1b2c3d4e5f60718293a4b5c6d7e8f9', os_version: v1, os_checksum: hex('1') },
    ...more,
  })}`
const accept = { headers: { accept: 'application/json' } }
const problem = async (answer: Response) => [answer.status, await answer.json()]

const prefix = 'org.fedoraproject.coreos'
test('nodes, edges and metadata, always in the same bytes', async () => {
  await put(v1, { checksum: hex('1'), oci: oci('1') })
  await put(v2, { checksum: hex('2'), oci: oci('2') }, { floor: 'https://example.org/barrier' })
  await put(v3, { checksum: hex('3'), oci: oci('3') })
  await execute(store.publisher, 'dead-end', { app, channel: 'stable', version: v1, reason: 'https://example.org/end' })
  const get = serve()
  const answer = await get(asked(), accept)
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json'])
  expect(await answer.text()).toBe(
    JSON.stringify({
      nodes: [
        {
          version: v1,
          metadata: {
            [`${prefix}.releases.age_index`]: '0',
            [`${prefix}.scheme`]: 'checksum',
            [`${prefix}.updates.deadend`]: 'true',
            [`${prefix}.updates.deadend_reason`]: 'https://example.org/end',
          },
          payload: hex('1'),
        },
        {
          version: v2,
          metadata: {
            [`${prefix}.releases.age_index`]: '1',
            [`${prefix}.scheme`]: 'checksum',
            [`${prefix}.updates.barrier`]: 'true',
            [`${prefix}.updates.barrier_reason`]: 'https://example.org/barrier',
          },
          payload: hex('2'),
        },
        {
          version: v3,
          metadata: { [`${prefix}.releases.age_index`]: '2', [`${prefix}.scheme`]: 'checksum' },
          payload: hex('3'),
        },
      ],
      edges: [[1, 2]],
    }),
  )
  const images = JSON.parse(await (await get(asked({ oci: 'true' }), accept)).text())
  expect(images.nodes.map(({ payload }: { payload: string }) => payload)).toEqual([oci('1'), oci('2'), oci('3')])
  expect(images.nodes[0].metadata[`${prefix}.scheme`]).toBe('oci')
})

test('a tag, so that nothing is sent twice; only GET and HEAD', async () => {
  await put(v1, { checksum: hex('1') })
  const get = serve()
  const first = await get(asked())
  const etag = first.headers.get('etag') ?? ''
  expect(etag).toMatch(/^"[0-9a-f]{32}"$/)
  const again = await get(asked(), { headers: { 'if-none-match': etag } })
  expect([again.status, await again.text()]).toEqual([304, ''])
  const head = await get(asked(), { method: 'HEAD' })
  expect([head.status, head.headers.get('etag'), await head.text()]).toEqual([200, etag, ''])
  const post = await get(asked(), { method: 'POST' })
  expect([post.headers.get('allow'), await problem(post)]).toEqual([
    'GET, HEAD',
    [405, { kind: 'method_not_allowed', value: 'the graph is read with GET' }],
  ])
})

test.each<[string, Record<string, string>, unknown]>([
  ['no stream', { stream: '' }, [400, { kind: 'bad_request', value: 'missing stream' }]],
  ['no basearch', { basearch: '' }, [400, { kind: 'bad_request', value: 'missing basearch' }]],
  ['a long text', { group: 'x'.repeat(600) }, [400, { kind: 'bad_request', value: expect.stringContaining('512') }]],
  [
    'another stream',
    { stream: 'next' },
    [404, { kind: 'unknown_channel', value: expect.stringContaining('no channel') }],
  ],
  ['another board', { basearch: 'aarch64' }, [404, { kind: 'no_release_for_board', value: expect.any(String) }]],
  [
    'a board with packages',
    { basearch: 'amd64-usr' },
    [404, { kind: 'no_release_for_board', value: expect.any(String) }],
  ],
])('%s is refused in the form of Cincinnati', async (_, more, want) => {
  await put(v1, { checksum: hex('1') })
  await publishOne(store, v1)
  expect(await problem(await serve()(asked(more)))).toEqual(want)
})

test('an expired catalog offers nothing', async () => {
  await put(v1, { checksum: hex('1') })
  store.time.now += 60 * day
  expect(await problem(await serve()(asked()))).toMatchObject([503, { kind: 'catalog_expired' }])
  expect(contacts).toMatchObject([{ decision: 'no-update', reason: 'catalog-expired', channel: 'stable' }])
})

test('a defect is an error in the form of Cincinnati, without its words', async () => {
  await put(v1, { checksum: hex('1') })
  const get = serve()
  Object.assign(store.publisher, {
    clock() {
      throw new TypeError('secret')
    },
  })
  expect(await problem(await get(asked()))).toEqual([500, { kind: 'bad_document', value: internalDetail }])
})

describe('which channel', () => {
  const newest = async (more: Record<string, string>, own?: string) => {
    const answer = await serve(own)(asked(more))
    const { nodes, kind } = JSON.parse(await answer.text())
    return nodes?.at(-1)?.version ?? kind
  }
  beforeEach(async () => {
    await put(v1, { checksum: hex('1') })
    await put(v2, { checksum: hex('2') }, { channel: 'canary' })
  })

  test('is named by the stream, or by a group that is an alias', async () => {
    await describeChannel(store.publisher, { app, channel: 'canary' }, { aliases: ['workers', 'Fedora next'] })
    expect(await newest({})).toBe(v1)
    expect(await newest({ stream: 'canary' })).toBe(v2)
    expect(await newest({ stream: 'Fedora next' })).toBe(v2)
    expect(await newest({ group: 'workers' })).toBe(v2)
    expect(await newest({ group: '"workers"' })).toBe(v2)
    expect(await newest({ group: 'canary' })).toBe(v1)
    expect(contacts.map(({ channel }) => channel)).toEqual([
      'stable',
      'canary',
      'Fedora next',
      'workers',
      'workers',
      'stable',
    ])
  })

  test('is of the only app that has images there; of the own one, where several have', async () => {
    await publishOne(store, v3, { app: 'a.flatcar' })
    expect(await newest({})).toBe(v1)
    expect(await newest({}, 'a.flatcar')).toBe(v1)
    await put(v3, { checksum: hex('3') }, { app: 'z.derived' })
    expect(await newest({})).toBe('unknown_app')
    expect(await newest({}, 'z.derived')).toBe(v3)
    expect(await newest({}, app)).toBe(v1)
  })
})

test('the machine that asks is a contact: what it runs, and what it is offered', async () => {
  await put(v1, { checksum: hex('1') })
  await put(v2, { checksum: hex('2') })
  const get = serve()
  await get(asked())
  await get(asked({ oci: 'true' }))
  await holdRelease(store.publisher, { app, channel: 'stable' }, { version: v2, reason: 'boot loop' })
  store.time.now += day / 24
  await get(asked())
  const machine = { app, channel: 'stable', version: v1, board: 'x86_64', oem: 'metal', check: true, event: 'contact' }
  expect(contacts).toMatchObject([
    { ...machine, machine: '0a1b2c3d4e5f60718293a4b5c6d7e8f9', decision: 'update', offered: v2 },
    { ...machine, decision: 'no-update', reason: 'no-package' },
    { ...machine, decision: 'no-update', reason: 'held', because: 'boot loop' },
  ])
})

test('the fleet counts machines by their node_uuid, and sees them arrive', async () => {
  await put(v1, { checksum: hex('1') })
  await put(v2, { checksum: hex('2') })
  const get = serve()
  const fleet = openProjection(':memory:', { clock: () => store.time.now, keepMs: 30 * day })
  const statesOf = async (...machines: readonly Record<string, string>[]) => {
    contacts = []
    store.time.now += 300_000
    for (const one of machines) await get(asked(one))
    const time = new Date(store.time.now).toISOString()
    for (const contact of contacts) readLine(JSON.stringify({ time, ...contact }), fleet)
    fleet.flush()
    return readFleet(fleet.database)
      .tallies()
      .map(({ version, state, machines }) => [version, state, machines])
  }
  expect(await statesOf({}, { node_uuid: 'b' })).toEqual([[v1, 'offered', 2]])
  expect(await statesOf({ os_version: v2, os_checksum: hex('2') })).toEqual([
    [v2, 'up-to-date', 1],
    [v1, 'offered', 1],
  ])
  fleet.close()
})

test('explain answers as the graph does', async () => {
  await put(v1, { checksum: hex('1') })
  const half = [{ at: '2026-01-01T00:00:00Z', share: 0.5 }]
  await put(v2, { checksum: hex('2') }, { ramp: half })
  const asking = (more: object) =>
    explain(newReader(store), {
      query: { app, channel: 'stable', version: v1, board: 'x86_64', scheme: 'checksum', ...more },
      audience: 'operator',
    })
  expect(await asking({ wariness: 0.5 })).toMatchObject({ decision: 'update', offered: v2 })
  expect(await asking({ wariness: 0.51 })).toMatchObject({ reason: 'not-in-ramp', withheld: v2 })
  expect(await asking({ wariness: 0, scheme: 'oci' })).toMatchObject({ reason: 'no-package', withheld: v2 })
  expect(await asking({ wariness: 0, scheme: undefined })).toMatchObject({ decision: 'update', offered: v2 })
})

test('explain promises no release that has no image of the scheme', async () => {
  await put(v1, { checksum: hex('1'), oci: oci('1') })
  await put(v2, { checksum: hex('2'), oci: oci('2') }, { floor: 'https://example.org/barrier' })
  await put(v3, { checksum: hex('3') })
  const asking = (version: string, scheme: Scheme, more = {}) =>
    explain(newReader(store), {
      query: { app, channel: 'stable', version, board: 'x86_64', scheme, ...more },
      audience: 'operator',
    })
  expect(await asking(v1, 'checksum')).toMatchObject({ offered: v2, path: [v2, v3] })
  expect(await asking(v1, 'oci')).toMatchObject({ offered: v2, sentence: `update to ${v2}` })
  const later = [{ at: new Date(store.time.now + day).toISOString(), share: 1 }]
  await put('44.4.3.0', { checksum: hex('4') }, { ramp: later })
  expect((await asking(v3, 'checksum')).next).toMatchObject({ offered: '44.4.3.0' })
  expect((await asking(v3, 'oci')).next).toMatchObject({ decision: 'no-update', reason: 'no-package' })
})

test('clients that install files are offered nothing', async () => {
  for (const board of ['x86_64', 'any'])
    for (const [version, digit] of [
      [v1, '1'],
      [v2, '2'],
    ] as const)
      await put(version, { checksum: hex(digit) }, { board })
  const sysupdate = { name: 'sysupdate', fallback: answerSysupdate }
  const served = appOf(store.publisher, sysupdate, openDialects(store.publisher.random))
  const list = await served.request(`/sysupdate/${app}/stable/x86_64/running=${v1}/SHA256SUMS`)
  expect(await list.text()).toMatch(/^[0-9a-f]{64} {2}nothing-because\.no-package\n$/)
  const request = { protocol: '4.0', apps: [{ appid: app, version: v1, updatecheck: {} }] }
  const checked = await served.request('/service/update2/json', { method: 'POST', body: JSON.stringify({ request }) })
  expect(await checked.text()).toContain('"updatecheck":{"status":"noupdate","info":"no-package"}')
  const channels = await served.request('/_ah/api/update/v1/public/channels')
  expect(JSON.parse(await channels.text()).items ?? []).toEqual([])
})
