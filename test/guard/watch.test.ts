/** The guard over a store and a projection: what it holds, and what it leaves alone. */
import { describe, expect, test } from 'vitest'
import { newCatalogCache } from '../../src/catalog/cache.ts'
import { openWatch } from '../../src/guard/watch.ts'
import type { LogEntry } from '../../src/kernel/log.ts'
import { execute, followChannel, holdRelease, renameChannel, unholdRelease } from '../changes.ts'
import { app, ask, day, minute, newReader, storedCatalog } from '../world.ts'
import { failure, guarded, offer, type Scene, upToDate, usual } from './scene.ts'

const ref = { app, channel: 'stable' }
const [rollback, download] = [failure('44 rollback'), failure('9 download-transfer')]
const installed = { reported: [{ type: 3, result: 1 }] }
const said = ({ log }: Scene): readonly LogEntry[] => log.filter(({ event }) => event === 'guard')

/** Everybody is offered version 2, and some come back in the old version or do not get it. */
async function failing(known: number, fell: number, failed: number): Promise<Scene> {
  const scene = await guarded(known)
  scene.each(known, offer())
  scene.time.now += minute
  scene.each(fell, installed)
  scene.time.now += minute
  scene.each(fell, rollback)
  for (let i = fell; i < fell + failed; i++) scene.say(`machine${i}`, download)
  return scene
}

describe('a release that fails', () => {
  test('is held with the reason, by one of several processes; machines are told', async () => {
    const scene = await failing(41, 8, 2)
    const [first, second] = [scene.guard(), scene.guard()]
    await Promise.all([first.once(), second.once()])
    const reason = 'guard: 10 of 41 failed: 8 × 44 rollback, 2 × 9 download-transfer'
    expect(await scene.holds()).toEqual([['2', reason]])
    expect(said(scene)).toEqual([{ level: 'warn', event: 'guard', ...ref, version: '2', result: 'held', reason }])
    expect(await ask(newReader(scene))).toBe('held')
    const written = await storedCatalog(scene)
    for (const one of [first, second, scene.guard()]) await one.once()
    expect(await storedCatalog(scene)).toEqual(written)
    const held = [first, second].map((one) => one.gauges()[0]?.values.get('held'))
    expect(held.toSorted()).toEqual([0, 1])
  })

  test('is held for machines that fell back alone', async () => {
    const scene = await failing(100, 10, 0)
    await scene.guard().once()
    expect(await scene.holds()).toEqual([['2', 'guard: 10 of 100 fell back: 10 × 44 rollback']])
  })

  test('is reported once where there is no timestamp key', async () => {
    const scene = await failing(40, 20, 0)
    const watch = scene.guard({ timestamp: [] })
    for (const _ of [1, 2]) await watch.once()
    expect(await scene.holds()).toEqual([])
    expect(said(scene)).toMatchObject([
      { version: '2', result: 'not held: no timestamp key', reason: expect.stringContaining('20 of 40 failed') },
    ])
    expect(watch.gauges()).toMatchObject([
      { name: 'platte_guard_holds', values: new Map(Object.entries({ held: 0, reported: 1, failed: 0 })) },
      { name: 'platte_guard_failed_machines', values: new Map([[`${app}/stable`, 20]]) },
    ])
  })

  test('is reported once where the store is only read', async () => {
    const scene = await failing(40, 20, 0)
    const swap = () => Promise.reject(new Error('read-only file system'))
    const watch = scene.guard({ documents: { ...scene.bucket, swap } })
    for (const _ of [1, 2]) await watch.once()
    expect(said(scene)).toMatchObject([{ level: 'error', version: '2', problem: 'read-only file system' }])
    expect(watch.gauges()[0]?.values.get('failed')).toBe(2)
  })

  test('keeps the hold of an operator as it is', async () => {
    const scene = await failing(40, 20, 0)
    await holdRelease(scene.publisher, ref, { version: '2', reason: 'mine' })
    await scene.guard().once()
    expect(await scene.holds()).toEqual([['2', 'mine']])
  })

  test('is left alone without a guard', async () => {
    const scene = await failing(40, 20, 0)
    await execute(scene.publisher, 'channel-edit', { ...ref, guard: null })
    await scene.guard().once()
    expect(await scene.holds()).toEqual([])
  })

  test('gives a short reason whatever machines report', async () => {
    const scene = await guarded(200)
    scene.each(200, offer())
    scene.time.now += minute
    for (let i = 0; i < 200; i++) scene.say(`machine${i}`, failure(i % 2 ? `${i} x` : `\u202e${'y'.repeat(80)}${i}`))
    await scene.guard().once()
    const [[, reason = ''] = []] = await scene.holds()
    expect(reason).toMatch(/^guard: 200 of 200 failed: 1 × 1\d* x, 1 × .*, 196 × others$/)
  })
})

describe('a hold that was lifted', () => {
  test('does not come again for the same failures, in any process, but for new ones', async () => {
    const scene = await failing(41, 20, 0)
    const watch = scene.guard()
    await watch.once()
    await unholdRelease(scene.publisher, ref, { version: '2' })
    scene.time.now += minute
    scene.each(20, rollback)
    for (const one of [watch, scene.guard()]) await one.once()
    expect(await scene.holds()).toEqual([])
    scene.each(41, upToDate, 'more')
    scene.each(30, offer(), 'late')
    scene.time.now += minute
    scene.each(20, rollback, 'late')
    await scene.guard().once()
    expect(await scene.holds()).toEqual([])
  })

  test('comes again for machines that were offered the release since', async () => {
    const scene = await guarded(82)
    scene.each(41, offer())
    scene.time.now += minute
    scene.each(20, rollback)
    await scene.guard().once()
    await unholdRelease(scene.publisher, ref, { version: '2' })
    await renameChannel(scene.publisher, ref, 'new-name')
    scene.time.now += minute
    for (let i = 41; i < 82; i++) scene.say(`machine${i}`, { ...offer(), channel: 'new-name' })
    scene.time.now += minute
    await scene.guard().once()
    expect(await scene.holds('new-name')).toEqual([])
    for (let i = 41; i < 53; i++) scene.say(`machine${i}`, { ...rollback, channel: 'new-name' })
    await scene.guard().once()
    expect(await scene.holds('new-name')).toEqual([['2', 'guard: 12 of 41 failed: 12 × 44 rollback']])
  })

  test('stays lifted where it was lifted while another process was judging', async () => {
    const scene = await failing(41, 20, 0)
    const { documents } = scene.publisher
    let isFirst = true
    const create: typeof documents.swap = async (...swap) => {
      if (!isFirst) return documents.swap(...swap)
      isFirst = false
      await scene.guard().once()
      await unholdRelease(scene.publisher, ref, { version: '2' })
      return documents.swap(...swap)
    }
    await scene.guard({ documents: { ...documents, swap: create } }).once()
    expect([isFirst, await scene.holds()]).toEqual([false, []])
  })
})

describe('who counts', () => {
  /** What 41 machines say after their offer, of which 20 are usually enough. */
  const cases: Readonly<Record<string, (scene: Scene) => void>> = {
    'not a machine that got over it': (scene) => {
      scene.each(20, download)
      scene.time.now += minute
      scene.each(20, installed)
    },
    'not a machine that runs it since': (scene) => {
      scene.each(20, download)
      scene.time.now += minute
      scene.each(20, { ...upToDate, version: '2', reported: [{ type: 3, result: 2, previous: '1' }] })
    },
    'not a failure after the time of the guard': (scene) => {
      scene.time.now += day
      scene.each(20, download)
    },
    'not a syncer': (scene) => scene.each(20, { ...download, syncer: true }),
    'not the failure of another release': (scene) => {
      scene.each(20, offer('3'))
      scene.each(20, download)
    },
  }
  test.each(Object.entries(cases))('%s', async (_, happens) => {
    const scene = await guarded(41)
    scene.each(41, offer())
    scene.time.now += minute
    happens(scene)
    await scene.guard().once()
    expect(await scene.holds()).toEqual([])
  })

  test('a machine that keeps failing counts by its first failure', async () => {
    const scene = await guarded(41)
    scene.each(41, offer())
    for (let i = 0; i < 40; i++) {
      scene.time.now += 60 * minute
      scene.each(20, download)
    }
    await scene.guard().once()
    expect(await scene.holds()).toHaveLength(1)
  })

  test('machines of another channel do not', async () => {
    const scene = await guarded(41)
    scene.each(41, { ...offer(), channel: 'other' })
    scene.time.now += minute
    scene.each(20, { ...download, channel: 'other' })
    await scene.guard().once()
    expect(await scene.holds()).toEqual([])
  })

  test('those of an alias do', async () => {
    const scene = await guarded(41)
    await execute(scene.publisher, 'channel-edit', { ...ref, aliases: ['old-name'] })
    scene.each(41, { ...offer(), channel: 'old-name' })
    scene.time.now += minute
    scene.each(20, { ...download, channel: 'old-name' })
    await scene.guard().once()
    expect(await scene.holds()).toHaveLength(1)
  })

  test('made-up ids do not hide a release that fails', async () => {
    const scene = await guarded(41)
    scene.each(41, offer())
    scene.each(5_000, offer(), 'made-up')
    scene.time.now += minute
    scene.each(20, rollback)
    await scene.guard().once()
    expect(await scene.holds()).toEqual([['2', 'guard: 20 of 41 failed: 20 × 44 rollback']])
  })
})

describe('a follower', () => {
  async function following(): Promise<Scene> {
    const scene = await guarded(41)
    await execute(scene.publisher, 'channel-create', { app, channel: 'late', guard: usual })
    await followChannel(scene.publisher, { app, channel: 'late' }, { channel: 'stable' })
    return scene
  }

  test('holds what fails for its own machines, for them alone', async () => {
    const scene = await following()
    scene.each(41, { ...offer(), channel: 'late' })
    scene.time.now += minute
    scene.each(20, { ...download, channel: 'late' })
    await scene.guard().once()
    expect([await scene.holds('stable'), (await scene.holds('late')).length]).toEqual([[], 1])
    expect(await ask(newReader(scene))).toBe('update 2')
  })

  test('gets the holds of its source', async () => {
    const scene = await following()
    scene.each(41, offer())
    scene.time.now += minute
    scene.each(20, download)
    await scene.guard().once()
    expect([(await scene.holds('stable')).length, await scene.holds('late')]).toEqual([1, []])
    expect(await ask(newReader(scene), { channel: 'late' })).toBe('held')
  })
})

test('says once why it cannot judge', async () => {
  const scene = await failing(41, 20, 0)
  const watch = openWatch({ cache: newCatalogCache(), writer: scene.publisher, file: `${scene.file}.elsewhere` })
  for (const _ of [1, 2]) await watch.once()
  expect(said(scene)).toMatchObject([{ level: 'error', problem: expect.stringContaining('there is no projection') }])
})
