/** What belongs to a release goes with it into another channel, or is left out on purpose only. */
import { beforeEach, describe, expect, test } from 'vitest'
import { inspectStore } from '../../src/catalog/audit.ts'
import { loadHead } from '../../src/catalog/commit-channel.ts'
import { loadForWriting } from '../../src/catalog/read.ts'
import { type ChannelCommand, readCommand } from '../../src/channels/commands.ts'
import { preview } from '../../src/channels/commit.ts'
import { planCommand } from '../../src/channels/execute-command.ts'
import { markRelease, type ReleaseMark } from '../../src/release/edits.ts'
import { adopt, editChannel, execute, followChannel, holdRelease, promote, renameChannel } from '../changes.ts'
import { app, ask, day, newKey, newReader, newStore, now, publishOne, refusal, type TestStore } from '../world.ts'

const alpha = { app, channel: 'alpha' }
const stable = { app, channel: 'stable' }
let store: TestStore

const mark = (ref: typeof alpha, version: string, what: ReleaseMark) =>
  editChannel(store.publisher, ref, (one) => markRelease(one, version, { mark: what, because: { reason: 'step' } }))
const get = (version: string, more: object = {}) => ask(newReader(store), { version, ...more })
const releasesOf = async (ref: typeof alpha) =>
  (await loadHead(store.publisher, await loadForWriting(store.publisher), ref))?.manifest.releases ?? []
const of3 = { app, version: '3', from: 'alpha', to: 'stable' }

beforeEach(async () => {
  store = await newStore()
  for (const version of ['1', '2', '3']) await publishOne(store, version, { channel: 'alpha' })
  await publishOne(store, '1')
})

describe('promote', () => {
  test.each(['floor', 'deadEnd'] as const)(
    'past a %s of the source: refused, or with it, or without it on purpose',
    async (what) => {
      await mark(alpha, '2', what)
      const words =
        what === 'floor' ? /2 is a floor of alpha: machines of stable that run less/ : /2 is a dead end of alpha/
      expect(await refusal(promote(store.publisher, of3))).toMatch(words)
      expect(await get('1')).toBe('up-to-date')
      await promote(store.publisher, { ...of3, withFloors: true })
      expect(await get('1')).toBe(what === 'floor' ? 'update 2' : 'update 3')
      expect(await get('2')).toBe(what === 'floor' ? 'update 3' : 'dead-end')
      expect((await inspectStore(store.publisher)).findings).toEqual([])
      expect(await promote(store.publisher, { ...of3, withFloors: true })).toMatchObject({ kind: 'unchanged' })
      expect(await promote(store.publisher, of3)).toMatchObject({ kind: 'unchanged' })
    },
  )

  test('a dead end that comes along leads nobody there, even while what is newer is held', async () => {
    await mark(alpha, '2', 'deadEnd')
    await promote(store.publisher, { ...of3, withFloors: true })
    await holdRelease(store.publisher, stable, { version: '3', reason: 'boot loop' })
    expect(await get('1')).toBe('held')
  })

  test('without floors on purpose, and mended later from below', async () => {
    await mark(alpha, '2', 'floor')
    await promote(store.publisher, { ...of3, skipFloors: true })
    expect(await get('1')).toBe('update 3')
    await publishOne(store, '4', { channel: 'alpha' })
    expect(await refusal(promote(store.publisher, { ...of3, version: '4' }))).toMatch(/2 is a floor of alpha/)
    expect(await refusal(promote(store.publisher, { ...of3, version: '2' }))).toMatch(/2 is lower than 3/)
    await promote(store.publisher, { ...of3, version: '2', belowNewest: true })
    expect([await get('1'), await get('2')]).toEqual(['update 2', 'update 3'])
    expect(await promote(store.publisher, { ...of3, version: '4' })).toMatchObject({ kind: 'changed' })
  })

  test('a mark that came later is brought along, too', async () => {
    await promote(store.publisher, { ...of3, version: '2' })
    await mark(alpha, '2', 'floor')
    expect(await refusal(promote(store.publisher, of3))).toMatch(/2 is a floor of alpha/)
    await promote(store.publisher, { ...of3, withFloors: true })
    expect(await get('1')).toBe('update 2')
  })

  test('several come oldest first, and one that is held there stops it', async () => {
    for (const version of ['4', '5']) await publishOne(store, version, { channel: 'alpha' })
    for (const version of ['2', '4']) await mark(alpha, version, 'floor')
    await holdRelease(store.publisher, alpha, { version: '4', reason: 'boot loop' })
    const of5 = { ...of3, version: '5' }
    expect(await refusal(promote(store.publisher, { ...of5, withFloors: true }))).toMatch(
      /machines must pass through 4/,
    )
    await promote(store.publisher, { ...of3, withFloors: true })
    expect((await releasesOf(stable)).map(({ version, floor }) => [version, floor !== undefined])).toEqual([
      ['3', false],
      ['2', true],
      ['1', false],
    ])
  })

  test('only the boards that it promotes', async () => {
    await publishOne(store, '3', { channel: 'alpha', board: 'arm64-usr' })
    await mark(alpha, '2', 'floor')
    expect(await promote(store.publisher, { ...of3, boards: ['arm64-usr'] })).toMatchObject({ kind: 'changed' })
  })

  test('a floor of the destination that lacks a board with older releases is not passed by', async () => {
    const arm = { board: 'arm64-usr' }
    for (const version of ['1', '3']) await publishOne(store, version, { ...arm, channel: 'alpha' })
    await publishOne(store, '1', arm)
    await publishOne(store, '2')
    await mark(stable, '2', 'floor')
    expect(await refusal(promote(store.publisher, of3))).toMatch(
      /2 is a floor of this channel, without packages for arm64-usr/,
    )
    expect(await refusal(promote(store.publisher, { ...of3, withFloors: true }))).toMatch(/without packages/)
    await publishOne(store, '2', { ...arm, channel: 'alpha', belowNewest: true })
    await promote(store.publisher, { ...of3, withFloors: true })
    expect(await get('1', arm)).toBe('update 2')
  })

  test('a floor that machines of a board pass by already does not stop the next release', async () => {
    const arm = { board: 'arm64-usr' }
    await publishOne(store, '2')
    for (const version of ['1', '3']) await publishOne(store, version, arm)
    await mark(stable, '2', 'floor')
    await publishOne(store, '4', arm)
    expect(await get('1', arm)).toBe('update 4')
  })

  test('from a channel that follows: its source has the floors', async () => {
    await mark(alpha, '2', 'floor')
    await execute(store.publisher, 'channel-create', { app, channel: 'early' })
    await followChannel(store.publisher, { app, channel: 'early' }, { channel: 'alpha' })
    await promote(store.publisher, { ...of3, to: 'early' })
    expect(await refusal(promote(store.publisher, { ...of3, from: 'early' }))).toMatch(/2 is a floor of early/)
    expect(await get('1', { channel: 'early' })).toBe('update 2')
  })

  test('what a release runs on goes with it; a list of machines stays', async () => {
    const machines = { deny: ['a'.repeat(64)] }
    await execute(store.publisher, 'target', { ...alpha, version: '3', target: { oem: { not: ['pxe'] }, machines } })
    await promote(store.publisher, of3)
    expect([await get('1', { oem: 'pxe' }), await get('1')]).toEqual(['target', 'update 3'])
    expect((await releasesOf(stable))[0]?.target).toEqual({ oem: { not: ['pxe'] } })
  })

  test('a floor from the first instant', async () => {
    await promote(store.publisher, { ...of3, version: '2', floor: 'step' })
    await promote(store.publisher, of3)
    expect(await get('1')).toBe('update 2')
  })

  test('no embargo is lost, whatever ramp it gets', async () => {
    await publishOne(store, '4', { channel: 'alpha', from: new Date(now + day).toISOString() })
    const ramp = [
      { at: new Date(now).toISOString(), share: 0 },
      { at: new Date(now + day).toISOString(), share: 1 },
    ]
    await promote(store.publisher, { ...of3, version: '4', ramp })
    expect(await get('1', { isManual: true })).toBe('not-in-ramp')
    store.time.now += day
    expect([await get('1', { isManual: true }), await get('1')]).toEqual(['update 4', 'not-in-ramp'])
    store.time.now += day
    expect(await get('1')).toBe('update 4')
  })
})

describe('other ways into a channel', () => {
  test('publishing the version again: refused past a floor of the channel that has it', async () => {
    await mark(alpha, '2', 'floor')
    expect(await refusal(publishOne(store, '3'))).toMatch(/2 is a floor of alpha/)
    await publishOne(store, '3', { withFloors: true })
    expect(await get('1')).toBe('update 2')
  })

  test('publishing the version again: its own marks go along, unless they are left out on purpose', async () => {
    await mark(alpha, '2', 'floor')
    await mark(alpha, '3', 'deadEnd')
    await execute(store.publisher, 'target', { ...alpha, version: '2', target: { oem: { not: ['pxe'] } } })
    for (const version of ['2', '3']) await publishOne(store, version)
    expect([await get('1'), await get('1', { oem: 'pxe' }), await get('3')]).toEqual(['update 2', 'target', 'dead-end'])
    const late = { channel: 'late', skipFloors: true }
    for (const version of ['1', '2', '3']) await publishOne(store, version, late)
    expect([await get('1', late), await get('3', late)]).toEqual(['update 3', 'up-to-date'])
  })

  test('publishing a version that no other channel has needs none of their floors', async () => {
    await mark(alpha, '2', 'floor')
    await publishOne(store, '2.5')
    expect(await get('1')).toBe('update 2.5')
  })

  test('publishing the version again: a dead end elsewhere stops nobody here', async () => {
    await mark(alpha, '2', 'deadEnd')
    await publishOne(store, '3')
    expect(await get('1')).toBe('update 3')
  })

  test('a renamed channel keeps its floors', async () => {
    await mark(alpha, '2', 'floor')
    await renameChannel(store.publisher, alpha, 'edge')
    expect(await get('1', { channel: 'alpha' })).toBe('update 2')
  })

  test('a follower that is past a floor still has it for older machines', async () => {
    await execute(store.publisher, 'channel-create', { app, channel: 'late' })
    await followChannel(store.publisher, { app, channel: 'late' }, { channel: 'alpha' })
    await promote(store.publisher, { ...of3, to: 'late' })
    await mark(alpha, '2', 'floor')
    expect([await get('1', { channel: 'late' }), await get('2', { channel: 'late' })]).toEqual(['update 2', 'update 3'])
  })

  test('adopting brings floors along, also those that are older than what is here', async () => {
    await mark(alpha, '2', 'floor')
    const keys = {
      root: [await newKey('EdDSA')],
      release: [await newKey('EdDSA')],
      timestamp: [await newKey('EdDSA')],
    } as const
    const own = await newStore({ root: [keys.root[0]], release: [keys.release[0]], timestamp: [keys.timestamp[0]] })
    await publishOne(own, '2.5')
    const run = (more: object = {}) =>
      adopt(own.publisher, store.publisher, { from: alpha, to: 'stable', afterMs: 0, ...more })
    const mine = (version: string) => ask(newReader(own), { version })
    expect((await run()).effects).toEqual([
      '2 for amd64-usr: offered to machines that run less than it. No machine moves down.',
    ])
    expect([await mine('1'), await mine('2')]).toEqual(['update 2', 'update 3'])
    expect(await run()).toMatchObject({ kind: 'unchanged' })
    await publishOne(store, '4', { channel: 'alpha' })
    await mark(alpha, '3', 'floor')
    await run({ skipFloors: true })
    expect([await mine('1'), await mine('2')]).toEqual(['update 2', 'update 4'])
  })
})

describe('below the newest', () => {
  const planned = async (fields: object) => {
    const command = readCommand('promote', { app, channel: 'stable', version: '2', from: 'alpha', ...fields })
    return preview(store.publisher, await planCommand(store.publisher, command as ChannelCommand))
  }

  beforeEach(() => promote(store.publisher, of3))

  test('the plan says who is offered it, by what decides', async () => {
    expect((await publishOne(store, '1.5', { belowNewest: true })).effects).toEqual([
      '1.5 for amd64-usr: not offered to machines that run less than it: they get 3. No machine moves down.',
    ])
    await mark(stable, '3', 'withdrawn')
    expect(await refusal(planned({}))).toMatch(/--below-newest|2 is lower than 3/)
    expect((await planned({ belowNewest: true })).effects).toEqual([
      '2 for amd64-usr: offered to machines that run less than it. No machine moves down.',
    ])
    await execute(store.publisher, 'rollback', { ...stable, version: '3', reason: 'boot loop' })
    expect((await planned({ belowNewest: true })).effects).toEqual([
      '2 for amd64-usr: offered to machines that run less than it. The running rollback of 3 moves machines that run it down to this; no other machine moves down.',
    ])
    await publishOne(store, '1.7', { belowNewest: true, floor: 'step' })
    expect([await get('1'), await get('1.7'), await get('3')]).toEqual(['update 1.7', 'withdrawn', 'update 1.7'])
  })

  test('nobody above it moves down without a rollback', async () => {
    await mark(stable, '3', 'withdrawn')
    await promote(store.publisher, { ...of3, version: '2', belowNewest: true })
    expect([await get('1'), await get('2'), await get('2.5'), await get('3')]).toEqual([
      'update 2',
      'withdrawn',
      'withdrawn',
      'up-to-date',
    ])
  })
})
