/** A real server and its projection: a machine that fell back from a release is not offered it again for a while. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { commitChannel } from '../../src/catalog/commit-channel.ts'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { encode } from '../../src/catalog/read.ts'
import { forgivenKey } from '../../src/documents/paths.ts'
import { openFallBacks } from '../../src/fallbacks/feature.ts'
import { readFallBacks } from '../../src/fallbacks/fell-back.ts'
import { forgive, readForgiven, type Whom } from '../../src/fallbacks/forgiven.ts'
import { rememberAll, reviewBy } from '../../src/fallbacks/memory.ts'
import { disguiseWith } from '../../src/fleet/ids.ts'
import { openProjection } from '../../src/fleet/projection.ts'
import { isoText, timeText } from '../../src/kernel/format.ts'
import type { Candidate } from '../../src/release/view.ts'
import { startServer } from '../../src/runtime/node.ts'
import type { Running } from '../../src/runtime/server.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import { app, day, newStore, now, publishOne, type TestStore } from '../world.ts'

const folder = await mkdtemp(join(tmpdir(), 'platte-fell-'))
const idsKey = 'a key of the fleet'
const servers: Running[] = []
afterAll(async () => {
  for (const one of servers) await one.stop().catch(() => {})
  await rm(folder, { recursive: true })
})

interface Served extends Running {
  readonly time: TestStore['time']
}

/** @param more settings. */
async function serve({ publisher, time }: TestStore, name: string, more: Record<string, string> = {}): Promise<Served> {
  const env = { PLATTE_STORE: `file:${folder}`, PLATTE_PUBLIC_URL: 'https://updates.example.org', PORT: '0', ...more }
  const { version, sha256 } = publisher.pin
  const pin = `${version}:sha256:${sha256}`
  const fleet = { PLATTE_FLEET_FILE: join(folder, `${name}.db`), PLATTE_ROOT: pin }
  const running = await startServer(readSettings({ ...env, ...fleet }, ['store', 'pin']), publisher)
  servers.push(running)
  return { ...running, time }
}

interface Saying {
  readonly machine?: string
  readonly version?: string
  readonly source?: string
  readonly event?: string
  readonly check?: boolean
}

const machine = '0123456789abcdef0123456789abcdef'
const update = (version: string) => expect.stringContaining(`<manifest version="${version}">`)
const none = (reason: string) => expect.stringContaining(`_no_update_reason="${reason}"`)

const events = {
  started: '<event eventtype="13" eventresult="1"/>',
  finished: '<event eventtype="14" eventresult="1"/>',
  installed: '<event eventtype="3" eventresult="1"/>',
  fell: '<event eventtype="3" eventresult="0" errorcode="268435500"/>',
} as const

/** A second later, so that one thing comes after another. */
async function say({ url, time }: Served, said: Saying = {}): Promise<string> {
  time.now += 1_000
  const { source = 'scheduler', version = '1', event = '', check = true } = said
  const inner = `${check ? '<ping active="1"/><updatecheck/>' : ''}${event}`
  const named = `machineid="${said.machine ?? machine}" track="stable" board="amd64-usr"`
  const body = `<request protocol="3.0" version="update_engine-0.4.10" installsource="${source}"><app appid="{${app}}" version="${version}" ${named}>${inner}</app></request>`
  return (await fetch(`${url}/v1/update/`, { method: 'POST', body })).text()
}

/** As update_engine updates, and comes back in the old version. */
async function fallBack(server: Served, one: Pick<Saying, 'machine' | 'version'> = {}, to = '2'): Promise<void> {
  expect(await say(server, one)).toEqual(update(to))
  for (const event of [events.started, events.finished, events.installed])
    await say(server, { ...one, event, check: false })
  expect(await say(server, { ...one, event: events.fell })).toEqual(none('fell-back'))
}

/** Waits until the server explains it, without a check that adds to what the machine did. */
const eventually = (server: Served, one: Record<string, string>, want: object) =>
  vi.waitFor(async () => expect(await explain(server, one)).toMatchObject(want), { timeout: 30_000, interval: 200 })
const remembered = { reason: 'fell-back' }

const explain = async ({ url }: Served, more: Record<string, string> = {}) => {
  const query = new URLSearchParams({ app, channel: 'stable', version: '1', board: 'amd64-usr', machine, ...more })
  const headers = { authorization: 'Bearer 0123456789abcdef' }
  return (await fetch(`${url}/v1/explain?${query}`, { headers })).json()
}

const readAll = (name: string) => readFallBacks(join(folder, `${name}.db`), { since: 0, most: 10 })?.fallBacks

const token = { PLATTE_EXPLAIN: 'token', PLATTE_EXPLAIN_TOKEN: '0123456789abcdef' }
let store: TestStore
let server: Served
let fellAt = 0
beforeAll(async () => {
  store = await newStore()
  for (const version of ['1', '2']) await publishOne(store, version)
  server = await serve(store, 'fleet', token)
})

test('the next check of a machine that fell back is no update', async () => {
  await fallBack(server)
  fellAt = store.time.now
  await eventually(server, {}, remembered)
  expect(await say(server, {})).toEqual(none('fell-back'))
  expect(await say(server, { machine: 'another' })).toEqual(update('2'))
  expect(await say(server, { machine: '' })).toEqual(update('2'))
  const contacts = store.log.filter(({ event, machine: id }) => event === 'contact' && id === machine)
  expect(contacts.at(-1)).toMatchObject({
    ...{ decision: 'no-update', reason: 'fell-back' },
    because: `it fell back from 2 at ${timeText(fellAt)}, and is offered it again from ${timeText(fellAt + 7 * day)}; at once if somebody asks on the machine, or after platte fleet forgive`,
  })
})

test('explain says so, and until when', async () => {
  const explained = await explain(server)
  expect(explained).toMatchObject({ decision: 'no-update', reason: 'fell-back', withheld: '2' })
  expect(explained).toMatchObject({
    sentence: expect.stringContaining(`from ${timeText(fellAt + 7 * day)}; at once if`),
  })
  expect(explained).not.toHaveProperty('next')
  expect(await explain(server, { at: isoText(fellAt + 7 * day - 1) })).toMatchObject({ reason: 'fell-back' })
  expect(await explain(server, { at: isoText(fellAt + 7 * day) })).toMatchObject({ decision: 'update', offered: '2' })
  expect(await explain(server, { manual: '1' })).toMatchObject({ decision: 'update', offered: '2' })
})

test('somebody who asks on the machine is offered it', async () => {
  expect(await say(server, { source: 'ondemandupdate' })).toEqual(update('2'))
  expect(await say(server)).toEqual(none('fell-back'))
})

test('a syncer is offered everything, whatever its id', async () => {
  expect(await explain(server, { syncer: '1' })).toMatchObject({ offered: '2' })
})

test('a restarted server has it from its projection at once', async () => {
  await server.stop()
  server = await serve(store, 'fleet', token)
  expect(await say(server)).toEqual(none('fell-back'))
})

test('a newer release is offered; the one that it fell back from is not, if that is all there is again', async () => {
  await publishOne(store, '3')
  store.time.now += 60_000
  await eventually(server, {}, { offered: '3' })
  const edit = { app, channel: 'stable' }
  await commitChannel(store.publisher, edit, (current) => ({
    ...current,
    releases: current.releases.map((one) => (one.version === '3' ? { ...one, target: { oem: { only: ['x'] } } } : one)),
  }))
  await refresh(store.publisher)
  store.time.now += 60_000
  await eventually(server, { machine: 'another' }, { offered: '2' })
  expect(await say(server)).toEqual(none('fell-back'))
})

test('after 7 days it is offered again; one that falls back again waits again', async () => {
  store.time.now = fellAt + 7 * day - 30_000
  await refresh(store.publisher, { force: true })
  await eventually(server, { machine: 'another' }, { offered: '2' })
  expect(await say(server)).toEqual(none('fell-back'))
  store.time.now = fellAt + 7 * day
  await fallBack(server)
  await eventually(server, {}, remembered)
  expect(await say(server, {})).toEqual(none('fell-back'))
})

test.each<[string, Whom, boolean]>([
  ['the machine', { machine }, true],
  ['the release', { version: '2' }, true],
  ['the release of this app', { app, version: '2' }, true],
  ['the machine in this app', { app, machine }, true],
  ['this app', { app }, true],
  ['everything', {}, true],
  ['another machine', { machine: 'other' }, false],
  ['another release', { version: '7' }, false],
  ['another app', { app: 'another.app' }, false],
  ['the release of another app', { app: 'another.app', version: '2' }, false],
  ['this machine and another release', { machine, version: '7' }, false],
])('forgiving %s', (_, whom, isForgiven) => {
  const fallBacks = [{ app, machine, version: '2', at: now }]
  expect(rememberAll(fallBacks, [{ at: isoText(now), ...whom }]).size).toBe(isForgiven ? 0 : 1)
  expect(rememberAll(fallBacks, [{ at: isoText(now - 1), ...whom }]).size, 'one that falls back later').toBe(1)
})

test('what was forgiven is offered again, also by a server with a new projection of the same events', async () => {
  const first = await serve(store, 'forgiven', { PLATTE_EVENTS: 'store' })
  await fallBack(first)
  await eventually(first, {}, remembered)
  await first.stop()
  const second = await serve(store, 'rebuilt', { PLATTE_EVENTS: 'store' })
  await eventually(second, {}, remembered)
  await forgive(store.publisher, { machine })
  await second.stop()
  const third = await serve(store, 'rebuilt-again', { PLATTE_EVENTS: 'store' })
  await vi.waitFor(() => expect(readAll('rebuilt-again')).toHaveLength(1), 30_000)
  expect(await say(third)).toEqual(update('2'))
})

test('hashed ids: the lookup hashes as lines do, and forgiving by the hash works', async () => {
  const ids = { PLATTE_FLEET_IDS: 'hmac', PLATTE_FLEET_IDS_KEY: idsKey }
  const first = await serve(store, 'hashed', ids)
  await fallBack(first)
  await eventually(first, {}, remembered)
  expect(await say(first, {})).toEqual(none('fell-back'))
  const hashed = disguiseWith(idsKey)(machine)
  expect(await say(first, { machine: hashed })).toEqual(update('2'))
  await forgive(store.publisher, { machine: hashed })
  await first.stop()
  expect(await say(await serve(store, 'hashed', ids))).toEqual(update('2'))
})

test('off: nothing is remembered', async () => {
  const open = (fellBackMs: number) => openFallBacks({ fleetFile: join(folder, 'off.db'), fellBackMs }, store.publisher)
  expect(await open(0)).toBeUndefined()
  const on = await open(1)
  expect(on?.review).toBeDefined()
  await on?.close?.()
})

test('a floor is offered again after a day, since no newer release helps past it', () => {
  const memory = rememberAll([{ app, machine, version: '2', at: now }], [])
  const query = { app, channel: 'stable', version: '1', board: '', machineId: machine }
  const reasonAt = (keepMs: number, floor: object | undefined, at: number) => {
    const offer = { release: { version: '2' }, floor } as Candidate
    return reviewBy({ memory: () => memory, keepMs, idOf: String })(query, { kind: 'update', offer }, at).kind
  }
  const floor = { reason: 'new keys' }
  expect([day - 1, day].map((later) => reasonAt(7 * day, floor, now + later))).toEqual(['no-update', 'update'])
  expect([59_999, 60_000].map((later) => reasonAt(60_000, floor, now + later))).toEqual(['no-update', 'update'])
  expect([day, 7 * day].map((later) => reasonAt(7 * day, undefined, now + later))).toEqual(['no-update', 'update'])
})

test('beyond the bound, machines that are known longest stay', () => {
  const file = join(folder, 'bound.db')
  const projection = openProjection(file, { clock: () => now + day, keepMs: 30 * day })
  const contact = { app, channel: 'stable', version: '1', board: '', oem: '', oemVersion: '', alias: '', offered: '2' }
  for (let i = 0; i < 100; i++) {
    const one = { ...contact, machine: `m${i}`, isSyncer: false }
    projection.sighting({ ...one, at: now - i, answer: 'update', reported: [] })
    const reported = [{ type: 3, result: 0, error: '44 rollback' }]
    projection.sighting({ ...one, at: now + 1_000 + i, answer: 'fell-back', offered: '', reported })
  }
  projection.flush()
  const { fallBacks = [], mark } = readFallBacks(file, { since: now, most: 3 }) ?? {}
  expect(fallBacks.map(({ machine }) => machine)).toEqual(['m99', 'm98', 'm97'])
  expect(fallBacks[0]).toEqual({ app, machine: 'm99', version: '2', at: now + 1_099 })
  expect(readFallBacks(file, { since: now, most: 3 }, mark)).toBeUndefined()
  expect(readFallBacks(file, { since: now + 1_097, most: 3 }, mark)?.fallBacks).toHaveLength(2)
  projection.close()
})

test('an id that lines cut short is never taken for another one', () => {
  const [long, at] = ['x'.repeat(65), now]
  const memory = rememberAll([{ app, machine: `${long.slice(0, 63)}…`, version: '2', at }], [])
  const review = reviewBy({ memory: () => memory, keepMs: day, idOf: (id) => `${id.slice(0, 63)}…` })
  const offer = { release: { version: '2' } } as Candidate
  const query = { app, channel: 'stable', version: '1', board: '' }
  expect(review({ ...query, machineId: long }, { kind: 'update', offer }, now).kind).toBe('update')
  expect(review({ ...query, machineId: long.slice(1) }, { kind: 'update', offer }, now).kind).toBe('no-update')
})

test('forgiving is bounded, and forgets what nothing looks at any more', async () => {
  const { publisher, time } = await newStore()
  for (let i = 0; i < 3; i++) await forgive(publisher, { machine: 'm', version: '2' })
  await forgive(publisher, { version: '2' })
  expect((await readForgiven(publisher)).entries).toHaveLength(2)
  time.now += 401 * day
  await forgive(publisher, { version: '3' })
  expect((await readForgiven(publisher)).entries).toMatchObject([{ version: '3' }])
  const { token = '' } = await readForgiven(publisher)
  const entries = Array.from({ length: 2_000 }, (_, i) => ({ at: isoText(time.now), machine: `m${i}` }))
  await publisher.documents.swap(forgivenKey, encode({ format: 1, type: 'forgiven', entries }), token)
  await expect(forgive(publisher, { machine: 'one more' })).rejects.toMatchObject({ code: 'refused' })
  await forgive(publisher, {})
  expect((await readForgiven(publisher)).entries).toEqual([{ at: isoText(time.now) }])
})
