/** What updateservicectl's `instance list-*` and `group versions|events` read, against the record of a fleet of states. */
import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { answerMachines } from '../../src/coreupdate/machines.ts'
import { openForReading } from '../../src/fleet/database.ts'
import { disguiseWith } from '../../src/fleet/ids.ts'
import { readLine } from '../../src/fleet/lines.ts'
import { openProjection } from '../../src/fleet/projection.ts'
import { readFleet } from '../../src/fleet/reader.ts'
import { isoText } from '../../src/kernel/format.ts'
import { app, makeFleet, next, old, start } from '../fleet/generator.ts'
import { appOf } from '../served.ts'
import { newStore } from '../world.ts'

const hour = 3_600_000
const token = 'a-token-of-the-fleet'
const dir = mkdtempSync(join(tmpdir(), 'platte-coreupdate-'))
afterAll(() => rmSync(dir, { recursive: true }))
const file = join(dir, 'fleet.db')
const { lines, machines } = makeFleet(140)
const projection = openProjection(file, { clock: () => start + 6 * hour, keepMs: 30 * 24 * hour })
for (const { text } of lines) readLine(text, projection)
projection.flush()
projection.close()

const { publisher, time } = await newStore()
time.now = start + 6 * hour
const serve = (options: Parameters<typeof answerMachines>[0]) =>
  appOf(publisher, { name: 'machines', fallback: (serving, c) => answerMachines(options, serving, c) })
const served = serve({ file, token })
function putInto(name: string, text: string): string {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}
const prefix = '/_ah/api/update/v1/'

/** As updateservicectl signs: its server is where it sends the request to. */
function hawk(path: string, { key = token, at = time.now, server = 'http://127.0.0.1:8787', method = 'GET' } = {}) {
  const { pathname, search, hostname, port, protocol } = new URL(server + prefix + path)
  const ts = Math.floor(at / 1000)
  const lines = [
    'hawk.1.header',
    ts,
    'xyz',
    method,
    pathname + search,
    hostname.replace(/[[\]]/g, ''),
    port || (protocol === 'https:' ? 443 : 80),
  ]
  const mac = createHmac('sha256', key)
    .update(`${[...lines, '', '', ''].join('\n')}`)
    .digest('base64')
  return { authorization: `Hawk id="operator", ts="${ts}", nonce="xyz", mac="${mac}"` }
}

const ask = (path: string, headers: Record<string, string> = hawk(path), server = 'http://127.0.0.1:8787') =>
  served.request(`${server}${prefix}${path}`, { headers })
const read = async (path: string) => {
  const answer = await ask(path)
  expect(answer.status).toBe(200)
  return JSON.parse(await answer.text())
}

describe('the token', () => {
  const path = 'clientupdates?dateEnd=0&dateStart=0'
  const ipv6 = 'http://[::1]:8787'
  test.each<[string, Record<string, string>, number, string?]>([
    ['Hawk for this address', hawk(path), 200],
    ['Hawk for the public address', hawk(path, { server: 'https://updates.example.org' }), 200],
    ['Hawk for an IPv6 address', hawk(path, { server: ipv6 }), 200, ipv6],
    ['a bearer token', { authorization: `Bearer ${token}` }, 200],
    ['none', {}, 401],
    ['another bearer token', { authorization: 'Bearer another-token-of-16' }, 401],
    ['Hawk with another key', hawk(path, { key: 'another-token-of-16' }), 401],
    ['Hawk with no key, as without --key', hawk(path, { key: '' }), 401],
    ['Hawk of another path', hawk('appversions'), 401],
    ['Hawk of another method', hawk(path, { method: 'POST' }), 401],
    ['Hawk of another host', hawk(path, { server: 'http://127.0.0.2:8787' }), 401],
    ['Hawk of an hour ago', hawk(path, { at: time.now - hour }), 401],
    ['Hawk without parts', { authorization: 'Hawk id="x"' }, 401],
  ])('%s', async (_, headers, status, server = 'http://127.0.0.1:8787') => {
    const answer = await ask(path, headers, server)
    expect(answer.status).toBe(status)
    if (status === 401) expect(JSON.parse(await answer.text())).toMatchObject({ error: { code: 401 } })
  })

  test('lists of channels need none', async () => expect((await ask('apps', {})).status).toBe(200))
})

test('instance list-updates: every machine, the last seen first, with its version, group, OEM and last contact', async () => {
  const { items } = await read('clientupdates?dateEnd=0&dateStart=0')
  const wanted = machines.toSorted((a, b) => b.last - a.last)
  expect(items.map(({ clientId }: { clientId: string }) => clientId).sort()).toEqual(
    wanted.map(({ machine }) => machine).sort(),
  )
  for (const { machine, version, channel, oem, last, state } of machines)
    expect(items).toContainEqual({
      ...{ appId: app, clientId: machine, groupId: channel, version, oem, status: state },
      lastSeen: isoText(last),
    })
})

test('filters, bounds of time, pages and one machine', async () => {
  const [one] = machines
  const ofOem = machines.filter(({ oem }) => oem === 'azure')
  expect((await read('clientupdates?oem=azure')).items).toHaveLength(ofOem.length)
  expect(await read('clientupdatecount?oem=azure')).toEqual({ count: ofOem.length })
  expect((await read('clientupdates?limit=10&skip=135')).items).toHaveLength(5)
  expect((await read(`clientupdates?appId=%7B${app.toUpperCase()}%7D&groupId=other`)).items).toEqual([])
  const bound = Math.floor((one?.last ?? 0) / 1000)
  const before = machines.filter(({ last }) => last <= bound * 1000).length
  expect((await read(`clientupdates?dateEnd=${bound}`)).items).toHaveLength(before)
  expect((await read(`clientupdates?dateEnd=${bound}&limit=1`)).items).toHaveLength(1)
  expect(await read(`clientupdatecount?dateEnd=${bound}`)).toEqual({ count: before })
  expect(await read(`clientupdatecount?dateStart=${bound + 1}`)).toEqual({
    count: machines.filter(({ last }) => last >= (bound + 1) * 1000).length,
  })
  const { items } = await read(`appversions?dateEnd=${bound}`)
  expect(items.reduce((total: number, { count }: { count: number }) => total + count, 0)).toBe(before)
  expect((await read(`clientupdates?clientId=${one?.machine}`)).items).toHaveLength(1)
  expect((await read(`clientupdates?clientId=%7B${one?.machine}%7D`)).items).toHaveLength(1)
  expect((await read(`client/history?clientId=${one?.machine}`)).items).toHaveLength(one?.changes ?? 0)
})

test('instance list-app-versions: how many machines run each version', async () => {
  const { items } = await read(`appversions?appId=${app}&groupId=stable`)
  for (const version of [old, next]) {
    const count = machines.filter((one) => one.version === version && one.channel === 'stable').length
    expect(items).toContainEqual({ appId: app, groupId: 'stable', version, count })
  }
})

test('group versions: machines by version, at each hour', async () => {
  const [from, to] = [start / 1000, start / 1000 + 5 * 3600]
  const { items } = await read(`apps/${app}/groups/stable/requests/versions/${from}/${to}?resolution=3600`)
  const counts = items.find(({ version }: { version: string }) => version === next).values
  expect(counts).toHaveLength(6)
  const running = machines.filter((one) => one.version === next && one.channel === 'stable').length
  expect(counts.at(-1)).toEqual({ timestamp: String(to), count: String(running) })
  const only = await read(`apps/${app}/groups/stable/requests/versions/${from}/${to}?versions=${old}`)
  expect(only.items.map(({ version }: { version: string }) => version)).toEqual([old])
})

test('without a start and an end, as updateservicectl asks by itself: from the first machine to now', async () => {
  const { items } = await read(`apps/${app}/groups/stable/requests/versions/0/0?resolution=60`)
  const values = items.find(({ version }: { version: string }) => version === next).values
  expect(values.at(-1).timestamp).toBe(String(time.now / 1000))
  expect(values.length).toBeLessThan(10)
  expect((await read(`apps/${app}/groups/stable/requests/events/0/0?resolution=60`)).items).not.toEqual([])
})

test.each([
  ['is missing', () => join(dir, 'none.db')],
  ['is something else', () => putInto('other.db', 'no database'.repeat(1000))],
])('a projection that %s', async (_, path) => {
  const answer = await serve({ file: path(), token }).request(`http://127.0.0.1:8787${prefix}clientupdates`, {
    headers: { authorization: `Bearer ${token}` },
  })
  expect([answer.status, await answer.json()]).toEqual([
    503,
    { error: { code: 503, message: expect.stringMatching(/cannot be read now/) } },
  ])
})

test('ids that are hashed are found by what they were', async () => {
  const idsKey = 'a-key-of-16-chars'
  const hashed = join(dir, 'hashed.db')
  const filled = openProjection(hashed, { clock: () => start + 6 * hour, keepMs: 30 * 24 * hour })
  const disguise = disguiseWith(idsKey)
  for (const { text } of lines) {
    const { machine, ...event } = JSON.parse(text)
    readLine(JSON.stringify({ ...event, ...(machine && { machine: disguise(machine) }) }), filled)
  }
  filled.flush()
  filled.close()
  const answer = await serve({ file: hashed, token, idsKey }).request(
    `http://127.0.0.1:8787${prefix}clientupdates?clientId=${machines[0]?.machine}`,
    { headers: { authorization: `Bearer ${token}` } },
  )
  expect(JSON.parse(await answer.text()).items).toHaveLength(1)
})

test('group events: how many installed a release, and came back in it', async () => {
  const [from, to] = [start / 1000, start / 1000 + 6 * 3600]
  const { items } = await read(`apps/${app}/groups/stable/requests/events/${from}/${to}?resolution=86400`)
  const sum = (result: string): number =>
    items
      .filter((one: { version: string; result: string }) => one.version === next && one.result === result)
      .flatMap(({ values }: { values: { count: string }[] }) => values)
      .reduce((total: number, { count }: { count: string }) => total + Number(count), 0)
  const database = openForReading(file)
  const [release] = readFleet(database).release(next)
  database.close()
  expect(sum('2')).toBe(release?.done)
  // Some were seen in the new version first: nobody knows when they installed it.
  expect(sum('1')).toBeGreaterThanOrEqual(sum('2'))
  expect(sum('1')).toBeLessThanOrEqual(release?.installed ?? 0)
})

test.each([
  'apps/x/groups/y/requests/versions/0/99999999999?resolution=1',
  'apps/x/groups/y/requests/versions/a/b',
  'apps/x/groups/y/requests/events/b/-1?resolution=0',
  'clientupdates?limit=-1&skip=-1&dateStart=x',
  'client/history',
  'client/history?clientId=%00',
])('%s does no harm', async (path) => expect(await read(path)).toHaveProperty('items'))
