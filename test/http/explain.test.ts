/** What is explained is what machines get: both asked over the same endpoint, for many machines and at many instants. */
import type { Hono } from 'hono'
import { beforeAll, expect, test } from 'vitest'
import { newCatalogCache } from '../../src/catalog/cache.ts'
import { commitChannel } from '../../src/catalog/commit-channel.ts'
import { editCatalog, refresh } from '../../src/catalog/edit-catalog.ts'
import type { Explanation } from '../../src/checks/explain.ts'
import type { ExplainAccess } from '../../src/checks/serving.ts'
import type { Release } from '../../src/release/channel.ts'
import { machineHash } from '../../src/release/target.ts'
import { createApp } from '../../src/runtime/app.ts'
import { holdRelease } from '../changes.ts'
import { rounds } from '../rounds.ts'
import { app, day, newStore, now, publishOne, seeded, type TestStore } from '../world.ts'

const at = (ms: number): string => new Date(now + ms).toISOString()
const hour = 60 * 60 * 1000
const listed = 'feedfeedfeedfeedfeedfeedfeedfeed'

const conditions: Readonly<Record<string, Partial<Release>>> = {
  '2': { floor: { reason: 'migrates' } },
  '3': { target: { oem: { not: ['pxe'] }, machines: { deny: [machineHash(listed)] } } },
  '4': {
    ramp: [
      { at: at(-day), share: 0 },
      { at: at(3 * day), share: 1 },
    ],
  },
  '5': {
    target: { oem: { not: ['pxe'] } },
    ramp: [
      { at: at(hour), share: 0.1 },
      { at: at(2 * day), share: 0.1 },
      { at: at(2 * day), share: 0.6 },
      { at: at(9 * day), share: 1 },
    ],
    windows: [
      { days: ['Mon', 'Wed', 'Fri'], from: '22:00', to: '04:00', timeZone: 'Europe/Berlin' },
      { days: ['Tue'], from: '09:30', to: '11:00', timeZone: 'America/New_York' },
    ],
  },
}

/** Of a channel whose newest is held. */
const brakes: Readonly<Record<string, Partial<Release>>> = {
  '1': { deadEnd: { reason: 'loops' } },
  '2': { floor: { reason: 'migrates' }, withdrawn: { reason: 'loops' } },
}

let store: TestStore

const changeAll = (channel: string, fields: Readonly<Record<string, Partial<Release>>>) =>
  commitChannel(store.publisher, { app, channel }, (current) => ({
    ...current,
    releases: current.releases.map((one) => ({ ...one, ...fields[one.version] })),
  }))

beforeAll(async () => {
  store = await newStore()
  for (const channel of ['fleet', 'braked'])
    for (const version of ['1', '2', '3', '4', '5']) await publishOne(store, version, { channel })
  await changeAll('fleet', conditions)
  await changeAll('braked', brakes)
  await publishOne(store, '1', { channel: 'follower', skipFloors: true })
  await commitChannel(store.publisher, { app, channel: 'follower' }, (current) => ({
    ...current,
    follow: { channel: 'fleet', after: 'P1D', over: 'PT48H' },
  }))
  await refresh(store.publisher)
  await holdRelease(store.publisher, { app, channel: 'braked' }, { version: '5', reason: 'loops' })
})

const open = (explain?: ExplainAccess): Hono =>
  createApp({
    cache: newCatalogCache(),
    reader: store.publisher,
    packages: store.publisher.packages,
    events: store.publisher.log,
    publicUrl: 'https://updates.example.org',
    explain,
    background: () => undefined,
  })

type Machine = Readonly<Record<'channel' | 'version' | 'machine' | 'oem' | 'manual', string>>

/** The version that a machine is offered, or the reason. */
async function onTheWire(endpoint: Hono, { channel, version, machine, oem, manual }: Machine): Promise<string> {
  const source = manual === '1' ? 'ondemandupdate' : 'scheduler'
  const body = `<request protocol="3.0" installsource="${source}"><app appid="{${app}}" version="${version}" track="${channel}" board="amd64-usr" machineid="${machine}" oem="${oem}"><updatecheck/></app></request>`
  const text = await (await endpoint.request('/v1/update/', { method: 'POST', body })).text()
  return /<manifest version="([^"]*)"/.exec(text)?.[1] ?? /_no_update_reason="([^":]*)/.exec(text)?.[1] ?? text
}

async function explained(
  endpoint: Hono,
  machine: Machine,
  headers: Readonly<Record<string, string>> = {},
): Promise<Explanation> {
  const query = new URLSearchParams({ app, board: 'amd64-usr', ...machine })
  const answer = await endpoint.request(`/v1/explain?${query}`, { headers })
  expect(answer.status).toBe(200)
  return (await answer.json()) as Explanation
}

const token = { token: 'a token that is long enough'.replaceAll(' ', '-') }
const authorization = { authorization: `Bearer ${token.token}` }

function machines(count: number): readonly Machine[] {
  const random = seeded(7)
  const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  return Array.from({ length: count }, () => ({
    channel: one(['fleet', 'fleet', 'follower', 'braked', 'edge']),
    version: one(['0', '1', '2', '3', '4', '5', '3.5', 'developer']),
    machine:
      random() < 0.02
        ? one(['', listed])
        : Math.floor(random() * 2 ** 48)
            .toString(16)
            .padStart(32, '0'),
    oem: one(['', 'azure', 'pxe']),
    manual: one(['0', '0', '0', '1']),
  }))
}

test('explanations match the answers of many machines', async () => {
  const endpoint = open(token)
  const random = seeded(3)
  const kinds = new Set<string>()
  for (const [i, machine] of machines(rounds(10_000)).entries()) {
    if (i % 100 === 0) store.time.now = now + Math.floor(random() * 9 * day)
    const { decision, offered, reason } = await explained(endpoint, machine, authorization)
    const wire = await onTheWire(endpoint, machine)
    expect(decision === 'update' ? offered : reason, JSON.stringify(machine)).toBe(wire)
    kinds.add(wire)
  }
  const reasons = [
    'dead-end',
    'floor-held',
    'held',
    'not-in-ramp',
    'outside-window',
    'target',
    'unknown-channel',
    'up-to-date',
  ]
  expect([...kinds].sort()).toEqual(['1', '2', '3', '4', '5', ...reasons])
})

test('a predicted change happens at that second, and not before', async () => {
  let changes = 0
  for (const machine of machines(rounds(1_000))) {
    const endpoint = open(token)
    store.time.now = now
    const { next } = await explained(endpoint, machine, authorization)
    if (next === undefined) continue
    changes += 1
    const before = await onTheWire(endpoint, machine)
    store.time.now = Date.parse(next.at) - 1
    expect(offerIn(await onTheWire(endpoint, machine)), JSON.stringify([machine, next])).toBe(offerIn(before))
    store.time.now = Date.parse(next.at)
    expect(offerIn(await onTheWire(endpoint, machine))).toBe(next.offered)
    expect(offerIn(before)).not.toBe(next.offered)
  }
  expect(changes).toBeGreaterThan(rounds(300))
})

/** `undefined` for a reason. */
const offerIn = (answer: string): string | undefined => (/^\d+$/.test(answer) ? answer : undefined)

test('the public answer does not reveal whether a machine is on a list', async () => {
  store.time.now = now
  const [told, known] = [open('public'), open(token)]
  const on = (machine: string): Machine => ({ channel: 'fleet', version: '2', machine, oem: '', manual: '0' })
  const others = '0'.repeat(32)
  for (const machine of [listed, others])
    expect(await explained(told, on(machine))).toMatchObject({ offered: '3', note: expect.stringMatching(/lists/) })
  const operators = await Promise.all([listed, others].map((one) => explained(known, on(one), authorization)))
  expect(operators.map(({ offered, note }) => [offered, note])).toEqual([
    [undefined, undefined],
    ['3', undefined],
  ])
})

test.each([
  ['none', {}],
  ['another', { authorization: 'Bearer a-token-that-is-long-enougH' }],
  ['another scheme', { authorization: `Basic ${token.token}` }],
  ['an empty one', { authorization: 'Bearer ' }],
])('with a token set, %s is refused', async (_, headers) => {
  const answer = await open(token).request('/v1/explain?app=x', { headers })
  expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
})

test('repeated parameters are refused', async () => {
  const answer = await open('public').request(`/v1/explain?app=${app}&channel=a&channel=b&version=1&board=x`)
  expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('channel is given twice')])
})

test('off answers 404', async () => {
  expect((await open().request('/v1/explain')).status).toBe(404)
})

test('clients get the reason of a failure, and the log gets the details', async () => {
  store.time.now = now + 60 * day
  const machine: Machine = { channel: 'fleet', version: '1', machine: '', oem: '', manual: '0' }
  const known = await explained(open(token), machine, authorization)
  expect(known).toMatchObject({ reason: 'catalog-expired', because: expect.stringContaining('expired at') })
  const told = await explained(open('public'), machine)
  expect(told).toMatchObject({ reason: 'catalog-expired' })
  expect(told.because).toBeUndefined()
  store.time.now = now
  await editCatalog(store.publisher, (catalog) => ({ ...catalog }))
})
