/** The bound of the guard: what it may and may not hold, by its properties and by computed chances. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { evidence, exceeds, limitPassed, mostMachines, mostToHold } from '../../src/guard/model.ts'
import { rounds } from '../rounds.ts'
import { seeded } from '../world.ts'
import { boundary, chanceOfHold, meanEvidence, type Sequence, sampledChance } from './chances.ts'

const limits = [0.001, 0.02, 0.05, 0.1, 0.5]
const limit = fc.constantFrom(...limits)
const guard = { failures: 0.05, fellBack: 0.02, atLeast: 20, within: 'PT24H' }

/** Machines, and how many of them failed. */
const counted = fc
  .integer({ min: 1, max: 100_000 })
  .chain((machines) => fc.tuple(fc.constant(machines), fc.integer({ min: 0, max: machines })))

describe('evidence', () => {
  test('rises with each failure, and falls with each machine', () => {
    fc.assert(
      fc.property(limit, counted, (share, [machines, failed]) => {
        const here = evidence(machines, failed, share)
        expect(Number.isFinite(here)).toBe(true)
        if (failed < machines) expect(evidence(machines, failed + 1, share)).toBeGreaterThan(here)
        expect(evidence(machines + 1, failed, share)).toBeLessThan(here)
      }),
    )
  })

  test('does not grow on the way, on average, while no more than the limit fail', () => {
    for (const share of [0.02, 0.05, 0.5])
      for (const machines of [1, 2, 10, 60]) {
        expect(meanEvidence(machines, share, share)).toBeCloseTo(1, 9)
        expect(meanEvidence(machines, share / 2, share)).toBeLessThan(1)
        expect(meanEvidence(machines, Math.min(0.9, share * 1.5), share)).toBeGreaterThan(1)
      }
  })
})

describe('a limit', () => {
  test('is passed by at most so many machines as mostMachines says, and by no more', () => {
    fc.assert(
      fc.property(limit, fc.integer({ min: 0, max: 2_000 }), (share, failed) => {
        const most = mostMachines(share, failed)
        if (most > 0) expect(exceeds(share, most, failed)).toBe(true)
        expect(exceeds(share, Math.max(most + 1, failed), failed)).toBe(false)
      }),
    )
  })

  test('is not passed by a share that is no higher', () => {
    fc.assert(
      fc.property(limit, counted, (share, [machines, failed]) => {
        if (failed <= share * machines) expect(exceeds(share, machines, failed)).toBe(false)
      }),
    )
  })
})

test('a rollout is judged only with enough machines, by each limit alone', () => {
  const all = { failed: 19, fellBack: 19 }
  expect(limitPassed(guard, { offered: 19, ...all })).toBeUndefined()
  expect(limitPassed(guard, { offered: 20, ...all })).toBe('failures')
  expect(limitPassed(guard, { offered: 40, failed: 8, fellBack: 8 })).toBe('fellBack')
  expect(limitPassed(guard, { offered: 40, failed: 8, fellBack: 0 })).toBeUndefined()
  expect(limitPassed({ ...guard, failures: 0.5 }, { offered: 40, failed: 8, fellBack: 0 })).toBeUndefined()
  expect(
    limitPassed({ atLeast: 1, within: 'P1D', fellBack: 0.02 }, { offered: 20, ...all, fellBack: 0 }),
  ).toBeUndefined()
  expect(mostToHold(guard, { failed: 8, fellBack: 8 })).toBe(mostMachines(0.02, 8))
  expect(mostToHold(guard, { failed: 0, fellBack: 0 })).toBe(0)
})

/** A guard has two limits: of each, half of the chance. */
const [perLimit, perLimitAtIt] = [0.5e-5, 0.5e-2]

describe.each(limits)('the chance of a false hold with a limit of %s', (limit) => {
  const machines = limit < 0.01 ? 50_000 : limit < 0.1 ? 10_000 : 3_000
  const of = (share: number): Sequence => ({ share, limit, atLeast: 20, machines })
  const least = boundary(of(0), exceeds)

  test(`is below that, over ${machines} machines one by one, computed`, () => {
    expect(chanceOfHold(of(limit / 2), least)).toBeLessThan(perLimit)
    expect(chanceOfHold(of(limit), least)).toBeLessThan(perLimitAtIt)
    expect(chanceOfHold(of(limit / 5), least)).toBeLessThan(1e-7)
  })

  test('is the same by importance sampling', () => {
    const exact = chanceOfHold({ ...of(limit / 2), machines: 2_000 }, least)
    const sampled = sampledChance({ ...of(limit / 2), machines: 2_000 }, least, limit * 1.4, rounds(20_000), seeded(4))
    expect(Math.abs(sampled.mean - exact)).toBeLessThan(5 * sampled.error)
  })
})

test('holds nearly every rollout that fails twice as often as allowed, and each that half fail', () => {
  const of = (share: number, machines: number): Sequence => ({ share, limit: 0.05, atLeast: 20, machines })
  const least = boundary(of(0, 2_000), exceeds)
  expect(chanceOfHold(of(0.1, 1_000), least)).toBeGreaterThan(0.95)
  expect(chanceOfHold(of(0.2, 150), least)).toBeGreaterThan(0.95)
  expect(chanceOfHold(of(0.5, 40), least)).toBeGreaterThan(0.999)
})

/** A fleet of 10,000, each machine looked at as it comes. */
test(`holds none of ${rounds(10_000)} good rollouts with 1 % background failures`, { timeout: 600_000 }, () => {
  const random = seeded(1)
  const least = boundary({ share: 0, limit: 0.05, atLeast: 20, machines: 10_000 }, exceeds)
  let held = 0
  for (let run = 0; run < rounds(10_000); run++) {
    let failed = 0
    for (let of = 1; of <= 10_000; of++) {
      if (random() < 0.01) failed++
      if (failed < (least[of] ?? 0)) continue
      held++
      break
    }
  }
  expect(held).toBe(0)
})
