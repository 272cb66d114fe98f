import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareVersions, parseVersion } from '../../src/release/version.ts'

const order = (a: string, b: string): number => Math.sign(compareVersions(parseVersion(a), parseVersion(b)))

describe('compareVersions', () => {
  test.each([
    ['4081.2.0', '4152.2.0', -1],
    ['4152.2.0', '4152.2.0', 0],
    ['4152.2', '4152.2.0', 0],
    ['4152.10.0', '4152.9.0', 1],
    ['004152.2.0', '4152.2.0', 0],
    ['90071992547409931.0.0', '90071992547409930.0.0', 1],
    ['4152.2.0-rc1', '4152.2.0', -1],
    ['4152.2.0-rc.2', '4152.2.0-rc.10', -1],
    ['4152.2.0-2', '4152.2.0-rc', -1],
    ['4152.2.0-rc', '4152.2.0-rc.1', -1],
    ['4152.2.0+nightly-20261101', '4152.2.0', 0],
    ['4152.2.0-rc1+a', '4152.2.0-rc1+b', 0],
    ['main', '0', -1],
    ['', '0.0.0.0', -1],
    ['main', 'developer', 0],
  ] as const)('%s against %s is %i', (a, b, want) => {
    expect(order(a, b)).toBe(want)
    expect(order(b, a)).toBe(want === 0 ? 0 : -want)
  })

  test('an overlong text is not a version, and is rejected cheaply', () => {
    expect(parseVersion('1'.repeat(70_000))).toBeUndefined()
    expect(parseVersion(`1.${'1.'.repeat(60)}1`)).toBeDefined()
  })

  test('is a total order', () => {
    const version = fc.stringMatching(/^\d{1,3}(\.\d{1,3}){0,3}(-[a-z0-9]{1,3}(\.[a-z0-9]{1,2}){0,2})?$/)
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(order(a, b)).toBe(-order(b, a) + 0)
        if (order(a, b) <= 0 && order(b, c) <= 0) expect(order(a, c)).toBeLessThanOrEqual(0)
      }),
    )
  })
})
