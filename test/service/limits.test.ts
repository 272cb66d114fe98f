/** Documents that are full: publishing is refused before anything is written, and brakes always fit. */
import { Hono } from 'hono'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { inspectStore } from '../../src/catalog/audit.ts'
import { commitChannel, loadHead } from '../../src/catalog/commit-channel.ts'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { checkCatalogFits } from '../../src/catalog/fill.ts'
import { loadForWriting } from '../../src/catalog/read.ts'
import { summarise } from '../../src/catalog/summary.ts'
import { change } from '../../src/channels/commit.ts'
import type { EditAction } from '../../src/channels/execute-command.ts'
import { loadState } from '../../src/channels/plan.ts'
import { planPublish } from '../../src/channels/publish.ts'
import { requireRoom } from '../../src/channels/room.ts'
import { maxCatalogBytesOf } from '../../src/documents/catalog.ts'
import type { ChannelManifest } from '../../src/documents/channel.ts'
import { catalogKey } from '../../src/documents/paths.ts'
import { openScrapes } from '../../src/metrics/open.ts'
import { markRelease } from '../../src/release/edits.ts'
import { seal, sealedSize } from '../../src/trust/envelope.ts'
import { adopt, describeChannel, editChannel, execute, renameChannel } from '../changes.ts'
import {
  app,
  ask,
  bytesOf,
  forgeCatalog,
  keys,
  newReader,
  newStore,
  orderOf,
  publishOne,
  refusal,
  seeded,
  storedCatalog,
  type TestStore,
} from '../world.ts'
import { realisticReleases } from './realistic.ts'

const stable = { app, channel: 'stable' }
/** As long as a reason may be. */
const reason = '因'.repeat(500)
let store: TestStore
let full: { readonly key: string; readonly bytes: Uint8Array }[]

const snapshot = async ({ bucket }: TestStore) => {
  const found: { key: string; bytes: Uint8Array }[] = []
  for await (const key of bucket.list('')) found.push({ key, bytes: await bucket.read(key) })
  return found
}
const headSize = async (ref = stable) =>
  (await loadHead(store.publisher, await loadForWriting(store.publisher), ref))?.size ?? 0
const order_ = (action: EditAction, said: object) => execute(store.publisher, action, { ...stable, ...said })

/** @returns the largest number from `least` on that fits, below `least` and twice a power of two, `step`. */
function most(least: number, step: number, fits: (count: number) => boolean): number {
  let count = least
  for (let more = step; more >= 1; more /= 2) if (fits(count + more)) count += more
  return count
}

/** Realistic releases, then CVEs of the oldest, until not one more fits. */
async function fill(): Promise<void> {
  for (const board of ['arm64-usr', 'amd64-usr']) await publishOne(store, '1', { board })
  const filled = (current: ChannelManifest, count: number, more: number): ChannelManifest => {
    const cves = Array.from({ length: more }, (_, i) => `CVE-2026-${10_000 + i}`)
    return { ...current, releases: [...realisticReleases(count), ...current.releases.map((one) => ({ ...one, cves }))] }
  }
  await editChannel(store.publisher, stable, (current) => {
    const fits = (count: number, more: number): boolean => {
      const { length } = bytesOf(filled({ ...current, previous: 'a'.repeat(64) }, count, more))
      return sealedSize('platte-channel+jws', length, 1) <= 983_040
    }
    const count = most(50, 64, (one) => fits(one, 0))
    return filled(
      current,
      count,
      most(0, 1024, (one) => fits(count, one)),
    )
  })
}

beforeAll(async () => {
  store = await newStore()
  await fill()
  full = await snapshot(store)
})

beforeEach(async () => {
  const before = new Set(full.map(({ key }) => key))
  for await (const key of store.bucket.list('')) if (!before.has(key)) store.bucket.erase(key)
  for (const { key, bytes } of full) await store.bucket.overwrite(key, bytes)
})

const isFull =
  /^refused: e96281a6-[-\da-f]+\/stable: its manifest would have \d+ bytes; the limit is 983040 \(65536 more are kept for brakes\)$/
const cure = expect.stringContaining('`platte prune --channel stable`')

describe('a full channel', () => {
  test('takes no release, and says so before a byte is read or written', async () => {
    const before = await snapshot(store)
    const unread = { name: 'update.gz', size: 10, open: () => expect.unreachable() }
    const order = orderOf('20000', { sources: [unread] })
    for (const work of [() => planPublish(store.publisher, order), () => publishOne(store, '20000', order)]) {
      expect(await refusal(work())).toMatch(isFull)
      await expect(work()).rejects.toMatchObject({ code: 'refused', hint: cure })
    }
    expect(await snapshot(store)).toEqual(before)
  })

  test('nor one whose floor does not fit, before a byte is read', async () => {
    await editChannel(store.publisher, stable, (one) => ({ ...one, releases: one.releases.slice(1) }))
    const wanted = (count: number, more: object = {}) => {
      const components = Object.fromEntries(Array.from({ length: count }, (_, i) => [`c${i}`, 'x'.repeat(100)]))
      return planPublish(store.publisher, orderOf('20000', { components, ...more }))
    }
    let most = 0
    for (let step = 128; step >= 1; step /= 2) if ((await refusal(wanted(most + step))) === 'accepted') most += step
    const unread = { name: 'update.gz', size: 10, open: () => expect.unreachable() }
    expect(await refusal(wanted(most, { floor: reason, sources: [unread] }))).toMatch(isFull)
  })

  test('takes no upload', async () => {
    const needs = async (more: object) => {
      const order = { ...stable, version: '20000', board: 'amd64-usr', create: true, ...more }
      const state = await loadState(store.publisher, { ref: { app, channel: order.channel } })
      return requireRoom(state, order, [{ name: 'a', size: 1 }], store.time.now)
    }
    expect(await refusal(needs({}))).toMatch(isFull)
    expect(await refusal(needs({ channel: 'new' }))).toBe('accepted')
    expect(await refusal(needs({ version: '5000.2.0' }))).toBe('accepted')
  })

  test('nor does it by promoting, adopting, or a list of machines', async () => {
    for (const board of ['amd64-usr', 'arm64-usr']) await publishOne(store, '20000', { channel: 'alpha', board })
    expect(await refusal(order_('promote', { version: '20000', from: 'alpha' }))).toMatch(isFull)
    const from = { app, channel: 'alpha' }
    expect(await refusal(adopt(store.publisher, store.publisher, { from, to: 'stable', afterMs: 0 }))).toMatch(isFull)
    const more = (one: ChannelManifest) => ({ ...one, description: 'x'.repeat(200) })
    expect(await refusal(editChannel(store.publisher, stable, more))).toMatch(isFull)
  })

  test.each<[EditAction, object, object?]>([
    ['hold', { version: '5000.2.0', reason }],
    ['withdraw', { version: '5000.2.0', reason }, { version: '5000.2.0', undo: true }],
    ['rollback', { version: '5000.2.0', reason }, { version: '5000.2.0', undo: true }],
    ['floor', { version: '4990.2.0', reason }, { version: '4990.2.0', undo: true }],
    ['dead-end', { version: '4990.2.0', reason }, { version: '4990.2.0', undo: true }],
    ['ramp', { version: '5000.2.0', over: 'P9D', steps: 100, lower: true }, { version: '5000.2.0', none: true }],
    ['ramp', { stop: true }, { resume: true }],
    ['prune', { keep: 5 }],
  ])('%s still fits', async (action, said, undo) => {
    expect(await refusal(order_(action, said))).toBe('accepted')
    if (undo) expect(await refusal(order_(action, undo))).toBe('accepted')
  })

  test('twenty brakes with the longest reasons fit together; then the limit of readers is named, and prune helps', async () => {
    const withdraw = (count: number) => (current: ChannelManifest) =>
      Array.from({ length: count }, (_, i) => `${5000 - i}.2.0`).reduce(
        (before, version) => markRelease(before, version, { mark: 'withdrawn', because: { reason } }),
        current,
      )
    const brake = (count: number) => change(store.publisher, { ref: stable, isBrake: true, apply: withdraw(count) })
    expect(await refusal(brake(40))).toMatch(/stable: its manifest would have \d+ bytes; the limit is 1048576$/)
    expect(await refusal(brake(20))).toBe('accepted')
    expect(await refusal(order_('prune', { keep: 3 }))).toBe('accepted')
    expect(await refusal(publishOne(store, '20000'))).toBe('accepted')
  })

  test('what shrinks it fits, and so does a new name', async () => {
    await order_('withdraw', { version: '5000.2.0', reason })
    expect(await headSize()).toBeGreaterThan(983_040)
    expect(await refusal(describeChannel(store.publisher, stable, { description: 'x'.repeat(200) }))).toMatch(isFull)
    const fewer = (one: ChannelManifest) => ({ ...one, releases: one.releases.slice(1) })
    expect(await refusal(editChannel(store.publisher, stable, fewer))).toBe('accepted')
    expect(await refusal(renameChannel(store.publisher, stable, 'edge'))).toBe('accepted')
  })

  test('is warned of by plans, show, verify and metrics', async () => {
    const warning = expect.stringMatching(
      /stable: its manifest has \d+ bytes, 1?\d\d(\.\d)? % of what publishing may use/,
    )
    expect(await order_('floor', { version: '4990.2.0', reason })).toMatchObject({ warnings: [warning] })
    expect((await summarise(store.publisher)).warnings).toEqual([warning])
    const { findings } = await inspectStore({ ...store.publisher, isPartial: true })
    expect(findings).toContainEqual({ level: 'note', key: expect.stringContaining('stable/'), problem: warning })
    const reader = newReader(store)
    await ask(reader)
    const parts = { ...reader, random: seeded(1), gauges: async () => [] }
    const scraped = new Hono()
    ;(await openScrapes(undefined, parts)).mount?.(scraped, {} as never)
    const text = await (await scraped.request('/metrics')).text()
    expect(text).toMatch(/platte_document_fill_ratio\{document="manifest"\} 1\.\d+/)
    expect(text).toMatch(/platte_document_fill_ratio\{document="catalog"\} 0\.00\d+/)
  })
})

test('below 80 % there is no warning', async () => {
  const small = await newStore()
  expect(await publishOne(small, '1')).not.toHaveProperty('warnings')
  expect((await summarise(small.publisher)).warnings).toEqual([])
})

test('the size of an envelope is known before it is signed', async () => {
  for (const type of ['platte-channel+jws', 'platte-catalog+jws'] as const)
    for (const signers of [keys.release, [...keys.release, ...keys.timestamp]])
      for (const payload of [{}, { a: 'ü' }, { ab: '因'.repeat(100) }]) {
        const bytes = bytesOf(payload)
        expect(sealedSize(type, bytes.length, signers.length)).toBe((await seal(type, bytes, signers)).length)
      }
})

describe('a full catalog', () => {
  let crowded: TestStore
  const entry = { seq: 1, sha256: 'a'.repeat(64), size: 1000 }
  beforeAll(async () => {
    crowded = await newStore()
    await publishOne(crowded, '1')
    await forgeCatalog(crowded, (catalog) => {
      const type = 'platte-catalog+jws'
      const room = maxCatalogBytesOf(1) - 4096 - 65_536 - 100
      const issuedAt = new Date(Date.parse(catalog.issuedAt) + 1).toISOString()
      const withMany = (count: number) => {
        const channels = Object.fromEntries(Array.from({ length: count }, (_, i) => [`c${i}`, entry]))
        return { ...catalog, issuedAt, apps: { ...catalog.apps, other: { channels } } }
      }
      return withMany(most(4096, 4096, (count) => sealedSize(type, bytesOf(withMany(count)).length, 1) < room))
    })
  })
  const tooMany =
    /^refused: .*: the catalog would have \d+ bytes; the limit is 978944 \(65536 more are kept for brakes\)$/
  const ref = { app, channel: 'new' }

  test('takes no channel and no alias more, and says so before a byte is read', async () => {
    expect(await refusal(describeChannel(crowded.publisher, ref, {}, { create: true }))).toMatch(tooMany)
    const unread = { name: 'update.gz', size: 10, open: () => expect.unreachable() }
    expect(await refusal(publishOne(crowded, '1', { channel: 'new', sources: [unread] }))).toMatch(tooMany)
    const aliases = Array.from({ length: 10 }, (_, i) => `an-alias-that-is-long-${i}`)
    expect(await refusal(describeChannel(crowded.publisher, stable, { aliases }))).toMatch(tooMany)
  })

  test('publishing to channels that are there, and brakes, go on', async () => {
    expect(await refusal(publishOne(crowded, '2'))).toBe('accepted')
    const held = { ...stable, version: '2', reason }
    expect(await refusal(execute(crowded.publisher, 'hold', held))).toBe('accepted')
    expect(await ask(newReader(crowded))).toBe('held')
    expect(await refusal(execute(crowded.publisher, 'unhold', { ...stable, version: '2' }))).toBe('accepted')
  })

  test('a channel too many does not stop the refresh of the others', async () => {
    const offline = { ...crowded.publisher, timestamp: [] }
    await commitChannel(offline, ref, (one) => ({ ...one, releases: [] }))
    await publishOne({ publisher: offline }, '3')
    const { rolled, problems } = await refresh(crowded.publisher)
    expect(rolled).toEqual([stable])
    expect(problems).toContainEqual(expect.stringMatching(/new: the catalog would have/))
    expect(Object.keys((await storedCatalog(crowded)).apps[app]?.channels ?? {})).not.toContain('new')
  })

  test('what is planned is what is written, at most', async () => {
    const one = await newStore()
    await publishOne(one, '1')
    const state = await loadForWriting(one.publisher)
    const planned = checkCatalogFits(state, ref, { ...entry, aliases: ['x'] })
    await describeChannel(one.publisher, ref, { aliases: ['x'] }, { create: true })
    const { length } = await one.bucket.read(catalogKey)
    expect(planned).toBeGreaterThanOrEqual(length)
    expect(planned - length).toBeLessThan(200)
  })
})
