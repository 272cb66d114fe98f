/**
 * Reboot locks: what each operation costs in documents, and how long a fleet that polls as locksmithd does takes to reboot,
 * over a store that answers after 60 ms and calls a fifth of all swaps a race. Time is virtual, the endpoint is the real one.
 */

import { newCatalogCache } from '../../src/catalog/cache.ts'
import { createGroup } from '../../src/locks/edits.ts'
import { openLocks } from '../../src/locks/http/routes.ts'
import { createApp } from '../../src/runtime/app.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import type { Documents } from '../../src/store/documents.ts'
import { type Ask, locksmithd, zincati } from '../locks/clients.ts'
import { memoryDocuments, memoryPackages } from '../memory.ts'
import { seeded } from '../world.ts'
import { atMost, type Result, type Row } from './row.ts'
import { inVirtualTime } from './virtual-time.ts'

const group = 'workers'
/** Slots grow with the length of load loops, since the time to measure grows with the machines. */
const [machinesOfSlot, mostSlots] = [100, 10]
const [latencyMs, conflicts] = [60, 0.2]
/** From the lock until the machine is up again, and gives it back. */
const rebootMs = 180_000
const afterBootMs = 5_000
const [firstPollMs, lastPollMs] = [10_000, 300_000]
const idealMs = machinesOfSlot * (rebootMs + afterBootMs)

export const locksRow: Row = {
  name: 'locks',
  isLong: true,
  run: async ({ seconds }) => {
    const slots = Math.min(mostSlots, Math.ceil(1.5 * seconds))
    return [
      ...(await operations()),
      ...(await drain('asked in 10 s', slots, 10_000)),
      ...(await drain('asked in 45 min', slots, 45 * 60_000)),
    ]
  },
}

/** Counts, and may be slow and lose races. */
function counted(
  inner: Documents,
  { wait, lose }: { readonly wait: () => Promise<void>; readonly lose: () => boolean },
) {
  const count = { requests: 0, reads: 0, writes: 0 }
  const documents: Documents = {
    async get(key, maxBytes, known) {
      count.reads += 1
      await wait()
      return inner.get(key, maxBytes, known)
    },
    async create(key, bytes) {
      count.writes += 1
      await wait()
      return inner.create(key, bytes)
    },
    async swap(key, bytes, token) {
      count.writes += 1
      await wait()
      return lose() ? 'conflict' : inner.swap(key, bytes, token)
    },
  }
  return { count, documents }
}

function endpoint(documents: Documents, clock: () => number, count: { requests: number }) {
  const locking = { documents, clock, random: seeded(1) }
  const { fetch } = createApp({
    cache: newCatalogCache(),
    reader: { documents, clock, log: () => {}, pin: { version: 1, sha256: '0'.repeat(64) } },
    packages: memoryPackages(nodeHasher),
    events: () => {},
    publicUrl: 'https://updates.example.org',
    extensions: [openLocks({ locking, tokens: [], channels: new Map() })],
    background: () => undefined,
  })
  const ask: Ask = async (path, init) => {
    count.requests += 1
    return fetch(new Request(`https://updates.example.org${path}`, init))
  }
  return { ask, locking }
}

const began = Date.UTC(2026, 10, 25)

async function operations(): Promise<readonly Result[]> {
  const { count, documents } = counted(memoryDocuments(), { wait: async () => {}, lose: () => false })
  const { ask, locking } = endpoint(documents, () => began, count)
  await createGroup(locking, group, 1, 'operator')
  const daemon = locksmithd(ask, group, 'a')
  const other = zincati(ask, group, 'b')
  const steps: readonly (readonly [string, number, number, () => Promise<unknown>])[] = [
    ['locksmithctl lock', 3, 1, () => daemon.init().then(daemon.lock)],
    ['locksmithctl status', 2, 0, () => daemon.init().then(() => locksmithd(ask, group, 'c').lock())],
    ['locksmithd that waits', 1, 0, locksmithd(ask, group, 'c').lock],
    ['pre-reboot that waits', 1, 0, other.lock],
    ['locksmithctl unlock', 3, 1, () => daemon.init().then(daemon.unlock)],
    ['pre-reboot', 1, 1, other.lock],
    ['steady-state', 1, 1, other.unlock],
    ['steady-state of none', 1, 0, other.unlock],
  ]
  const results: Result[] = []
  await daemon.init()
  for (const [name, reads, writes, run] of steps) {
    const before = { ...count }
    await run()
    const cost = (unit: 'reads' | 'writes', most: number): Result => {
      const value = count[unit] - before[unit]
      return { name: `locks: ${name}`, value, unit, goal: atMost(value, most) }
    }
    results.push(cost('reads', reads), cost('writes', writes))
  }
  return results
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** @param spreadMs over how long the machines come to need a reboot. */
async function drain(name: string, slots: number, spreadMs: number): Promise<readonly Result[]> {
  const machines = slots * machinesOfSlot
  const random = seeded(7)
  const { over, endedMs, count } = await inVirtualTime(async (now) => {
    const rough = { wait: () => sleep(latencyMs), lose: () => random() < conflicts }
    const { count, documents } = counted(memoryDocuments(), rough)
    const { ask, locking } = endpoint(documents, () => began + now(), count)
    await createGroup(locking, group, slots, 'operator')
    Object.assign(count, { requests: 0, reads: 0, writes: 0 })
    const start = now()
    let [holding, over] = [0, 0]
    const reboot = async (id: string, startMs: number): Promise<void> => {
      await sleep(startMs)
      const before = locksmithd(ask, group, id)
      await before.init()
      await before.unlock()
      for (let pollMs = firstPollMs; (await before.lock()) === 'again'; await sleep(pollMs))
        pollMs = Math.min(2 * pollMs, lastPollMs)
      holding += 1
      over = Math.max(over, holding - slots)
      await sleep(rebootMs + afterBootMs)
      holding -= 1
      const after = locksmithd(ask, group, id)
      await after.init()
      for (let pollMs = firstPollMs; (await after.unlock()) === 'again'; await sleep(pollMs))
        pollMs = Math.min(2 * pollMs, lastPollMs)
    }
    await Promise.all(Array.from({ length: machines }, (_, i) => reboot(`m${i}`, random() * spreadMs)))
    return { over, endedMs: now() - start, count }
  })
  const prefix = `locks: ${machines} machines ${name}`
  return [
    { name: `${prefix}: over max`, value: over, unit: 'machines', goal: atMost(over, 0) },
    {
      name: `${prefix}: time`,
      value: endedMs / 3_600_000,
      unit: 'h',
      ratio: endedMs / idealMs,
      against: 'the shortest',
    },
    { name: `${prefix}: each`, value: count.requests / machines, unit: 'requests' },
    { name: `${prefix}: each`, value: count.reads / machines, unit: 'reads' },
    { name: `${prefix}: each`, value: count.writes / machines, unit: 'writes' },
  ]
}
