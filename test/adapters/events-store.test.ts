/** Events as files: batches by age and size, one write at a time, losses counted, and never a throw or a wait. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Contact } from '../../src/checks/events.ts'
import { storeEvents } from '../../src/fleet/telemetry.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import type { LogEntry } from '../../src/kernel/log.ts'
import { memoryDocuments } from '../memory.ts'
import { gate, seeded } from '../world.ts'

beforeEach(() => void vi.useFakeTimers({ now: Date.parse('2026-11-23T23:59:30Z') }))
afterEach(() => void vi.useRealTimers())

const check = (machine: string): Contact => ({
  level: 'info',
  event: 'contact',
  ...{ app: 'example.app', channel: 'stable', version: '1', board: 'amd64-usr', machine, oem: '' },
  ...{ source: 'scheduler', check: true, decision: 'no-update', reason: 'up-to-date' },
})

/** A sink over documents of which `fault` may throw or wait. */
function open(fault: () => Promise<void> | void = () => {}) {
  const documents = memoryDocuments()
  const log: LogEntry[] = []
  const stored = storeEvents({
    documents: {
      create: async (key, bytes) => {
        await fault()
        return documents.create(key, bytes)
      },
    },
    clock: () => Date.now(),
    random: seeded(1),
    log: (entry) => void log.push(entry),
  })
  const files = async (): Promise<Record<string, string[]>> => {
    const found: Record<string, string[]> = {}
    for await (const key of documents.list?.('events/') ?? []) {
      const text = new TextDecoder().decode((await documents.get(key, 2 ** 20))?.bytes)
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
  sink(check('c'))
  await vi.advanceTimersByTimeAsync(60_000)
  const found = await files()
  expect(Object.keys(found)).toEqual([
    expect.stringMatching(/^events\/dt=2026-11-23\/235930-[0-9a-f]{8}\.ndjson$/),
    expect.stringMatching(/^events\/dt=2026-11-24\/000030-[0-9a-f]{8}\.ndjson$/),
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

test('a large number of events is written before the minute ends, each exactly once', async () => {
  const { sink, files, close } = open()
  for (let i = 0; i < 5_000; i++) sink(check(`m${i}`))
  await close()
  const found = Object.values(await files())
  expect(found.length).toBeGreaterThan(3)
  const machines = found.flat().map((line) => JSON.parse(line).machine)
  expect(new Set(machines).size).toBe(5_000)
  expect(machines).toHaveLength(5_000)
})

test('files stay within their size limit while an earlier one is still being written', async () => {
  const slow = gate()
  const { sink, files, close } = open(() => slow.opened)
  for (let i = 0; i < 5_000; i++) sink(check(`m${i}`))
  slow.open()
  await close()
  for (const lines of Object.values(await files())) expect(lines.join('\n').length).toBeLessThan(130 * 1024)
})

test('after many events and a quiet minute, the next events are written', async () => {
  const { sink, files, lost } = open()
  for (let i = 0; i < 1_000; i++) sink(check(`m${i}`))
  await vi.advanceTimersByTimeAsync(120_000)
  sink(check('later'))
  await vi.advanceTimersByTimeAsync(60_000)
  const machines = Object.values(await files()).flatMap((lines) => lines.map((line) => JSON.parse(line).machine))
  expect([machines.length, machines.at(-1), lost()]).toEqual([1_001, 'later', 0])
})

test('a hanging store blocks nobody: the buffer is bounded, the rest is dropped and counted', async () => {
  const hanging = gate()
  const { sink, lost, close, files } = open(() => hanging.opened)
  const most = 40_000
  for (let i = 0; i < most; i++) sink(check(`m${i}`))
  expect(lost()).toBeGreaterThan(most / 2)
  const closing = close()
  await vi.advanceTimersByTimeAsync(5_000)
  await closing
  expect(await files()).toEqual({})
  hanging.open()
  await vi.advanceTimersByTimeAsync(60_000)
  const lines = Object.values(await files())
    .flat()
    .map((line) => JSON.parse(line))
  const said = lines.reduce((sum, { lostLines = 0 }) => sum + lostLines, 0)
  expect(lines.filter(({ event }) => event === 'contact').length + said).toBe(most)
})

test('a failed write is retried once; then its events are dropped, and the next file counts them', async () => {
  let failures = 3
  const { sink, lost, files, log } = open(() => {
    if (failures-- > 0) throw new PlatteError('store-unavailable', 'no answer')
  })
  for (const machine of ['a', 'b']) sink(check(machine))
  await vi.advanceTimersByTimeAsync(60_000)
  expect([lost(), await files()]).toEqual([2, {}])
  sink(check('c'))
  await vi.advanceTimersByTimeAsync(60_000)
  const [lines = []] = Object.values(await files())
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ event: 'events', lostLines: 2 }, { machine: 'c' }])
  expect(log.filter(({ level, event }) => level === 'warn' && event === 'events')).toHaveLength(3)
})
