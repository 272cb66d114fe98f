/** Events as files: batches by age and size, one write at a time, losses counted, and never a throw or a wait. */
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Contact } from '../../src/checks/events.ts'
import { storeEvents } from '../../src/events/store.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import type { LogEntry } from '../../src/kernel/log.ts'
import { memoryDocuments } from '../memory.ts'
import { gate, seeded } from '../world.ts'

beforeEach(() => void vi.useFakeTimers({ now: Date.parse('2026-11-23T23:59:30Z') }))
afterEach(() => void vi.useRealTimers())

const soon = setTimeout

/** Compressing takes real time: asks again until the assertions hold. */
async function until(assertions: () => Promise<void> | void): Promise<void> {
  for (let tries = 0; tries < 1_000; tries++) {
    try {
      return await assertions()
    } catch {
      await new Promise((resolve) => soon(resolve, 30))
    }
  }
  await assertions()
}

const check = (machine: string): Contact => ({
  level: 'info',
  event: 'contact',
  ...{ app: 'example.app', channel: 'stable', version: '1', board: 'amd64-usr', machine, oem: '' },
  ...{ source: 'scheduler', check: true, decision: 'no-update', reason: 'up-to-date' },
})

/** A sink over documents: `fault` may throw or wait before a write, `afterwards` throw after it. */
function open(fault: () => Promise<void> | void = () => {}, afterwards = () => {}) {
  const documents = memoryDocuments()
  const log: LogEntry[] = []
  const stored = storeEvents({
    documents: {
      create: async (key, bytes) => {
        await fault()
        const outcome = await documents.create(key, bytes)
        afterwards()
        return outcome
      },
    },
    clock: () => Date.now(),
    random: seeded(1),
    log: (entry) => void log.push(entry),
  })
  const files = async (): Promise<Record<string, string[]>> => {
    const found: Record<string, string[]> = {}
    for await (const key of documents.list?.('events/') ?? []) {
      const text = gunzipSync((await documents.get(key, 2 ** 24))?.bytes ?? '').toString()
      found[key] = text.trimEnd().split('\n')
    }
    return found
  }
  return { ...stored, files, log }
}

test('one minute of events is one file, named by the time of its first event', async () => {
  const { sink, files } = open()
  sink(check('a'))
  await vi.advanceTimersByTimeAsync(59_000)
  sink(check('b'))
  expect(await files()).toEqual({})
  await vi.advanceTimersByTimeAsync(1_000)
  await until(async () => expect(Object.keys(await files())).toHaveLength(1))
  sink(check('c'))
  await vi.advanceTimersByTimeAsync(60_000)
  await until(async () => expect(Object.keys(await files())).toHaveLength(2))
  const found = await files()
  expect(Object.keys(found)).toEqual([
    expect.stringMatching(/^events\/dt=2026-11-23\/hr=23\/235930-[0-9a-f]{8}\.ndjson\.gz$/),
    expect.stringMatching(/^events\/dt=2026-11-24\/hr=00\/000030-[0-9a-f]{8}\.ndjson\.gz$/),
  ])
  const lines = Object.values(found)
    .flat()
    .map((line) => JSON.parse(line))
  expect(lines.map(({ time, machine }) => [time, machine])).toEqual([
    ['2026-11-23T23:59:30.000Z', 'a'],
    ['2026-11-24T00:00:29.000Z', 'b'],
    ['2026-11-24T00:00:30.000Z', 'c'],
  ])
})

/** About 1 kB a line. */
const long = (machine: string): Contact => ({ ...check(machine), problem: 'p'.repeat(700) })

test('a full batch is written before the minute ends, each line exactly once, and the next batch has its own minute', async () => {
  const { sink, files, close } = open()
  for (let i = 0; i < 20_000; i++) sink(long(`m${i}`))
  await vi.advanceTimersByTimeAsync(0)
  await until(async () => expect(Object.keys(await files())).toHaveLength(2))
  await vi.advanceTimersByTimeAsync(30_000)
  sink(check('later'))
  expect(Object.keys(await files())).toHaveLength(2)
  await close()
  const found = Object.values(await files())
  expect(found).toHaveLength(3)
  const machines = found.flat().map((line) => JSON.parse(line).machine)
  expect([machines.length, new Set(machines).size]).toEqual([20_001, 20_001])
})

test('files stay within their size limit while an earlier one is still being written', async () => {
  const slow = gate()
  const { sink, files, close } = open(() => slow.opened)
  for (let i = 0; i < 20_000; i++) sink(long(`m${i}`))
  slow.open()
  await close()
  for (const lines of Object.values(await files()))
    expect(lines.join('\n').length).toBeLessThan(8 * 1024 * 1024 + 2_000)
})

test('after many events and a quiet minute, the next events are written', async () => {
  const { sink, files, lost } = open()
  for (let i = 0; i < 1_000; i++) sink(check(`m${i}`))
  await vi.advanceTimersByTimeAsync(120_000)
  sink(check('later'))
  await vi.advanceTimersByTimeAsync(60_000)
  await until(async () => {
    const machines = Object.values(await files()).flatMap((lines) => lines.map((line) => JSON.parse(line).machine))
    expect([machines.length, machines.at(-1), lost()]).toEqual([1_001, 'later', 0])
  })
})

test('a hanging store blocks nobody: the buffer is bounded, the rest is dropped and counted', async () => {
  const hanging = gate()
  const { sink, lost, close, files } = open(() => hanging.opened)
  const most = 80_000
  for (let i = 0; i < most; i++) sink(long(`m${i}`))
  expect(lost()).toBeGreaterThan(most / 2)
  const closing = close()
  await vi.advanceTimersByTimeAsync(5_000)
  await closing
  expect(await files()).toEqual({})
  hanging.open()
  const lines = async () => Object.values(await files()).flatMap((texts) => texts.map((line) => JSON.parse(line)))
  await until(async () => {
    const all = await lines()
    const said = all.reduce((sum, { lostLines = 0 }) => sum + lostLines, 0)
    expect(all.filter(({ event }) => event === 'contact').length + said).toBe(most)
  })
})

test('lines wait for a store that is away, and are written once when it is back', async () => {
  let isAway = true
  const { sink, lost, files, log } = open(() => {
    if (isAway) throw new PlatteError('store-unavailable', 'no answer')
  })
  for (const machine of ['a', 'b']) sink(check(machine))
  await vi.advanceTimersByTimeAsync(60_000)
  await until(() => expect(log).toHaveLength(2))
  sink(check('c'))
  isAway = false
  await vi.advanceTimersByTimeAsync(60_000)
  await until(async () => expect(Object.values(await files())).toHaveLength(2))
  const machines = Object.values(await files()).map((lines) => lines.map((line) => JSON.parse(line).machine))
  expect([machines, lost()]).toEqual([[['a', 'b'], ['c']], 0])
  expect(log).toMatchObject([1, 2].map((attempt) => ({ level: 'warn', event: 'events', attempt })))
})

test('a write whose answer was lost is not written twice', async () => {
  let answers = 0
  const { sink, files, close } = open(undefined, () => {
    if (answers++ === 0) throw new PlatteError('store-unavailable', 'no answer')
  })
  sink(check('a'))
  await close()
  expect(Object.values(await files())).toHaveLength(1)
  expect(answers).toBe(2)
})

test('what is lost is counted by the next file', async () => {
  let isAway = true
  const { sink, lost, files } = open(() => {
    if (isAway) throw new PlatteError('store-unavailable', 'no answer')
  })
  for (let i = 0; i < 40_000; i++) sink(long(`m${i}`))
  const count = lost()
  expect(count).toBeGreaterThan(1_000)
  isAway = false
  await vi.advanceTimersByTimeAsync(60_000)
  await until(async () => {
    const lines = Object.values(await files()).flat()
    expect(lines.filter((line) => line.includes('"lostLines"')).map((line) => JSON.parse(line).lostLines)).toEqual([
      count,
    ])
    expect(lines).toHaveLength(40_000 - count + 1)
  })
})
