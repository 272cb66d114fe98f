/** Servers whose clocks differ, and are stepped: no slot is freed early, and none is kept for ever. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { configureGroup, lockMachine, lookAtGroup } from '../../src/locks/edits.ts'
import { emptyLock } from '../../src/locks/store.ts'
import { tickOf, ticksAt } from '../../src/locks/ticks.ts'
import { rounds } from '../rounds.ts'
import { day, minute } from '../world.ts'
import { group, openEndpoint } from './endpoint.ts'

const hour = 60 * minute
const start = Date.UTC(2026, 0, 1)
/** The most that one step of a clock adds, and a server that looks for the first time. */
const slackMs = 12 * minute

const skew = fc.oneof(
  fc.integer({ min: -20 * minute, max: 20 * minute }),
  fc.integer({ min: -3 * day, max: 3 * day }),
  fc.constantFrom(0, 11 * minute, 2 * hour, 5 * hour, -day),
)
const look = fc.record({
  server: fc.nat(3),
  afterMs: fc.oneof({ weight: 9, arbitrary: fc.nat(10_000) }, fc.nat(6 * minute)),
  step: fc.oneof({ weight: 60, arbitrary: fc.constant(undefined) }, skew),
})

test('ticks are never ahead of the time that passed, by more than each step of a clock may add', () => {
  fc.assert(
    fc.property(
      fc.array(skew, { minLength: 4, maxLength: 4 }),
      fc.array(look, { minLength: 200, maxLength: 400 }),
      (skews, looks) => {
        let [time, slack] = [start, 4 * slackMs]
        let lock = emptyLock(group, start)
        for (const { server, afterMs, step } of looks) {
          time += afterMs
          if (step !== undefined) {
            skews[server] = step
            slack += slackMs
          }
          const now = time + (skews[server] ?? 0)
          expect(tickOf(lock, now)).toBeGreaterThanOrEqual(lock.ticks?.ms ?? 0)
          lock = { ...lock, ticks: ticksAt(lock, now) }
          expect(lock.ticks?.ms).toBeLessThanOrEqual(time - start + slack)
        }
      },
    ),
    { numRuns: rounds(500), endOnFailure: true },
  )
})

test.each([
  ['two hours ahead', [0, 11 * minute, 2 * hour]],
  ['days ahead and behind', [0, 11 * minute, 3 * day, -5 * day]],
  ['minutes ahead', [0, 11 * minute, 22 * minute]],
])('of servers, some %s, none frees a holder before its lease, and one does after it', async (_, skews) => {
  const endpoint = await openEndpoint()
  const { time } = endpoint.store
  const policy = { lease: 'PT4H', expirePerDay: 9 }
  await configureGroup(endpoint.locking, group, () => ({ max: 1, policy }))
  await lockMachine(endpoint.locking, group, { id: 'a', via: 'fleet-lock' })
  /** All servers look, one after another. */
  const lookAround = async (): Promise<void> => {
    for (const ms of skews) {
      time.now += ms
      await lookAtGroup(endpoint.locking, group)
      time.now -= ms
    }
  }
  for (let passed = 0; passed < 3 * hour; passed += 5 * minute) {
    await lookAround()
    time.now += 5 * minute
  }
  expect(await endpoint.holders()).toEqual(['a'])
  for (let passed = 0; passed < 2 * hour; passed += 5 * minute) {
    await lookAround()
    time.now += 5 * minute
  }
  expect(await endpoint.holders()).toEqual([])
})

test('a clock that jumps by days begins no new day of expiries', async () => {
  const endpoint = await openEndpoint()
  const { time } = endpoint.store
  const policy = { lease: 'PT1H', expirePerDay: 1 }
  await configureGroup(endpoint.locking, group, () => ({ max: 3, policy }))
  for (const id of ['a', 'b', 'c']) await lockMachine(endpoint.locking, group, { id, via: 'fleet-lock' })
  const wait = async (ms: number): Promise<readonly string[]> => {
    for (let passed = 0; passed < ms; passed += 10 * minute) {
      time.now += 10 * minute
      await lookAtGroup(endpoint.locking, group)
    }
    return endpoint.holders()
  }
  expect(await wait(2 * hour)).toEqual(['b', 'c'])
  for (const jump of [2 * day, 400 * day, -300 * day]) {
    time.now += jump
    expect(await wait(2 * hour)).toEqual(['b', 'c'])
  }
  expect(await wait(18 * hour)).toEqual(['c'])
})
