/**
 * 5,000 machines in 50 zones, two of a zone at once, each asking every 5 minutes as Zincati does, in simulated time: they are
 * done within a tenth of the time that arithmetic allows.
 */
import { expect, test } from 'vitest'
import { configureGroup, createGroup, lockMachine, unlockMachine } from '../../src/locks/edits.ts'
import type { Locking } from '../../src/locks/store.ts'
import { memoryDocuments } from '../memory.ts'
import { seeded } from '../world.ts'

const group = 'web'
const [zones, perZone, machines] = [50, 2, 5000]
const [rebootS, pollS] = [600, 300]
/** A zone's machines, two by two, without a second between them. */
const leastS = (machines / zones / perZone) * rebootS

interface Machine {
  readonly id: string
  readonly zone: string
  state: 'waits' | 'reboots' | 'done'
}

/** Of requests that can only be refused, these are sent. */
const sampled = 0.01

test('5,000 machines in 50 zones reboot in the time that arithmetic allows', { timeout: 1_200_000 }, async () => {
  const random = seeded(50)
  let nowS = 0
  const clock = () => 1_795_000_000_000 + nowS * 1000
  const locking: Locking = { documents: memoryDocuments(), clock, random }
  await createGroup(locking, group, zones * perZone, 'operator')
  await configureGroup(locking, group, ({ max }) => ({ max, policy: { zones: { perZone, bySuffix: true } } }))
  const due = new Map<number, Machine[]>()
  const at = (second: number, machine: Machine) => due.set(second, [...(due.get(second) ?? []), machine])
  for (let i = 0; i < machines; i++)
    at(Math.floor(random() * pollS), { id: `m${i}`, zone: `zone-${i % zones}`, state: 'waits' })
  const held = new Map<string, number>()
  let left = machines
  const act = async (machine: Machine): Promise<void> => {
    const { id, zone, state } = machine
    const holders = held.get(zone) ?? 0
    if (state === 'reboots') {
      expect((await unlockMachine(locking, group, { id, via: 'fleet-lock' })).result).toBe('unlocked')
      held.set(zone, holders - 1)
      left -= 1
      return
    }
    const isFull = holders >= perZone
    const isAsked = !isFull || random() < sampled
    const result = isAsked ? (await lockMachine(locking, group, { id, zone, via: 'fleet-lock' })).result.kind : 'vetoed'
    expect(isFull ? ['vetoed', 'full'] : ['locked']).toContain(result)
    if (isFull) return void at(nowS + Math.ceil(pollS * (1 + random() / 10)), machine)
    held.set(zone, holders + 1)
    machine.state = 'reboots'
    at(nowS + rebootS, machine)
  }
  for (; left > 0; nowS++) for (const machine of due.get(nowS) ?? []) await act(machine)
  expect(nowS).toBeGreaterThanOrEqual(leastS)
  expect(nowS).toBeLessThanOrEqual(leastS * 1.1)
})
