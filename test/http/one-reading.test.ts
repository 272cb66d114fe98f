/** What a channel offers is one answer: in `show`, JSON, pages, CoreUpdate's lists, version.txt, and for the machine. */
import { expect, test } from 'vitest'
import { commitChannel } from '../../src/catalog/commit-channel.ts'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { channelHistory, type HistoryEntry } from '../../src/catalog/history.ts'
import { summarise } from '../../src/catalog/summary.ts'
import { publish } from '../../src/channels/publish.ts'
import type { ChannelManifest } from '../../src/documents/channel.ts'
import { changeLine } from '../../src/release/diff.ts'
import { followChannel, holdRelease, stopRamps } from '../changes.ts'
import { serve } from '../pages/store.ts'
import { app, day, newStore, orderOf, publishOne, type TestStore } from '../world.ts'

const ref = { app, channel: 'stable' }
const board = 'amd64-usr'
const because = { reason: 'why' }
const hour = 60 * 60_000

/** Changes the channel, and some of its releases. */
type Edit = Partial<ChannelManifest> & { readonly of?: Readonly<Record<string, object>> }

async function change(store: TestStore, { of = {}, ...fields }: Edit): Promise<void> {
  await commitChannel(store.publisher, ref, (current) => ({
    ...current,
    ...fields,
    releases: current.releases.map((one) => ({ ...one, ...of[one.version] })),
  }))
  await refresh(store.publisher)
}

const at = (store: TestStore, hours: number): string => new Date(store.time.now + hours * hour).toISOString()
const rampOf = (store: TestStore) => [
  { at: at(store, -6), share: 0 },
  { at: at(store, 18), share: 1 },
]
/** The clock stands at Monday, 06:00. */
const closed = [{ days: ['Mon' as const], from: '12:00', to: '13:00', timeZone: 'UTC' }]

interface Row {
  readonly make: (store: TestStore) => Promise<unknown>
  /** What machines end at; `undefined`: nothing. */
  readonly offered: string | undefined
  readonly newest?: string
  readonly via?: readonly string[]
  readonly withheld?: string
  /** In the column STATE of `show`. */
  readonly shown: string | RegExp
  /** By release, in `show` of the channel. */
  readonly releases?: Readonly<Record<string, string | RegExp>>
  /** In the card of the page. */
  readonly page: RegExp
  /** What `explain` answers a machine that runs `running`. */
  readonly explained: string
  readonly running?: string
  readonly path?: readonly string[]
}

const rows: Readonly<Record<string, Row>> = {
  'the newest': {
    make: async () => {},
    offered: '3',
    shown: '',
    releases: { '3': 'offered', '2': 'superseded' },
    page: /everybody 3 published/,
    explained: 'update to 3',
  },
  'a floor on the way': {
    make: (store) => change(store, { of: { '2': { floor: because } } }),
    offered: '3',
    via: ['2'],
    shown: 'by way of 2',
    releases: { '3': 'offered', '2': 'floor on the way: why', '1': 'superseded' },
    page: /everybody 3 published.* Older machines install 2 first\./,
    explained: 'update to 2, then to 3; older machines must install the floor 2 (why) first',
    path: ['2', '3'],
  },
  'two floors on the way': {
    make: (store) => change(store, { of: { '1': { floor: because }, '2': { floor: because } } }),
    offered: '3',
    via: ['1', '2'],
    shown: 'by way of 1, 2',
    page: /everybody 3 published.* Older machines install 1, 2 first\./,
    explained: 'update to 1, then to 2, then to 3; older machines must install the floors 1 (why) and 2 (why) first',
    running: '0',
    path: ['1', '2', '3'],
  },
  'a closed window': {
    make: (store) => change(store, { windows: closed }),
    offered: '3',
    shown: 'window closed until 2026-11-23 12:00:00 UTC',
    releases: { '3': 'offered; window closed until 2026-11-23 12:00:00 UTC' },
    page: /window closed 3 published.* The window is closed until Monday 12:00 UTC/,
    explained: 'no update: 3 is offered in its windows only',
  },
  'a floor whose window is closed': {
    make: (store) => change(store, { of: { '2': { floor: because, windows: closed } } }),
    offered: '3',
    via: ['2'],
    shown: 'by way of 2',
    releases: { '2': 'floor on the way: why; window closed until 2026-11-23 12:00:00 UTC' },
    page: /Older machines install 2 first\./,
    explained: 'no update: 2 is offered in its windows only; it is a floor: older machines must install it first',
  },
  'a target': {
    make: (store) => change(store, { of: { '3': { target: { oem: { only: ['azure'] } } } } }),
    offered: '2',
    withheld: 'target',
    shown: '3: for some machines: it is for OEM azure only',
    releases: { '3': 'for some machines: it is for OEM azure only', '2': 'offered' },
    page: /everybody 2 published.* for some machines 3 it is for OEM azure only/,
    explained: 'update to 2',
  },
  'a target of the channel': {
    make: (store) => change(store, { target: { oem: { only: ['azure'] } } }),
    offered: undefined,
    withheld: 'target',
    shown: '3: for some machines: it is for OEM azure only',
    page: /for some machines 3 it is for OEM azure only.* Everybody else gets no update\./,
    explained: 'no update: 3 is not for this machine (it is for OEM azure only)',
  },
  'a floor in a ramp': {
    make: (store) => change(store, { of: { '2': { floor: because, ramp: rampOf(store) } } }),
    offered: '1',
    withheld: 'not-in-ramp',
    shown: '3: waits for the floor 2, which has not reached all machines',
    releases: { '2': 'ramp: 25 % of amd64-usr, 100 % at 2026-11-24 00:00:00 UTC', '1': 'offered' },
    page: /3 published.* for machines on 2 or newer\. rollout Machines below 2 must install it first; without it they get 1\./,
    explained: 'no update: 2 has not reached this machine yet; it is a floor: older machines must install it first',
  },
  'a held floor': {
    make: async (store) => {
      await change(store, { of: { '2': { floor: because } } })
      await holdRelease(store.publisher, ref, { version: '2', reason: 'it loops' })
    },
    offered: '1',
    withheld: 'floor-held',
    shown: '3: waits for the floor 2, which is held or withdrawn: it loops',
    releases: {
      '3': 'waits for the floor 2, which is held or withdrawn: it loops',
      '2': 'held for amd64-usr: it loops',
      '1': 'offered',
    },
    page: /3 published.* for machines on 2 or newer\. the floor is held Machines below 2 .* without it they get 1\. it loops/,
    explained: 'no update: it must install the floor 2 first, and that one is held or withdrawn (it loops)',
  },
  'a running ramp': {
    make: (store) => change(store, { of: { '3': { ramp: rampOf(store) } } }),
    offered: '2',
    withheld: 'not-in-ramp',
    shown: '3: ramp: 25 % of amd64-usr, 100 % at 2026-11-24 00:00:00 UTC',
    releases: { '3': 'ramp: 25 % of amd64-usr, 100 % at 2026-11-24 00:00:00 UTC', '2': 'offered' },
    page: /rollout 25 % 3 Offered to 25 % of machines, everybody by Tuesday 00:00 UTC.* 2 Everybody else/,
    explained: 'no update: 3 has not reached this machine yet',
    running: '2',
  },
  'a stopped ramp': {
    make: async (store) => {
      await change(store, { of: { '3': { ramp: rampOf(store) } } })
      await stopRamps(store.publisher, ref, true)
      store.time.now += hour
      await refresh(store.publisher)
    },
    offered: '2',
    withheld: 'not-in-ramp',
    shown: '3: ramp stopped at 25 % of amd64-usr, 2026-11-23 06:00:00 UTC',
    page: /rollout stopped 25 % 3 Offered to 25 % of machines, stopped 2026-11-23 06:00 UTC.* 2 Everybody else/,
    explained: 'no update: 3 has not reached this machine yet: its ramp was stopped at 2026-11-23 06:00:00 UTC',
    running: '2',
  },
  'a ramp below a held release': {
    make: async (store) => {
      await change(store, { of: { '2': { ramp: rampOf(store) } } })
      await holdRelease(store.publisher, ref, { version: '3', reason: 'it loops' })
    },
    offered: '1',
    withheld: 'held',
    shown: '3: held for amd64-usr: it loops',
    releases: { '2': 'ramp: 25 % of amd64-usr, 100 % at 2026-11-24 00:00:00 UTC', '1': 'offered' },
    page: /rollout 25 % 2 Offered to 25 % .* 1 Everybody else, .* held 3 it loops/,
    explained: 'update to 1',
    running: '0',
  },
  'a withdrawn newest': {
    make: (store) => change(store, { of: { '3': { withdrawn: because } } }),
    offered: '2',
    withheld: 'withdrawn',
    shown: '3: withdrawn for amd64-usr: why',
    page: /everybody 2 published.* withdrawn 3 why/,
    explained: 'update to 2',
  },
  'all withdrawn': {
    make: (store) =>
      change(store, { of: { '1': { withdrawn: because }, '2': { withdrawn: because }, '3': { withdrawn: because } } }),
    offered: undefined,
    withheld: 'withdrawn',
    shown: '3: withdrawn for amd64-usr: why',
    page: /nothing is offered withdrawn 3 why/,
    explained: 'no update: 3 was withdrawn (why)',
    running: '0',
  },
  'a rollback': {
    make: (store) => change(store, { rollbackFrom: ['3'], of: { '3': { withdrawn: because } } }),
    offered: '2',
    withheld: 'withdrawn',
    shown: '3: withdrawn for amd64-usr: why; machines on 3 are being sent back to 2',
    page: /everybody 2 published.*rollback Machines on 3 go back to 2\./,
    explained: 'update to 2: machines on 3 are being sent back to 2',
    running: '3',
  },
  'a rollback that a newer release ended': {
    make: async (store) => {
      await change(store, { rollbackFrom: ['3'], of: { '3': { withdrawn: because } } })
      await publishOne(store, '4')
    },
    offered: '4',
    newest: '4',
    shown: '',
    page: /everybody 4 published(?!.*Machines on)/,
    explained: 'update to 4',
    running: '3',
  },
  'a dead end, which is newest': {
    make: (store) => change(store, { of: { '3': { deadEnd: because } } }),
    offered: '3',
    shown: '',
    releases: { '3': 'offered; dead end: why' },
    page: /everybody 3 published/,
    explained: 'no update: 3, which it runs, is a dead end: no update is offered from it (why)',
    running: '3',
  },
  'a publish that waits for a refresh': {
    make: (store) => publish({ ...store.publisher, timestamp: [] }, orderOf('4')),
    offered: '3',
    shown: '4 waits for a refresh',
    releases: { '4': 'waits for a refresh', '3': 'offered; after a refresh: superseded', '2': 'superseded' },
    page: /everybody 3 published/,
    explained: 'update to 3',
  },
  'a floor that waits for a refresh': {
    make: (store) =>
      commitChannel(store.publisher, ref, (current) => ({
        ...current,
        releases: current.releases.map((one) => (one.version === '2' ? { ...one, floor: because } : one)),
      })),
    offered: '3',
    shown: 'a change waits for a refresh',
    releases: { '3': 'offered', '2': 'superseded; after a refresh: floor on the way: why' },
    page: /everybody 3 published(?!.*Older machines)/,
    explained: 'update to 3',
  },
}

const textOf = (html: string): string => html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')

const matching = (want: string | RegExp) => (typeof want === 'string' ? want : expect.stringMatching(want))

test.each(Object.entries(rows))('%s', async (_, row) => {
  const store = await newStore()
  for (const version of ['1', '2', '3']) await publishOne(store, version)
  await row.make(store)
  const served = serve(store)
  const get = async (path: string) => JSON.parse(await (await served.request(path)).text())

  const { channels } = await summarise(store.publisher)
  const [summary] = channels
  expect(summary?.boards.map(({ offered, state }) => [offered, state])).toEqual([[row.offered, matching(row.shown)]])
  const states = Object.fromEntries((summary?.releases ?? []).map(({ version, state }) => [version, state]))
  for (const [version, want] of Object.entries(row.releases ?? {})) expect(states[version]).toEqual(matching(want))

  const json = await get(`/v1/channels/${app}/stable`)
  const [first] = json.boards
  expect(first.offered).toBe(row.offered ?? null)
  expect(first.newest).toBe(row.newest ?? '3')
  expect(first.via).toEqual(row.via)
  expect(first.withheld?.reason).toBe(row.withheld)
  expect((await get('/v1/channels')).channels[0].boards[0]).toEqual(first)

  const home = textOf(await (await served.request('/')).text())
  expect(home).toMatch(row.page)
  expect(textOf(await (await served.request(`/channels/${app}/stable`)).text())).toMatch(row.page)

  const coreUpdate = async (what: string) => (await get(`/_ah/api/update/v1/public/${what}`)).items
  const listed = (await coreUpdate('channels')).map(({ version }: { version: string }) => version)
  expect(listed).toEqual(row.offered === undefined ? [] : [row.offered])
  const packages = (await coreUpdate('packages')).flatMap((one: { packages: { version: string }[] }) => one.packages)
  const versions = packages.map(({ version }: { version: string }) => version)
  expect(versions.sort()).toEqual(row.offered === undefined ? [] : [...(row.via ?? []), row.offered])

  const file = await served.request(`/stable/${board}/current/version.txt`)
  expect(file.status).toBe(row.offered === undefined ? 404 : 200)
  if (row.offered !== undefined) expect(await file.text()).toContain(`FLATCAR_VERSION=${row.offered}\n`)
  const { current } = await get('/releases-json/releases-stable.json')
  expect(current?.release_date === undefined).toBe(row.offered === undefined)

  const query = new URLSearchParams({ ...ref, version: row.running ?? '1', board })
  const explained = await get(`/v1/explain?${query}`)
  expect(explained.sentence).toBe(row.explained)
  expect(explained.path).toEqual(row.path)
})

test('a follower shows its own times, and its source the times of the source', async () => {
  const store = await newStore()
  await publishOne(store, '1')
  const follower = { app, channel: 'later' }
  await commitChannel(store.publisher, follower, (current) => ({ ...current, description: 'x' }))
  await followChannel(store.publisher, follower, { channel: 'stable', after: 'P7D' })
  const early = textOf(await (await serve(store).request(`/channels/${app}/later`)).text())
  expect(early).toMatch(/nothing is offered later 1 , not before 2026-11-30 06:00 UTC/)
  expect(early).toMatch(/later not before 2026-11-30 06:00 UTC/)
  expect(early).not.toContain('Published')
  store.time.now += 8 * day
  await refresh(store.publisher)
  const served = serve(store)
  const page = textOf(await (await served.request(`/channels/${app}/later`)).text())
  expect(page).toContain('1 published 24 hours ago (2026-11-30)')
  expect(page).toMatch(/published 2026-11-30 06:00 UTC \(24 hours ago\)/)
  expect(page).toContain('stable 2026-11-23 later 2026-11-30')
  expect(textOf(await (await served.request(`/channels/${app}/stable`)).text())).toContain('published 8 days ago')
  const atom = await (await served.request(`/channels/${app}/later/feed.atom`)).text()
  expect(atom).toContain('<published>2026-11-30T06:00:00.000Z</published>')
  const { boards, releases } = JSON.parse(await (await served.request(`/v1/channels/${app}/later`)).text())
  const instants = { publishedAt: '2026-11-23T06:00:00.000Z', offeredFrom: '2026-11-30T06:00:00.000Z' }
  expect([boards[0], releases[0]]).toEqual([expect.objectContaining(instants), expect.objectContaining(instants)])
  const { channels } = await summarise(store.publisher, { channel: 'later' })
  expect(channels[0]?.releases[0]).toMatchObject({ ...instants, state: 'offered' })
})

test('a channel that expired, or whose source is missing, offers nothing in show either', async () => {
  const store = await newStore()
  await publishOne(store, '1')
  await change(store, { expires: at(store, 1) })
  store.time.now += 2 * hour
  const { channels } = await summarise(store.publisher)
  expect(channels[0]?.boards).toMatchObject([{ newest: '1', withheld: { reason: 'catalog-expired' } }])
  expect(channels[0]?.boards[0]).not.toHaveProperty('offered')
  expect(channels[0]?.releases[0]?.state).toContain('not offered: the catalog or the root has expired')
})

test('history shows what a rollback does and when it ends', async () => {
  const store = await newStore()
  for (const version of ['1', '2']) await publishOne(store, version)
  await change(store, { rollbackFrom: ['2'], of: { '2': { withdrawn: because } } })
  await commitChannel(store.publisher, ref, ({ rollbackFrom: _, ...current }) => current)
  const lines: string[] = []
  for await (const { changes } of channelHistory(store.publisher, ref)) lines.push(...changes.map(changeLine))
  expect(lines.slice(0, 2)).toEqual([
    '- rollbackFrom: 2 (machines on 2 are no longer sent back)',
    '+ rollbackFrom: 2 (machines on 2 are being sent back to 1)',
  ])
})

test('history shows holds at the time of a rollback, and current brakes at the newest revision', async () => {
  const store = await newStore()
  for (const version of ['1', '2', '3']) await publishOne(store, version)
  await holdRelease(store.publisher, ref, { version: '2', reason: 'it loops' })
  store.time.now += hour
  await change(store, { rollbackFrom: ['3'], of: { '3': { withdrawn: because, ramp: rampOf(store) } } })
  store.time.now += hour
  await holdRelease(store.publisher, ref, { version: '1', reason: 'later' })
  await stopRamps(store.publisher, ref, true)
  const entries: HistoryEntry[] = []
  for await (const one of channelHistory(store.publisher, ref)) entries.push(one)
  const [newest, before] = entries
  const lines = newest?.changes.map(changeLine)
  expect(lines).toContain('+ rollbackFrom: 3 (machines on 3 are being sent back to 1)')
  const stop = '+ ramps stopped at: 2026-11-23 08:00:00 UTC'
  expect(newest?.brakes?.map(changeLine)).toEqual([stop, '+ hold of 2: it loops', '+ hold of 1: later'])
  expect(before).not.toHaveProperty('brakes')
  const page = textOf(await (await serve(store).request(`/channels/${app}/stable`)).text())
  expect(page).toContain(`Now: ${stop}`)
  expect(page).toMatch(/revision 4 .* revision 3 /)
})

test('the page of a channel shows the stopped share of a ramp, not its signed end', async () => {
  const store = await newStore()
  for (const version of ['1', '2']) await publishOne(store, version)
  await change(store, { of: { '2': { ramp: rampOf(store) } } })
  const pageOf = async (query = '') =>
    textOf(await (await serve(store).request(`/channels/${app}/stable${query}`)).text()).replace(/ History .*/, '')
  expect(await pageOf()).toContain('100 % at 2026-11-24 00:00:00 UTC')
  await stopRamps(store.publisher, ref, true)
  await refresh(store.publisher)
  expect(await pageOf()).toMatch(/Ramp 25 %, stopped 2026-11-23 06:00 UTC/)
  expect(await pageOf()).not.toContain('100 % at')
  expect(await pageOf('?lang=zh')).toMatch(/逐步推送 25 %， 2026-11-23 06:00 UTC/)
})

test('the floor that keeps machines back is shown by name', async () => {
  const store = await newStore()
  for (const version of ['1', '2', '3']) await publishOne(store, version)
  await change(store, { of: { '2': { floor: because } } })
  await holdRelease(store.publisher, ref, { version: '2', reason: 'it loops' })
  const served = serve(store)
  const json = JSON.parse(await (await served.request(`/v1/channels/${app}/stable`)).text())
  expect(json.boards[0].withheld).toEqual({ reason: 'floor-held', because: 'it loops', version: '2' })
  expect(textOf(await (await served.request('/?lang=zh')).text())).toContain('低于 2 的机器须先安装它')
})

test('the Chinese page shows a rollback and a stopped ramp', async () => {
  const store = await newStore()
  for (const version of ['1', '2', '3']) await publishOne(store, version)
  await change(store, { rollbackFrom: ['3'], of: { '3': { withdrawn: because }, '2': { ramp: rampOf(store) } } })
  await stopRamps(store.publisher, ref, true)
  const page = textOf(await (await serve(store).request('/?lang=zh')).text())
  expect(page).toContain('运行 3 的机器得到 2，或退回 1。')
  const channel = textOf(await (await serve(store).request(`/channels/${app}/stable?lang=zh`)).text())
  expect(channel).toContain('推送已停止 25 %')
})
