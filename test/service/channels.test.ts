/** Edits of channels by several operators at once, and said twice: both land or one is told, and nothing is lost. */
import { beforeEach, describe, expect, test } from 'vitest'
import { inspectStore } from '../../src/catalog/audit.ts'
import { packagesOf } from '../../src/catalog/channels.ts'
import { loadHead } from '../../src/catalog/commit-channel.ts'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { loadForWriting } from '../../src/catalog/read.ts'
import { summarise } from '../../src/catalog/summary.ts'
import { planChange } from '../../src/channels/commit.ts'
import type { EditAction } from '../../src/channels/execute-command.ts'
import type { EditResult, ManifestEdit } from '../../src/channels/plan.ts'
import type { Publisher } from '../../src/channels/publish.ts'
import type { ChannelManifest } from '../../src/documents/channel.ts'
import { channelKey } from '../../src/documents/paths.ts'
import { isDetailed, type Release } from '../../src/release/channel.ts'
import { markRelease, rampRelease, rollBack, undoRollBack, withField } from '../../src/release/edits.ts'
import { machineHash } from '../../src/release/target.ts'
import type { Overlay } from '../../src/release/view.ts'
import { seal } from '../../src/trust/envelope.ts'
import {
  describeChannel,
  editChannel,
  endChannel,
  execute,
  followChannel,
  holdRelease,
  promote,
  pruneChannel,
  renameChannel,
  stopRamps,
  unholdRelease,
} from '../changes.ts'
import { withFault } from '../faults/scene.ts'
import {
  app,
  ask,
  bytesOf,
  day,
  newReader,
  newStore,
  publishOne,
  refusal,
  seeded,
  storedCatalog,
  type TestStore,
} from '../world.ts'

const alpha = { app, channel: 'alpha' }
const stable = { app, channel: 'stable' }
const why = { reason: 'boot loop' }
let store: TestStore

beforeEach(async () => {
  store = await newStore()
  for (const version of ['1', '2', '3']) await publishOne(store, version, { channel: 'alpha' })
  await publishOne(store, '1')
})

const headOf = async (ref: typeof alpha): Promise<ChannelManifest> => {
  const head = await loadHead(store.publisher, await loadForWriting(store.publisher), ref)
  if (head === undefined) throw new Error(`there is no ${ref.channel}`)
  return head.manifest
}
const versionsIn = async (ref: typeof alpha) => (await headOf(ref)).releases.map(({ version }) => version)
const catalogOf = async (channel: string) => (await storedCatalog(store)).apps[app]?.channels[channel]
/** One of several operators: a chance of its own. */
const operator = (seed: number): Publisher => ({ ...store.publisher, random: seeded(seed) })
const edit = (publisher: Publisher, change: ManifestEdit['apply']) => editChannel(publisher, alpha, change)
const set = (version: string, fields: Partial<Release>) => (current: ChannelManifest) => ({
  ...current,
  releases: current.releases.map((one) => (one.version === version ? { ...one, ...fields } : one)),
})
const promoted = { app, version: '2', from: 'alpha', to: 'stable' }
const line = [
  { at: '2026-11-20T00:00:00.000Z', share: 0 },
  { at: '2027-11-20T00:00:00.000Z', share: 1 },
]

describe('concurrent operators', () => {
  test('all edits of manifests and brakes land', async () => {
    const edits: ((publisher: Publisher) => Promise<EditResult>)[] = [
      (one) => edit(one, (current) => markRelease(current, '1', { mark: 'floor', because: why })),
      (one) => edit(one, (current) => markRelease(current, '2', { mark: 'withdrawn', because: why })),
      (one) => edit(one, set('3', { ramp: line })),
      (one) => edit(one, (current) => withField(current, 'target', { from: '<3' })),
      (one) => describeChannel(one, alpha, { description: 'for the brave' }),
      (one) => holdRelease(one, alpha, { version: '3', ...why }),
      (one) => holdRelease(one, alpha, { version: '3', board: 'amd64-usr', ...why }),
      (one) => stopRamps(one, alpha, true),
    ]
    const results = await Promise.all(edits.map((one, i) => one(operator(i))))
    expect(results.map(({ kind, inForce }) => [kind, inForce])).toEqual(edits.map(() => ['changed', true]))
    const { releases, target, description } = await headOf(alpha)
    const [third, second, first] = releases
    expect([third?.ramp, second?.withdrawn, first?.floor]).toEqual([line, why, why])
    expect([target, description]).toEqual([{ from: '<3' }, 'for the brave'])
    const named = await catalogOf('alpha')
    expect([named?.holds?.length, named?.rampAsOf, named?.seq]).toEqual([2, expect.any(String), 8])
    expect(await inspectStore(store.publisher)).toMatchObject({ findings: [] })
  })

  test('of two contradicting edits one lands, and the other gets the reason', async () => {
    const marks = ['floor', 'withdrawn'] as const
    const results = await Promise.all(
      marks.map((mark, i) =>
        refusal(edit(operator(i), (current) => markRelease(current, '2', { mark, because: why }))),
      ),
    )
    expect(results.sort()).toEqual(['accepted', expect.stringMatching(/^refused: 2 would be a floor and withdrawn/)])
  })

  test('a release published during a prune stays', async () => {
    let isDone = false
    const { documents } = store.publisher
    const create: typeof documents.create = async (key, bytes) => {
      const created = await documents.create(key, bytes)
      if (!isDone) {
        isDone = true
        await publishOne(store, '4', { channel: 'alpha' })
      }
      return created
    }
    const pruned = await pruneChannel({ ...store.publisher, documents: { ...documents, create } }, alpha, { keep: 1 })
    expect(pruned.packages.map(({ key }) => key.split('/')[2])).toEqual(['2'])
    expect(await versionsIn(alpha)).toEqual(['4', '3'])
    expect(await inspectStore(store.publisher)).toMatchObject({ findings: [] })
  })

  test('a release waiting in a channel that is not in the catalog stays', async () => {
    await publishOne({ publisher: { ...store.publisher, timestamp: [] } }, '2', { channel: 'beta' })
    const { packages } = await pruneChannel(store.publisher, alpha, { keep: 1 })
    expect(packages).toEqual([])
  })

  test('pruning packages that are being published elsewhere is reported; publishing again repairs it', async () => {
    const { packages } = store.publisher
    const remove = async (key: string): Promise<void> => {
      await publishOne(store, '2')
      await packages.remove(key)
    }
    const pruning = { ...store.publisher, packages: { ...packages, remove } }
    expect(await refusal(pruneChannel(pruning, alpha, { keep: 1 }))).toMatch(/^conflict: removed while .*\/2\//)
    await publishOne(store, '2')
    expect(await inspectStore(store.publisher)).toMatchObject({ findings: [] })
  })

  test('promoting a release that is pruned meanwhile is reported', async () => {
    let isDone = false
    const { documents } = store.publisher
    const create: typeof documents.create = async (key, bytes) => {
      if (!isDone) {
        isDone = true
        await pruneChannel(store.publisher, alpha, { keep: 1 })
      }
      return documents.create(key, bytes)
    }
    const promoting = { ...store.publisher, documents: { ...documents, create } }
    expect(await refusal(promote(promoting, promoted))).toMatch(/^missing: packages\/.* is not in the store/)
  })
})

describe('a repeated command changes nothing', () => {
  const now = () => store.time.now
  const ramp = (shares: readonly number[], hasStart = false) => {
    const steps = shares.map((share, i) => ({ at: new Date(now() + i * 1_000_000).toISOString(), share }))
    return edit(store.publisher, (current) =>
      rampRelease(current, '3', { ramp: steps, now: now(), hasStart, mayLower: false }),
    )
  }
  const mark = (mark: 'floor' | 'withdrawn' | 'deadEnd') =>
    edit(store.publisher, (current) => markRelease(current, '2', { mark, because: why }))
  const rollback = { because: why, now: 0, isHeld: () => false }
  const rows: readonly (readonly [string, () => Promise<EditResult>])[] = [
    ['promote', () => promote(store.publisher, promoted)],
    ['promote with a ramp', () => promote(store.publisher, { ...promoted, ramp: line })],
    ['hold', () => holdRelease(store.publisher, alpha, { version: '3', ...why })],
    ['ramp to everybody', () => ramp([1])],
    ['floor', () => mark('floor')],
    ['withdraw', () => mark('withdrawn')],
    ['dead end', () => mark('deadEnd')],
    ['rollback', () => edit(store.publisher, (current) => rollBack(current, '3', rollback))],
    ['stop', () => stopRamps(store.publisher, alpha, true)],
    ['follow', () => followChannel(store.publisher, stable, { channel: 'alpha', after: 'P7D' })],
    ['describe', () => describeChannel(store.publisher, alpha, { aliases: ['next'], cadence: { every: 'P7D' } })],
    ['create', () => describeChannel(store.publisher, { app, channel: 'new' }, {}, { create: true })],
    ['rename', () => renameChannel(store.publisher, alpha, 'edge')],
    ['delete', () => endChannel(store.publisher, alpha, { force: true })],
    ['prune', () => pruneChannel(store.publisher, alpha, { keep: 1 })],
  ]
  test.each(rows)('%s', async (_, work) => {
    expect(await work()).toMatchObject({ kind: 'changed', inForce: true })
    const before = await storedCatalog(store)
    store.time.now += 60_000
    expect(await work()).toMatchObject({ kind: 'unchanged', inForce: true, changes: [] })
    expect(await storedCatalog(store)).toEqual(before)
  })

  test('unhold; but a hold of one board is lifted for that board only', async () => {
    const { publisher } = store
    await holdRelease(publisher, alpha, { version: '3', board: 'amd64-usr', ...why })
    expect(await refusal(unholdRelease(publisher, alpha, { version: '3' }))).toMatch(/^refused: 3 is not held/)
    const lifted = { version: '3.0', board: 'amd64-usr' }
    expect(await unholdRelease(publisher, alpha, lifted)).toMatchObject({ kind: 'changed' })
    expect(await unholdRelease(publisher, alpha, lifted)).toMatchObject({ kind: 'unchanged' })
    expect(await refusal(unholdRelease(publisher, alpha, { version: '9' }))).toMatch(
      /^refused: there is no release "9"/,
    )
  })

  test('a rollback among others, and its undo', async () => {
    const both = async () => (await headOf(alpha)).rollbackFrom
    for (const bad of ['3', '2', '3']) await edit(store.publisher, (current) => rollBack(current, bad, rollback))
    expect(await both()).toEqual(['3', '2'])
    await edit(store.publisher, (current) => undoRollBack(current, '3'))
    expect(await both()).toEqual(['2'])
  })

  test('a running ramp stays; a start or another share makes a new one', async () => {
    const { publisher } = store
    await edit(publisher, set('3', { ramp: [{ at: '2026-01-01T00:00:00Z', share: 0.1 }] }))
    expect(await ramp([0.1])).toMatchObject({ kind: 'unchanged' })
    expect(await ramp([0.1], true)).toMatchObject({ kind: 'changed' })
    expect(await ramp([0.2])).toMatchObject({ kind: 'changed' })
    await edit(publisher, set('3', { ramp: [{ at: '2036-01-01T00:00:00Z', share: 0.1 }] }))
    expect(await ramp([0.1])).toMatchObject({ kind: 'changed' })
  })
})

test('a share is lowered only with --lower', async () => {
  const lower = (mayLower: boolean) =>
    refusal(
      edit(store.publisher, (current) =>
        rampRelease(current, '3', { ramp: line, now: store.time.now, hasStart: true, mayLower }),
      ),
    )
  expect(await lower(false)).toMatch(/^refused: 3 is offered to 100 % now, and would be to 0\.\d+ %/)
  expect(await lower(true)).toBe('accepted')
})

const order = (action: EditAction, said: object) => execute(store.publisher, action, { ...alpha, ...said })
/** Half way of a ramp of two days. */
const stopAfterADay = async () => {
  store.time.now += day
  await order('ramp', { stop: true })
}

test('a ramp that starts after the stopped clock counts as lowering the share', async () => {
  await order('ramp', { version: '3', over: 'PT48H', lower: true })
  await stopAfterADay()
  const start = new Date(store.time.now).toISOString()
  store.time.now += 7 * day
  expect(await refusal(order('ramp', { version: '3', share: 0.8 }))).toMatch(
    /^refused: 3 is offered to 50 % now, and would be to 0 %/,
  )
  expect(await refusal(order('ramp', { version: '3', share: 0.8, start }))).toBe('accepted')
  expect(await refusal(order('ramp', { version: '3', share: 0.9, lower: true }))).toBe('accepted')
  expect(await ask(newReader(store), { channel: 'alpha', version: '2', machineId: 'x' })).toBe('not-in-ramp')
})

test('a list of machines too large for a manifest is refused, also in a dry run', async () => {
  const allow = Array.from({ length: 12_000 }, (_, i) => machineHash(`machine-${i}`))
  const apply = (current: ChannelManifest) => withField(current, 'target', { machines: { allow } })
  const looking = () => planChange(store.publisher, { ref: alpha, apply })
  for (const work of [looking, () => editChannel(store.publisher, alpha, apply)])
    expect(await refusal(work())).toMatch(/^refused: .*\/alpha: its manifest would have \d+ bytes; the limit is/)
})

describe('names', () => {
  test('a channel cannot be renamed to itself or to an existing channel', async () => {
    expect(await refusal(renameChannel(store.publisher, alpha, 'alpha'))).toMatch(/^refused: alpha has that name/)
    expect(await refusal(renameChannel(store.publisher, alpha, 'stable'))).toMatch(
      /^refused: "stable" is already a name of/,
    )
    expect(await versionsIn(alpha)).toEqual(['3', '2', '1'])
  })

  test('a renamed channel keeps its brakes, and its old name as an alias', async () => {
    await holdRelease(store.publisher, alpha, { version: '3', ...why })
    await stopRamps(store.publisher, alpha, true)
    const before = await catalogOf('alpha')
    await renameChannel(store.publisher, alpha, 'edge')
    const { holds, rampAsOf } = (await catalogOf('edge')) ?? {}
    expect({ holds, rampAsOf }).toEqual({ holds: before?.holds, rampAsOf: before?.rampAsOf })
    for (const channel of ['alpha', 'edge']) expect(await ask(newReader(store), { channel })).toBe('update 2')
  })

  test('editing a channel by its old name names the new one', async () => {
    await renameChannel(store.publisher, alpha, 'edge')
    const told = holdRelease(store.publisher, alpha, { version: '3', ...why })
    await expect(told).rejects.toMatchObject({ code: 'refused', hint: 'alpha is an alias of edge: use that name' })
  })

  test('publishing with --create does not take over an alias', async () => {
    await renameChannel(store.publisher, alpha, 'edge')
    await describeChannel(store.publisher, { app, channel: 'edge' }, { aliases: ['alpha', 'next'] })
    for (const channel of ['alpha', 'next']) {
      expect(await refusal(publishOne(store, '4', { channel, create: true }))).toMatch(/^refused: .* of channel edge/)
      expect(await ask(newReader(store), { channel })).toBe('update 3')
    }
  })

  describe('an interrupted rename, repeated', () => {
    const rename = (one: Publisher) => renameChannel(one, alpha, 'edge')
    const edge = { app, channel: 'edge' }
    beforeEach(async () => {
      await holdRelease(store.publisher, alpha, { version: '1', ...why })
      // The new channel is named, and the write after that never happens.
      await withFault(store, { at: 3, face: 'kill-before' }, rename)
    })

    test('keeps the brakes of both names', async () => {
      await holdRelease(store.publisher, edge, { version: '3', ...why })
      await rename(store.publisher)
      expect((await catalogOf('edge'))?.holds?.map(({ version }) => version).sort()).toEqual(['1', '3'])
      for (const channel of ['alpha', 'edge']) expect(await ask(newReader(store), { channel })).toBe('update 2')
    })

    test.each([alpha, edge])('refuses if $channel was edited meanwhile, and loses no edit', async (ref) => {
      await editChannel(store.publisher, ref, (current) =>
        markRelease(current, '3', { mark: 'withdrawn', because: why }),
      )
      expect(await refusal(rename(store.publisher))).toMatch(/^refused: edge has the alias alpha already/)
      expect((await headOf(ref)).releases[0]?.withdrawn).toEqual(why)
    })
  })

  test('a follower can hold a board that only its source has', async () => {
    await publishOne(store, '3', { channel: 'alpha', board: 'arm64-usr' })
    await publishOne(store, '3')
    await followChannel(store.publisher, stable, { channel: 'alpha' })
    const held = { version: '3', board: 'arm64-usr' }
    expect(await holdRelease(store.publisher, stable, { ...held, ...why })).toMatchObject({ kind: 'changed' })
    expect(await ask(newReader(store), { board: 'arm64-usr' })).toBe('held')
    expect(await ask(newReader(store))).toBe('update 3')
  })

  test('a follower without its source offers nothing', async () => {
    await followChannel(store.publisher, stable, { channel: 'alpha' })
    expect(await refusal(endChannel(store.publisher, alpha, { force: true }))).toMatch(/^refused: stable follows alpha/)
    expect(await ask(newReader(store))).toBe('update 3')
    store.bucket.erase('apps/e96281a6-d1af-4bde-9a0a-97b76e56dc57/alpha/0000000003.jws')
    expect(await ask(newReader(store))).toBe('not-mirrored')
  })
})

describe('a deleted channel', () => {
  test('stays deleted until it is created again', async () => {
    await endChannel(store.publisher, alpha, { force: true })
    await refresh(store.publisher, { force: true })
    expect(await ask(newReader(store), { channel: 'alpha' })).toBe('unknown-channel')
    const again = { channel: 'alpha', create: false }
    expect(await refusal(publishOne(store, '4', again))).toMatch(/^refused: .* has no channel "alpha"/)
    expect(await refusal(holdRelease(store.publisher, alpha, { version: '3', ...why }))).toMatch(
      /^refused: .* no channel/,
    )
    expect(await refusal(promote(store.publisher, { ...promoted, version: '1', to: 'alpha' }))).toMatch(/^refused/)
    expect(await publishOne(store, '2', { ...again, create: true })).toMatchObject({ seq: 5, offered: true })
    expect(await ask(newReader(store), { channel: 'alpha' })).toBe('update 2')
    expect(await inspectStore(store.publisher)).toMatchObject({ findings: [] })
  })

  test('stays deleted if the catalog could not be written', async () => {
    await endChannel({ ...store.publisher, timestamp: [] }, alpha, { force: true })
    expect(await ask(newReader(store), { channel: 'alpha' })).toBe('update 3')
    expect(await refusal(publishOne(store, '4', { channel: 'alpha', create: false }))).toMatch(/^refused/)
    expect(await endChannel(store.publisher, alpha)).toMatchObject({ kind: 'unchanged', inForce: true })
    expect(await ask(newReader(store), { channel: 'alpha' })).toBe('unknown-channel')
  })
})

test('the files of a deleted channel are pruned', async () => {
  await endChannel(store.publisher, alpha, { force: true })
  const { packages, ...edited } = await pruneChannel(store.publisher, alpha, { keep: 1 })
  expect([edited.kind, packages.map(({ key }) => key.split('/')[2])]).toEqual(['unchanged', ['3', '2']])
  expect(await store.packages.stat(packages[0]?.key ?? '')).toBeUndefined()
  expect(await inspectStore(store.publisher)).toMatchObject({ findings: [], packages: 1 })
})

describe('following', () => {
  const follow = (channel: string, source: string) =>
    refusal(followChannel(store.publisher, { app, channel }, { channel: source }))

  test('has one level and no cycles', async () => {
    await publishOne(store, '1', { channel: 'fleet' })
    expect(await follow('fleet', 'stable')).toBe('accepted')
    expect(await follow('stable', 'fleet')).toMatch(/^refused: fleet follows stable: it cannot be followed/)
    expect(await follow('alpha', 'fleet')).toMatch(/^refused: fleet follows stable/)
    expect(await follow('stable', 'alpha')).toMatch(/^refused: fleet follows stable: stable cannot follow alpha/)
    expect(await follow('alpha', 'alpha')).toMatch(/^refused: alpha cannot follow itself/)
    expect(await follow('alpha', 'nowhere')).toMatch(/^refused: .* has no channel "nowhere"/)
  })

  test.each(['alpha', `${app}/alpha`])('an overlay on %s applies to its followers', async (name) => {
    await followChannel(store.publisher, stable, { channel: 'alpha' })
    const holds = [{ version: '3', reason: 'not here' }]
    const reader = (overlay: Overlay) => newReader(store, { overlay })
    expect(await ask(reader({ [name]: { holds } }))).toBe('update 2')
    expect(await ask(reader({ [name]: { versions: ['2'] } }))).toBe('update 2')
    expect(await ask(reader({ beta: { holds } }))).toBe('update 3')
    expect(await ask(reader({ stable: { holds } }), { channel: 'alpha' })).toBe('update 3')
    const boards = async () => {
      const reader = { ...store.publisher, overlay: { [name]: { holds } } }
      return (await summarise(reader, { channel: 'stable' })).channels[0]?.boards
    }
    expect(await boards()).toMatchObject([{ newest: '3', offered: '2' }])
  })

  test('an overlay on a source does not apply to the releases of the follower itself', async () => {
    await followChannel(store.publisher, stable, { channel: 'alpha' })
    await publishOne(store, '4')
    const reader = (said: Overlay[string]) => newReader(store, { overlay: { alpha: said } })
    expect(await ask(reader({ versions: [] }))).toBe('update 4')
    expect(await ask(reader({ afterMs: 7 * day }))).toBe('update 4')
    expect(await ask(reader({ versions: [] }), { channel: 'alpha' })).toBe('held')
    expect(await ask(reader({ holds: [{ version: '4', reason: 'not here' }] }))).toBe('update 4')
  })

  test('a cycle created by two concurrent operators does not loop: each channel offers the releases of the other', async () => {
    const places = [
      [alpha, 'stable'],
      [stable, 'alpha'],
    ] as const
    for (const [place, channel] of places)
      await editChannel(store.publisher, place, (current) => withField(current, 'follow', { channel }))
    expect(await ask(newReader(store))).toBe('update 3')
    expect(await ask(newReader(store), { channel: 'alpha' })).toBe('update 3')
  })
})

describe('holds', () => {
  test.each<[string, Parameters<typeof holdRelease>[2], RegExp]>([
    ['an unknown version', { version: '9', ...why }, /^refused: there is no release "9" in this channel/],
    ['no version', { version: 'newest', ...why }, /^refused: there is no release "newest"/],
    ['an unknown board', { version: '3', board: 'riscv', ...why }, /^refused: 3 has no board "riscv"/],
    ['no reason', { version: '3', reason: '' }, /^usage: hold: reason: must not be empty/],
    ['two lines of reason', { version: '3', reason: 'a\nb' }, /^usage: hold: reason: must be on one line/],
    ['a long reason', { version: '3', reason: 'x'.repeat(501) }, /^usage: hold: reason: must have at most 500/],
  ])('of %s are refused', async (_, held, want) => {
    expect(await refusal(holdRelease(store.publisher, alpha, held))).toMatch(want)
    expect((await catalogOf('alpha'))?.holds).toBeUndefined()
  })

  test('on a follower apply to the follower only', async () => {
    await followChannel(store.publisher, stable, { channel: 'alpha' })
    await holdRelease(store.publisher, stable, { version: '3', ...why })
    expect(await ask(newReader(store))).toBe('update 2')
    expect(await ask(newReader(store), { channel: 'alpha' })).toBe('update 3')
  })
})

/** Keys of all packages of a manifest that has its details. */
const servedBy = ({ app, releases }: ChannelManifest) => packagesOf({ app, releases: releases.filter(isDetailed) })

describe('promotion', () => {
  test('keeps the bytes, the keys and the marks', async () => {
    await edit(store.publisher, set('2', { floor: why }))
    const list = async () => [...servedBy(await headOf(alpha)).keys()].filter((key) => key.includes('/2/'))
    await promote(store.publisher, promoted)
    const [release] = (await headOf(stable)).releases
    expect(release).toMatchObject({ version: '2', floor: why })
    expect([...servedBy(await headOf(stable)).keys()].filter((key) => key.includes('/2/'))).toEqual(await list())
    expect(await inspectStore(store.publisher)).toMatchObject({ findings: [], packages: 3 })
  })

  test('of one board is not affected by a hold of another', async () => {
    await publishOne(store, '3', { channel: 'alpha', board: 'arm64-usr' })
    await holdRelease(store.publisher, alpha, { version: '3', board: 'arm64-usr', ...why })
    const three = { ...promoted, version: '3' }
    expect(await refusal(promote(store.publisher, three))).toMatch(/^refused: 3 is held in alpha: boot loop/)
    expect(await promote(store.publisher, { ...three, boards: ['amd64-usr'] })).toMatchObject({ kind: 'changed' })
  })

  test('without a board that the target channel has is refused, unless boards are given', async () => {
    await publishOne(store, '1', { board: 'arm64-usr' })
    expect(await refusal(promote(store.publisher, promoted))).toMatch(/^refused: stable has arm64-usr, but 2 does not/)
    expect(await promote(store.publisher, { ...promoted, boards: ['amd64-usr'] })).toMatchObject({ kind: 'changed' })
    const unknown = { ...promoted, boards: ['riscv'] }
    expect(await refusal(promote(store.publisher, unknown))).toMatch(/^refused: 2 has no board riscv/)
  })

  test('of a package that is not in the store is refused', async () => {
    const [key = ''] = [...servedBy(await headOf(alpha)).keys()].filter((one) => one.includes('/2/'))
    await store.packages.remove(key)
    expect(await refusal(promote(store.publisher, promoted))).toMatch(/^missing: packages\//)
    expect(await versionsIn(stable)).toEqual(['1'])
  })

  test('into a channel that has withdrawn the release does not make it a floor', async () => {
    await promote(store.publisher, promoted)
    await editChannel(store.publisher, stable, (current) =>
      markRelease(current, '2', { mark: 'withdrawn', because: why }),
    )
    await publishOne(store, '2', { channel: 'alpha', board: 'arm64-usr', ignoreHolds: true })
    await edit(store.publisher, set('2', { floor: why }))
    expect(await refusal(promote(store.publisher, promoted))).toMatch(/^refused: 2 would be a floor and withdrawn/)
  })
})

describe('rollback', () => {
  const roll = (more: Partial<Parameters<typeof rollBack>[2]> = {}) =>
    refusal(
      edit(store.publisher, (current) =>
        rollBack(current, '3', { because: why, now: store.time.now, isHeld: () => false, ...more }),
      ),
    )
  test('sends all machines to the given version, or is refused', async () => {
    await edit(store.publisher, set('2', { ramp: line }))
    expect(await roll({ to: '1' })).toMatch(/^refused: amd64-usr would go to 2, not to 1/)
    expect(await roll({ to: '2' })).toMatch(/^refused: 2 is offered to [\d.]+ % only; the others go further back/)
    expect(await roll({ isHeld: () => true })).toMatch(/^refused: amd64-usr has no other release to go to/)
    expect(await roll({ to: '1', isHeld: ({ version }) => version === '2' })).toBe('accepted')
    expect(await ask(newReader(store), { channel: 'alpha', version: '3' })).toBe('update 1')
  })

  test('to a held or withdrawn release is refused by name; the plan prints where machines go', async () => {
    await order('hold', { version: '2', ...why })
    expect(await refusal(order('rollback', { version: '3', ...why, to: '2' }))).toMatch(/^refused: 2 is held for amd64/)
    const { changes } = await order('rollback', { version: '3', ...why, to: '1' })
    expect(changes).toContainEqual(expect.objectContaining({ effect: 'machines on 3 are being sent back to 1' }))
    expect(await ask(newReader(store), { channel: 'alpha', version: '3' })).toBe('update 1')
    await order('unhold', { version: '2' })
    await order('rollback', { version: '3', undo: true })
    await order('withdraw', { version: '2', ...why })
    expect(await refusal(order('rollback', { version: '3', ...why, to: '2' }))).toMatch(/^refused: 2 was withdrawn: /)
    // Nobody is offered a withdrawn release, so a new ramp takes it from nobody.
    await order('ramp', { version: '2', over: 'PT48H' })
  })

  test('to a release below a floor that is held is refused: machines would wait', async () => {
    await edit(store.publisher, set('2', { floor: why }))
    await order('hold', { version: '2', ...why })
    expect(await refusal(order('rollback', { version: '3', ...why, to: '1' }))).toMatch(
      /^refused: 2 is a floor that is held for amd64-usr: no machine goes below it/,
    )
    await order('rollback', { version: '3', ...why })
    expect(await ask(newReader(store), { channel: 'alpha', version: '3' })).toBe('floor-held')
    await order('floor', { version: '2', undo: true })
    expect(await refusal(order('rollback', { version: '3', ...why, to: '1' }))).toBe('accepted')
    expect(await ask(newReader(store), { channel: 'alpha', version: '3' })).toBe('update 1')
  })

  test('to a release with a target, or not in this channel alone, is refused', async () => {
    const to2 = () => refusal(order('rollback', { version: '3', ...why, to: '2' }))
    await order('target', { version: '2', target: { oem: { not: ['pxe'] } } })
    expect(await to2()).toMatch(/^refused: 2 is not for every machine of this channel/)
    await order('target', { version: '2', none: true })
    await followChannel(store.publisher, alpha, { channel: 'stable' })
    expect(await to2()).toMatch(/^refused: alpha follows stable: machines may go to its releases/)
    await followChannel(store.publisher, alpha, undefined)
    expect(await to2()).toBe('accepted')
  })

  test('to a release with windows: machines wait for it and go nowhere else; into a dead end: refused', async () => {
    // Now is Tuesday noon.
    const windows = [{ days: ['Sat'], from: '22:00', to: '23:00', timeZone: 'UTC' }]
    await order('window', { version: '2', windows })
    await order('rollback', { version: '3', ...why, to: '2' })
    const told = (more = {}) => ask(newReader(store), { channel: 'alpha', version: '3', ...more })
    expect([await told(), await told({ isManual: true })]).toEqual(['outside-window', 'update 2'])
    await order('rollback', { version: '3', undo: true })
    await order('dead-end', { version: '2', ...why })
    expect(await refusal(order('rollback', { version: '3', ...why, to: '2' }))).toMatch(/^refused: 2 is a dead end/)
  })

  test('to a release whose stopped ramp is below 100 % is refused at any age', async () => {
    await order('ramp', { version: '2', over: 'PT48H', lower: true })
    await stopAfterADay()
    store.time.now += 7 * day
    expect(await refusal(order('rollback', { version: '3', ...why, to: '2' }))).toMatch(
      /^refused: 2 is offered to 50 % only/,
    )
  })

  test('is undone only as a whole: undoing one part would send machines to and fro', async () => {
    const told = () => Promise.all(['2', '3'].map((version) => ask(newReader(store), { channel: 'alpha', version })))
    await order('rollback', { version: '3.0', ...why })
    expect(await told()).toEqual(['withdrawn', 'update 2'])
    expect(await refusal(order('withdraw', { version: '3', undo: true }))).toMatch(
      /^refused: machines that run 3 are sent back: they would get it again and again/,
    )
    expect(await told()).toEqual(['withdrawn', 'update 2'])
    await order('rollback', { version: '3', undo: true })
    expect(await told()).toEqual(['update 3', 'up-to-date'])
    await order('withdraw', { version: '3', ...why })
    await order('withdraw', { version: '3', undo: true })
    expect(await told()).toEqual(['update 3', 'up-to-date'])
  })

  test('from a dead end is refused: it offers nothing', async () => {
    await edit(store.publisher, set('3', { deadEnd: why }))
    expect(await roll()).toMatch(/^refused: 3 is a dead end/)
  })
})

describe('prune', () => {
  test('keeps floors, dead ends and releases that a follower still waits for', async () => {
    for (const version of ['4', '5', '6']) await publishOne(store, version, { channel: 'alpha' })
    await edit(store.publisher, set('1', { floor: why }))
    await edit(store.publisher, set('2', { deadEnd: why }))
    await edit(store.publisher, set('4', { publishedAt: '2026-01-01T00:00:00Z' }))
    await followChannel(store.publisher, stable, { channel: 'alpha', after: 'P7D' })
    await pruneChannel(store.publisher, alpha, { keep: 1 })
    expect(await versionsIn(alpha)).toEqual(['6', '5', '4', '2', '1'])
    await followChannel(store.publisher, stable, undefined)
    await pruneChannel(store.publisher, alpha, { keep: 1 })
    expect(await versionsIn(alpha)).toEqual(['6', '2', '1'])
  })
})

const at = '2026-11-20T00:00:00.000Z'

describe('edits that would make a release unavailable to everyone are refused', () => {
  const day = { days: ['Mon'], from: '10:00', to: '11:00', timeZone: 'UTC' } as const
  test.each<[string, object, RegExp]>([
    ['a share above one', { ramp: [{ at, share: 1.5 }] }, /the ramp of 3: its share 1.5 is not a number/],
    ['a share that is not a number', { ramp: [{ at, share: Number.NaN }] }, /the ramp of 3: its share NaN is not/],
    ['a share in words', { ramp: [{ at, share: 'x' }] }, /the ramp of 3: its share NaN is not/],
    ['a ramp out of order', { ramp: line.toReversed() }, /the ramp of 3: its steps are out of order/],
    ['a ramp without steps', { ramp: [] }, /the ramp of 3: it has no step/],
    ['no window', { windows: [] }, /the windows of 3: none is given/],
    ['a window of no length', { windows: [{ ...day, to: day.from }] }, /the windows of 3: .* has no length/],
    ['a place that is nowhere', { windows: [{ ...day, timeZone: 'Mars/Base' }] }, /the windows of 3: .*"Mars\/Base"/],
    ['an invalid range', { target: { from: 'new ones' } }, /the target of 3: "new ones" is not a range/],
    ['an invalid range of systems', { target: { os: 'new ones' } }, /the target of 3: "new ones" is not a range/],
  ])('%s', async (_, fields, words) => {
    const before = await storedCatalog(store)
    const told = await refusal(edit(store.publisher, set('3', fields as Partial<Release>)))
    expect(told).toMatch(/^usage: /)
    expect(told).toMatch(words)
    expect([await storedCatalog(store), (await headOf(alpha)).seq]).toEqual([before, 3])
  })
})

test.each([1.5, -1, null, 'x', '1', [1]])(
  'a signed share of %j admits nobody, and does not affect other releases',
  async (share) => {
    const state = await loadForWriting(store.publisher)
    const head = await loadHead(store.publisher, state, alpha)
    if (head === undefined) throw new Error('there is no alpha')
    const { seq, releases } = head.manifest
    const [newest, ...others] = releases
    const forged = {
      ...head.manifest,
      seq: seq + 1,
      previous: head.sha256,
      releases: [{ ...newest, ramp: [{ at, share }] }, ...others],
    }
    const sealed = await seal('platte-channel+jws', bytesOf(forged), store.keys.release)
    await store.bucket.create(channelKey(app, 'alpha', seq + 1), sealed)
    await refresh(store.publisher)
    expect((await catalogOf('alpha'))?.seq).toBe(seq + 1)
    expect(await ask(newReader(store), { channel: 'alpha' })).toBe('update 2')
    expect(await ask(newReader(store), { channel: 'alpha', version: '2' })).toBe('not-in-ramp')
  },
)
