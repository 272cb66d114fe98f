/** The log of the catalog: every change of holds and stopped ramps leaves one entry, with who and why, in the same swap. */
import { beforeEach, describe, expect, test } from 'vitest'
import { inspectStore } from '../../src/catalog/audit.ts'
import { ttlMs } from '../../src/catalog/cache.ts'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { channelHistory, type HistoryEntry } from '../../src/catalog/history.ts'
import { loadForWriting } from '../../src/catalog/read.ts'
import { rotateKey } from '../../src/catalog/rotate.ts'
import { change, planChange } from '../../src/channels/commit.ts'
import { holdEdit } from '../../src/channels/execute-command.ts'
import type { Publisher } from '../../src/channels/publish.ts'
import { maxCatalogBytes, maxLogBytes, maxLogEntries } from '../../src/documents/catalog.ts'
import { boundLog, checkLogEntry, type LogEntry } from '../../src/documents/catalog-log.ts'
import { catalogKey, channelKey } from '../../src/documents/paths.ts'
import { mirror } from '../../src/mirroring/mirror.ts'
import { changeLine } from '../../src/release/diff.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { adopt, execute, holdRelease, renameChannel } from '../changes.ts'
import { everyFault, withFault } from '../faults/scene.ts'
import { memoryPackages } from '../memory.ts'
import {
  app,
  ask,
  emptyBucket,
  forgeCatalog,
  newKey,
  newReader,
  newStore,
  noticing,
  publishOne,
  refusal,
  seeded,
  storedCatalog,
  type TestStore,
} from '../world.ts'

const stable = { app, channel: 'stable' }
const why = 'boot loop'
let store: TestStore
beforeEach(async () => {
  store = await newStore({ format: 2 })
  await publishOne(store, '1')
  await publishOne(store, '2')
})

const logOf = async (one = store) => ((await storedCatalog(one)).log ?? []) as readonly LogEntry[]
const whats = async () => (await logOf()).map(({ what }) => what)
async function historyOf(channel = 'stable', { publisher } = store): Promise<HistoryEntry[]> {
  const found: HistoryEntry[] = []
  for await (const one of channelHistory(publisher, { app, channel })) found.push(one)
  return found
}
const linesOf = async (channel?: string) =>
  (await historyOf(channel)).map(({ seq, signs = 'manifest', changes }) => [seq, signs, changes.map(changeLine).join()])
const run = (action: 'hold' | 'unhold' | 'ramp', said: object, publisher: Publisher = store.publisher) =>
  execute(publisher, action, { ...stable, ...said })
const keyIds = () => store.keys.timestamp.map(({ keyId }) => keyId)

describe('under format 2', () => {
  test('a hold, a new reason, an unhold, a stop and a resume: one entry each', async () => {
    await run('hold', { version: '2', reason: why, board: 'amd64-usr' })
    await run('hold', { version: '2', reason: 'it loops', board: 'amd64-usr' })
    await run('ramp', { stop: true, message: 'the pool is down' })
    await run('unhold', { version: '2', board: 'amd64-usr', message: 'fixed by the firmware' })
    const stoppedAt = (await storedCatalog(store)).apps[app]?.channels.stable?.rampAsOf
    await run('ramp', { resume: true })
    const common = { ...stable, seq: 2, at: stoppedAt, keyIds: keyIds() }
    const hold = { ...common, version: '2', board: 'amd64-usr' }
    expect(await logOf()).toEqual([
      { ...hold, what: 'hold', reason: why },
      { ...hold, what: 'hold', reason: 'it loops' },
      { ...common, what: 'ramp-stop', rampAsOf: stoppedAt, message: 'the pool is down' },
      { ...hold, what: 'unhold', reason: 'it loops', message: 'fixed by the firmware' },
      { ...common, what: 'ramp-resume', rampAsOf: stoppedAt },
    ])
    expect((await storedCatalog(store)).format).toBe(2)
    for (const one of await logOf()) expect(checkLogEntry(one)).toEqual(one)
  })

  test('what changes nothing leaves none', async () => {
    await run('hold', { version: '2', reason: why })
    await run('hold', { version: '2', reason: why })
    await run('ramp', { resume: true })
    await planChange(store.publisher, holdEdit(stable, { version: '1', reason: why }))
    expect(await whats()).toEqual(['hold'])
  })

  test('history has them between the manifests that they came between, in the order of the swaps', async () => {
    await run('hold', { version: '2', reason: why })
    store.time.now -= 60_000
    await run('unhold', { version: '2' })
    store.time.now += 120_000
    await publishOne(store, '3')
    await run('ramp', { stop: true })
    const lines = (await linesOf()).map(([seq, signs]) => `${seq} ${signs}`)
    expect(lines).toEqual(['3 catalog', '3 manifest', '2 catalog', '2 catalog', '2 manifest', '1 manifest'])
    const [, , lifted, held] = await historyOf()
    expect(lifted?.changes.map(changeLine)).toEqual([`- hold of 2: ${why}`])
    expect(held).toMatchObject({ keyIds: keyIds(), changes: [{ what: 'hold of 2', to: why }] })
  })

  test('who: the operator of the settings, or what the caller says, as far as it can be read', async () => {
    const by = { program: 'guard', bad: 'a\nb', long: 'x'.repeat(501), ['n'.repeat(65)]: 'x' }
    await change(store.publisher, holdEdit(stable, { version: '2', reason: 'guard: 7 of 41 failed' }), { by })
    const publisher = { ...store.publisher, operator: 'Ada Lovelace' }
    await run('unhold', { version: '2' }, publisher)
    await publishOne({ publisher }, '3')
    await execute(publisher, 'withdraw', { ...stable, version: '3', reason: why })
    expect((await logOf()).map(({ by }) => by)).toEqual([{ program: 'guard' }, { operator: 'Ada Lovelace' }])
    const named = (await historyOf()).map(({ seq, provenance }) => [seq, provenance])
    expect(named).toEqual([
      [4, { operator: 'Ada Lovelace' }],
      [3, { operator: 'Ada Lovelace' }],
      [2, { operator: 'Ada Lovelace' }],
      [2, { program: 'guard' }],
      [2, undefined],
      [1, undefined],
    ])
  })

  test.each([
    ['unhold', { version: '2', message: 'a\u0000b' }, /message: must be on one line/],
    ['unhold', { version: '2', message: 'x'.repeat(501) }, /message: must have at most 500/],
    ['unhold', { version: '2', message: '' }, /message: must not be empty/],
    ['ramp', { version: '2', share: 1, message: 'why' }, /message goes with stop and resume/],
  ] as const)('%s is judged: %j', async (action, said, problem) => {
    await expect(run(action, said)).rejects.toThrow(problem)
  })

  test('two operators at once: both entries, whoever wins', async () => {
    const processes = [1, 2, 3, 4].map((seed) => ({ ...store.publisher, random: seeded(seed), operator: `op ${seed}` }))
    await Promise.all(
      processes.map((one, i) =>
        i < 2 ? run('hold', { version: `${i + 1}`, reason: why }, one) : run('ramp', { stop: true }, one),
      ),
    )
    const { catalog } = (await loadForWriting(store.publisher)).catalog
    expect(catalog.apps[app]?.channels.stable?.holds).toHaveLength(2)
    expect((await whats()).toSorted()).toEqual(['hold', 'hold', 'ramp-stop'])
  })

  test('a rotated timestamp key, refreshes and publishes keep it', async () => {
    await run('hold', { version: '2', reason: why })
    const log = await logOf()
    await refresh(store.publisher, { force: true })
    await publishOne(store, '3')
    const key = await newKey('EdDSA')
    const both = { ...store.publisher, timestamp: [...store.keys.timestamp, key] }
    await rotateKey(both, { role: 'timestamp', key: key.jwk }, store.keys.root)
    expect(await logOf()).toEqual(log)
    await run('unhold', { version: '2' }, both)
    expect((await logOf()).map(({ keyIds }) => keyIds)).toEqual([keyIds(), [key.keyId]])
    expect((await linesOf()).filter(([, signs]) => signs === 'catalog')).toHaveLength(2)
  })

  test('a rename takes its holds along', async () => {
    await run('hold', { version: '2', reason: why })
    await renameChannel({ ...store.publisher, operator: 'Ada' }, stable, 'main')
    const [, copied, ...more] = await logOf()
    expect(copied).toMatchObject({ channel: 'main', what: 'hold', version: '2', reason: why, by: { operator: 'Ada' } })
    expect(more).toEqual([])
    expect((await linesOf('main')).map(([, signs]) => signs)).toContain('catalog')
    expect(await inspectStore(store.publisher)).toMatchObject({ findings: [] })
  })

  test.each(everyFault(1))('a hold with $face: both the hold and its entry, or neither', async (fault) => {
    const hold = (publisher: Publisher) => holdRelease(publisher, stable, { version: '2', reason: why })
    await withFault(store, fault, hold)
    const catalog = await storedCatalog(store)
    const { holds = [] } = catalog.apps[app]?.channels.stable ?? {}
    expect(holds).toHaveLength(fault.face.endsWith('after') ? 1 : 0)
    expect(catalog.log ?? []).toHaveLength(holds.length)
    await hold(store.publisher)
    expect(await logOf()).toHaveLength(1)
  })
})

describe('copies', () => {
  test('a mirror and a bundle have the log as it is, and history with it', async () => {
    await run('hold', { version: '2', reason: why, message: 'first' })
    await run('unhold', { version: '2' })
    const to = { documents: await emptyBucket(), packages: memoryPackages(nodeHasher) }
    await mirror({ from: store.publisher, to }, { packages: 'all' })
    expect(await to.documents.read(catalogKey)).toEqual(await store.bucket.read(catalogKey))
    expect(await historyOf('stable', { ...store, publisher: { ...store.publisher, ...to } })).toEqual(await historyOf())
  })

  test('a partial mirror shows what it has', async () => {
    await run('hold', { version: '2', reason: why })
    await publishOne(store, '3')
    store.bucket.erase(channelKey(app, 'stable', 2))
    const found: HistoryEntry[] = []
    const reading = async () => {
      for await (const one of channelHistory(store.publisher, stable)) found.push(one)
    }
    await expect(reading()).rejects.toThrow(/stable\/0*2.jws is not in the store/)
    expect(found.map(({ seq, signs }) => [seq, signs])).toEqual([[2, 'catalog']])
  })

  test('adopting a channel invents no entries', async () => {
    await run('hold', { version: '1', reason: why })
    const own = await newStore({ format: 2 })
    await adopt(own.publisher, store.publisher, { from: stable, to: 'stable', afterMs: 0, create: true })
    expect(await storedCatalog(own)).not.toHaveProperty('log')
  })
})

describe('bounds', () => {
  const entry = (channel: string, i: number): LogEntry => ({
    ...{ at: '2026-11-30T00:00:00.000Z', app, channel, seq: 1, what: 'hold', version: `${i}`, reason: why },
    keyIds: ['k'.repeat(43)],
  })
  const many = (channel: string, count: number) => Array.from({ length: count }, (_, i) => entry(channel, i))

  test('oldest go first, and only those of the channel with the most', () => {
    const log = [...many('quiet', 2), ...many('noisy', maxLogEntries + 300), ...many('late', 1)]
    const kept = boundLog(log, Number.POSITIVE_INFINITY) as LogEntry[]
    expect(kept).toHaveLength(maxLogEntries)
    const of = (channel: string) => kept.filter((one) => one.channel === channel)
    expect(of('quiet')).toEqual(many('quiet', 2))
    expect(of('late')).toHaveLength(1)
    expect(of('noisy').at(-1)).toEqual(entry('noisy', maxLogEntries + 299))
    expect(of('noisy')[0]).toEqual(entry('noisy', 303))
  })

  test('bytes count, too, and those that another version wrote', () => {
    const long = { ...entry('noisy', 0), reason: '真'.repeat(500) }
    const kept = boundLog(
      [{ odd: 1 }, 'text', null, ...Array<LogEntry>(400).fill(long), entry('quiet', 1)],
      maxLogBytes,
    )
    expect(Buffer.byteLength(JSON.stringify(kept))).toBeLessThanOrEqual(maxLogBytes)
    expect(Buffer.byteLength(JSON.stringify(kept))).toBeGreaterThan(maxLogBytes - 2000)
    expect(kept.slice(0, 3)).toEqual([{ odd: 1 }, 'text', null])
    expect(kept.at(-1)).toEqual(entry('quiet', 1))
    expect(boundLog(kept, 0)).toEqual([])
  })

  test('a writer keeps them; a reader refuses a log that is too long', async () => {
    const log = many('noisy', maxLogEntries)
    await forgeCatalog(store, (catalog) => ({ ...catalog, format: 2, log }))
    expect(await ask(newReader(store))).toBe('update 2')
    await run('hold', { version: '2', reason: why })
    const kept = await logOf()
    expect(Buffer.byteLength(JSON.stringify(kept))).toBeLessThanOrEqual(maxLogBytes)
    expect(kept.slice(0, -1)).toEqual(log.slice(1 - kept.length))
    expect(kept.at(-1)?.channel).toBe('stable')
    await forgeCatalog(store, (catalog) => ({ ...catalog, log: [...log, entry('x', 1)] }))
    expect(await ask(newReader(store))).toBe('unverifiable')
    expect(await refusal(loadForWriting(store.publisher))).toMatch(/bad-document/)
  })

  test('a full catalog drops entries before it refuses a hold', async () => {
    const aliases = Array.from({ length: 20_000 }, (_, i) => `${i}${'b'.repeat(120)}`)
    const entry = { seq: 1, sha256: 'a'.repeat(64), size: 1, aliases }
    const one = JSON.stringify(entry).length
    // Room for some 50 entries beside what publishing may use.
    const count = Math.floor((((maxCatalogBytes - 4096 - 64 * 1024) * 3) / 4 - 12_000) / (one / 20_000))
    const filled = {
      'com.example.big': { channels: { big: { ...entry, aliases: aliases.concat(aliases, aliases).slice(0, count) } } },
    }
    await forgeCatalog(store, (catalog) => ({
      ...catalog,
      format: 2,
      apps: { ...catalog.apps, ...filled },
      log: many('noisy', 150),
    }))
    await run('hold', { version: '2', reason: why })
    const kept = await logOf()
    expect(kept.length).toBeGreaterThan(10)
    expect(kept.length).toBeLessThan(100)
    expect(kept.at(-1)?.channel).toBe('stable')
  })
})

describe('damage', () => {
  test('a damaged entry is left out and reported; machines are answered, and holds go on', async () => {
    await run('hold', { version: '1', reason: why })
    const [good] = await logOf()
    const bad = [{ ...good, what: 'explode' }, { ...good, reason: 'a\u202eb' }, { ...good, more: 1 }, 'stable']
    await forgeCatalog(store, (catalog) => ({ ...catalog, log: [...bad, good] }))
    store.time.now += ttlMs
    expect(await ask(newReader(store))).toBe('update 2')
    expect((await linesOf()).filter(([, signs]) => signs === 'catalog')).toHaveLength(1)
    expect(store.log.filter(({ event }) => event === 'history')).toHaveLength(3)
    await run('hold', { version: '2', reason: why })
    expect(await logOf()).toHaveLength(6)
    const { findings } = await inspectStore(store.publisher)
    expect(findings).toEqual(
      Array(4).fill({ level: 'note', key: catalogKey, problem: expect.stringMatching(/^log: /) }),
    )
  })
})

describe('under format 1', () => {
  test('nothing changes: no log, and the message is not kept, which is said', async () => {
    store = await newStore()
    await publishOne(store, '1')
    await publishOne(store, '2')
    const { publisher } = { publisher: { ...store.publisher, operator: 'Ada' } }
    const result = await run('hold', { version: '2', reason: why, message: 'later' }, publisher)
    expect(result.warnings).toEqual([expect.stringContaining('the message is not kept')])
    expect(await storedCatalog(store)).not.toHaveProperty('log')
    expect((await storedCatalog(store)).format).toBe(1)
    expect((await linesOf()).map(([, signs]) => signs)).toEqual(['manifest', 'manifest'])
  })
})

test('the swap of a hold has its entry: nothing else is written', async () => {
  const written: string[] = []
  const documents = noticing(store.bucket, async (key) => void written.push(key))
  await holdRelease({ ...store.publisher, documents }, stable, { version: '2', reason: why })
  expect(written).toEqual([catalogKey])
})
