/** What each app of each request leaves for the log and the sinks: one contact, with what it asked, got and reported. */
import { beforeEach, describe, expect, test } from 'vitest'
import { newCatalogCache } from '../../src/catalog/cache.ts'
import type { Extension } from '../../src/checks/serving.ts'
import type { LogEntry } from '../../src/kernel/log.ts'
import { createApp } from '../../src/runtime/app.ts'
import { sitePages } from '../../src/site/feature.ts'
import { bodyOf, syncerBody } from '../protocol/samples.ts'
import { app, newStore, publishOne } from '../world.ts'

const store = await newStore()
await publishOne(store, '4081.2.0', { channel: 'beta' })
await publishOne(store, '4152.2.0', { channel: 'stable' })
await publishOne(store, '4152.2.0', { channel: 'floored' })
const { publisher } = store
const events: LogEntry[] = []
beforeEach(() => {
  events.length = 0
  store.log.length = 0
})

const served = (extensions: readonly Extension[] = []) =>
  createApp({
    ...{ cache: newCatalogCache(), reader: publisher, packages: publisher.packages, extensions },
    ...{ publicUrl: 'https://updates.example.org', background: () => undefined, app },
    events: (event) => void events.push(event),
  })
const endpoint = served()

async function contactsOf(body: string | Uint8Array<ArrayBuffer>, path = '/v1/update/', headers = {}) {
  const answer = await endpoint.request(path, { method: 'POST', body, headers })
  return { status: answer.status, text: await answer.text(), contacts: [...events] }
}

/** Of the recorded requests of update_engine. */
const machine = {
  ...{ level: 'info', event: 'contact', app, channel: 'beta', version: '4081.2.0', board: 'amd64-usr' },
  ...{ machine: '0123456789abcdef0123456789abcdef', machinealias: 'web-1', oem: 'ami', oemVersion: '2.0.1' },
  ...{ source: 'scheduler', requestId: expect.any(String) },
}
const upToDate = { ping: true, check: true, decision: 'no-update', reason: 'up-to-date' }
const defined = (entry: object = {}) => JSON.parse(JSON.stringify(entry))

describe('update_engine', () => {
  test.each<[string, string, object]>([
    ['a check: its empty event is no news', 'updatecheck-scheduled-steady-state', { ...machine, ...upToDate }],
    ['waiting for its reboot: a ping', 'ping-only-need-reboot', { ...machine, ping: true }],
    [
      'after its reboot',
      'updatecheck-postreboot',
      {
        ...{ ...machine, ...upToDate, version: '4152.2.0', source: 'ondemandupdate' },
        reported: [{ type: 3, result: 2, previous: '4081.2.0' }],
      },
    ],
    [
      'a download that began',
      'full-update-02',
      { ...machine, source: 'ondemandupdate', reported: [{ type: 13, result: 1 }] },
    ],
  ])('%s', async (_, sample, want) => {
    const { status, contacts } = await contactsOf(bodyOf(sample))
    expect([status, contacts.map(defined)]).toEqual([200, [want]])
  })
})

const withApps = (...apps: readonly string[]): string => `<request protocol="3.0">${apps.join('')}</request>`
const oneApp = (inside: string, attributes = ''): string =>
  `<app appid="{${app}}" version="1" track="stable" board="amd64-usr" machineid="m"${attributes}>${inside}</app>`
const reboot = '<event eventtype="3" eventresult="2"/>'
const nothingBefore = '<event eventtype="3" eventresult="2" previousversion=""/>'
const other = {
  ...{ level: 'info', event: 'contact', app, channel: 'stable', version: '1', board: 'amd64-usr', machine: 'm' },
  ...{ oem: '', source: '', requestId: expect.any(String) },
}
const offered = { check: true, decision: 'update', offered: '4152.2.0' }

test.each<[string, string, object]>([
  ['an offer', '<updatecheck/>', offered],
  ['the PXE stub, which only sends an empty event', nothingBefore, {}],
  ['nothing at all', '', {}],
  ["Nebraska's updater, which reports its reboot alone", reboot, { reported: [{ type: 3, result: 2 }] }],
  ['go-omaha, which says so with every check', `<ping/><updatecheck/>${reboot}`, { ping: true, ...offered }],
  [
    'a failure beside a check, with number and name',
    '<updatecheck/><event eventtype="3" eventresult="0" errorcode="268435500" previousversion=""/>',
    {
      ...{ check: true, decision: 'no-update', reason: 'fell-back' },
      reported: [{ type: 3, result: 0, error: '44 rollback' }],
    },
  ],
  [
    'what cannot be used of it',
    '<event eventtype="x" eventresult="1"/>',
    { problem: 'event 1 was dropped: eventtype is "x"' },
  ],
])('one line for %s', async (_, inside, want) => {
  const { status, contacts } = await contactsOf(withApps(oneApp(inside)))
  expect([status, contacts.map(defined)]).toEqual([200, [{ ...other, ...want }]])
})

test.each(['syncer-multi', 'syncer-legacy'])('%s is marked', async (sample) => {
  const { contacts } = await contactsOf(syncerBody(sample))
  expect(contacts).toEqual([
    expect.objectContaining({ event: 'contact', syncer: true, check: true, decision: 'update' }),
  ])
})

describe('bounds', () => {
  test('of 256 apps, 64 are logged, one line counts the rest, and all are answered', async () => {
    const apps = Array.from({ length: 256 }, (_, i) => `<app appid="a${i}"><updatecheck/></app>`)
    const { status, text, contacts } = await contactsOf(withApps(...apps))
    expect([status, text.match(/<app appid="a\d+"/g)?.length]).toEqual([200, 256])
    expect(contacts.slice(0, 64).map((contact) => contact.app)).toEqual(Array.from({ length: 64 }, (_, i) => `a${i}`))
    const requestId = contacts[0]?.requestId
    expect(contacts.slice(64)).toEqual([{ level: 'warn', event: 'contact', leftOut: 192, requestId }])
  })

  test('64 apps are 64 log lines', async () => {
    const apps = Array.from({ length: 64 }, () => oneApp('<ping/>'))
    expect((await contactsOf(withApps(...apps))).contacts).toHaveLength(64)
  })

  test('of many events, the last 8 are listed and the rest counted', async () => {
    const all = Array.from({ length: 64 }, (_, i) => `<event eventtype="${i + 100}" eventresult="1"/>`).join('')
    const { text, contacts } = await contactsOf(withApps(oneApp(all)))
    expect(text.match(/<event status="ok"\/>/g)).toHaveLength(64)
    const reported = Array.from({ length: 8 }, (_, i) => ({ type: i + 156, result: 1 }))
    expect(contacts).toMatchObject([{ reported, dropped: 56 }])
  })

  test('texts are truncated, for any number of them', async () => {
    const long = 'x'.repeat(900)
    const names = ['oem', 'oemversion', 'machinealias', 'bootid'].map((name) => ` ${name}="${long}"`).join('')
    const event = `<event eventtype="54" eventresult="1" previousversion="${long}"/>`
    const bad = '<event eventtype="y" eventresult="1"/>'.repeat(20)
    const body = `<request protocol="3.0" installsource="${long}"><app appid="${long}" version="${long}" track="${long}" board="${long}" machineid="${long}"${names}>${event.repeat(20)}${bad}</app></request>`
    const { contacts } = await contactsOf(body)
    expect(JSON.stringify(contacts).length).toBeLessThan(2_000)
    expect(contacts).toMatchObject([{ machine: `${'x'.repeat(63)}…`, problem: expect.stringMatching(/^.{199}…$/) }])
  })
})

describe('a request that is refused', () => {
  const sender = { path: '/v1/update/', agent: 'curl/8.5.0', requestId: expect.any(String) }
  const headers = { 'user-agent': 'curl/8.5.0' }
  const many = withApps(...oneApp(''), '<app/>'.repeat(256))
  const who = { app, channel: 'stable', version: '1', machine: 'm' }

  test.each<[string, string | Uint8Array<ArrayBuffer>, object, object]>([
    ['no XML', 'canary', {}, { refused: 'bad-request', status: 400, problem: expect.stringContaining('well-formed') }],
    ['an empty body', '', {}, { refused: 'bad-request', status: 400, problem: expect.stringContaining('empty') }],
    [
      'XML that breaks off, by who it says it is',
      withApps(oneApp('<ping/>')).slice(0, -20),
      {},
      { refused: 'bad-request', status: 400, problem: expect.stringContaining('well-formed'), ...who },
    ],
    [
      'the same in single quotes',
      withApps(oneApp('<ping/>')).replaceAll('"', "'").slice(0, -20),
      {},
      { refused: 'bad-request', status: 400, problem: expect.stringContaining('well-formed'), ...who },
    ],
    [
      'another protocol',
      '<request protocol="4.0"/>',
      {},
      { refused: 'bad-request', status: 400, problem: expect.stringContaining('this endpoint speaks 3.x') },
    ],
    [
      'too many apps',
      many,
      {},
      { refused: 'too-large', status: 413, problem: expect.stringContaining('256 apps'), ...who },
    ],
    [
      'nothing asked nor reported',
      '<request protocol="3.0"/>',
      {},
      { refused: 'no-app', status: 200, problem: 'the request has no <app>' },
    ],
    ['too large', 'x'.repeat(70_000), {}, { refused: 'too-large', status: 413, problem: expect.any(String) }],
    [
      'compressed',
      new Uint8Array([31, 139, 8, 0]),
      { 'content-encoding': 'gzip' },
      { refused: 'unsupported-encoding', status: 415, problem: expect.any(String) },
    ],
  ])('%s', async (_, body, more, want) => {
    const { contacts } = await contactsOf(body, '/v1/update/', { ...headers, ...more })
    expect(contacts.map(defined)).toEqual([{ level: 'info', event: 'contact', ...sender, ...want }])
    expect(store.log).toEqual([])
  })

  test('a long user agent is truncated, and a missing one is omitted', async () => {
    await contactsOf('x', '/omaha', { 'user-agent': 'u'.repeat(500) })
    const { contacts } = await contactsOf('x', '/omaha')
    expect(contacts.map(({ agent }) => agent)).toEqual([`${'u'.repeat(63)}…`, undefined])
  })

  const stray = { level: 'info', event: 'contact', ...sender, problem: 'update checks go to /v1/update/' }
  const [lost, wrong] = [
    { refused: 'not-found', status: 404 },
    { refused: 'method-not-allowed', status: 405 },
  ]
  test.each<[string, ReturnType<typeof served>, object, string?]>([
    ['/', endpoint, lost],
    ['/', served([sitePages]), wrong],
    ['//v1/update/', endpoint, lost],
    ['/v1/update/x', endpoint, lost],
    ['/v1/updates?key=canary', endpoint, lost, '/v1/updates'],
    ['/healthz', endpoint, wrong],
    ['/v1/uploads/canary/complete', endpoint, lost, '/v1/uploads/…'],
    [`/${'long/'.repeat(100)}`, endpoint, lost, `/${'long/'.repeat(100)}`.slice(0, 100)],
  ])('POST %s', async (path, at, want, logged = path) => {
    const body = bodyOf('full-update-01')
    const answer = await at.fetch(new Request(`https://updates.example.org${path}`, { method: 'POST', body, headers }))
    expect(answer.ok).toBe(false)
    const { channel, version, machine: id } = machine
    const lostOne = { app, channel, version, machine: id }
    expect(events.map(defined)).toEqual([{ ...stray, ...want, ...lostOne, path: logged }])
    expect(JSON.stringify(events)).not.toContain('canary')
  })

  test('a POST whose body cannot be used leaves a line all the same', async () => {
    for (const body of ['', 'canary', 'x'.repeat(70_000)]) await endpoint.request('/nothing', { method: 'POST', body })
    expect(events.map(({ refused, machine }) => [refused, machine])).toEqual(Array(3).fill(['not-found', undefined]))
  })

  test('other methods are not logged', async () => {
    for (const method of ['GET', 'PUT', 'DELETE']) await endpoint.request('/nothing', { method })
    expect(events).toEqual([])
  })
})
