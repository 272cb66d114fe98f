/** The projection of a process that answers machines: its other work goes on meanwhile. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { FleetEvent } from '../../src/checks/events.ts'
import { openForReading } from '../../src/fleet/database.ts'
import { followStore } from '../../src/fleet/follow.ts'
import { readLine } from '../../src/fleet/lines.ts'
import { openProjection } from '../../src/fleet/projection.ts'
import { startProjector } from '../../src/fleet/projector.ts'
import { readFleet } from '../../src/fleet/reader.ts'
import { memoryDocuments } from '../memory.ts'
import { app, makeFleet, old, start, store } from './generator.ts'

const dir = mkdtempSync(join(tmpdir(), 'platte-projector-'))
afterAll(() => rmSync(dir, { recursive: true }))
const options = { clock: () => start, keepMs: 86_400_000 }

/** How often other work got its turn. */
async function turnsDuring(work: () => Promise<unknown>, onTurn = () => {}): Promise<number> {
  let [turns, isOver] = [0, false]
  const turn = (): void => {
    turns += 1
    onTurn()
    if (!isOver) setImmediate(turn)
  }
  turn()
  await work()
  isOver = true
  return turns
}

const contact = (machine: string) =>
  ({
    ...{
      level: 'info',
      event: 'contact',
      app,
      channel: 'stable',
      version: old,
      board: '',
      machine,
      oem: '',
      source: '',
    },
    ...{ decision: 'no-update', reason: 'held' },
  }) as FleetEvent

test('contacts that wait are written in parts', async () => {
  const file = join(dir, 'fed.db')
  const projector = startProjector({ ...options, file, documents: memoryDocuments(), log: () => {}, follows: false })
  for (let i = 0; i < 5_000; i++) projector.sink(contact(`m${i}`))
  const fleet = readFleet(openForReading(file))
  const written: number[] = []
  await turnsDuring(projector.close, () => written.push(fleet.howMany({})))
  expect(Math.max(...written.map((count, i) => count - (written[i - 1] ?? 0)))).toBeLessThanOrEqual(512)
  expect(fleet.howMany({ state: 'waiting' })).toBe(5_000)
})

test('files are read in parts', async () => {
  const { lines } = makeFleet(500)
  const documents = memoryDocuments()
  const bytes = Buffer.from(lines.map(({ text }) => `${text}\n`).join(''))
  await store(documents, [{ key: 'events/dt=2026-11-23/hr=06/060000-0a0b0c0d.ndjson', bytes }])
  const projection = openProjection(join(dir, 'followed.db'), {
    ...options,
    clock: () => start + 14_400_000,
    maxRows: 256,
  })
  const range = { since: start, until: start + 14_400_000, isShared: true }
  const turns = await turnsDuring(() => followStore(documents, projection, range))
  expect(turns).toBeGreaterThan(bytes.length / 65_536)
  expect(readFleet(projection.database).howMany({})).toBe(500)
  projection.close()
})

test('machines are forgotten in parts', async () => {
  let at = start
  const projection = openProjection(join(dir, 'pruned.db'), { ...options, clock: () => at })
  for (let i = 0; i < 1_000; i++)
    readLine(JSON.stringify({ ...contact(`m${i}`), time: new Date(at + i).toISOString() }), projection)
  at += options.keepMs + 500
  expect(await turnsDuring(projection.prune)).toBeGreaterThan(2)
  expect(readFleet(projection.database).howMany({})).toBe(500)
  projection.close()
})
