/** locksmith's semaphore, the order of its holders, and what a write of a client is taken for. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isGroupName } from '../../src/documents/paths.ts'
import type { LockPolicy } from '../../src/locks/document.ts'
import {
  available,
  compareIds,
  firstSemaphore,
  freeOverdue,
  type Intent,
  intentOf,
  isHolderId,
  lock,
  type Semaphore,
  unlock,
} from '../../src/locks/semaphore.ts'
import { emptyLock } from '../../src/locks/store.ts'
import { vetoHere } from '../../src/locks/vetoes.ts'

const since = '2026-11-25T00:00:00Z'
const holder = (id: string) => ({ id, via: 'locksmith' as const, since })
const held = (max: number, ...ids: string[]): Semaphore => ({ max, holders: ids.map(holder) })

test.each<[string, Semaphore, string, string]>([
  ['the first', firstSemaphore, 'a', 'locked a'],
  ['a second slot', held(2, 'b'), 'a', 'locked a,b'],
  ['full', held(1, 'b'), 'a', 'full 0'],
  ['more hold than may', held(1, 'b', 'c', 'd'), 'a', 'full -2'],
  ['none may', held(0), 'a', 'full 0'],
  ['it holds one already', held(1, 'a'), 'a', 'held'],
])('lock: %s', (_, semaphore, id, want) => {
  const outcome = lock(semaphore, holder(id))
  const more = {
    locked: () => (outcome.kind === 'locked' ? ` ${outcome.semaphore.holders?.map((one) => one.id)}` : ''),
    full: () => (outcome.kind === 'full' ? ` ${outcome.available}` : ''),
    held: () => '',
  }[outcome.kind]()
  expect(outcome.kind + more).toBe(want)
})

test('unlock of the last holder leaves an empty list', () => {
  expect(unlock(held(1, 'a'), 'a')).toEqual({ max: 1, holders: [] })
  expect(unlock(held(1, 'a'), 'b')).toBeUndefined()
  expect(unlock(firstSemaphore, 'a')).toBeUndefined()
})

const ids = fc.string({ unit: 'binary', minLength: 1, maxLength: 6 })

test('ids are compared by their UTF-8 bytes', () => {
  fc.assert(
    fc.property(ids, ids, (a, b) => {
      expect(Math.sign(compareIds(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
    }),
    {
      numRuns: 2000,
      examples: [
        ['\u{10000}', '\uffee'],
        ['a', 'ab'],
        ['é', 'z'],
      ],
    },
  )
})

test('any sequence of locks and unlocks: never above max, sorted, each id once', () => {
  const step = fc.tuple(fc.constantFrom('lock', 'unlock'), ids.filter(isHolderId))
  fc.assert(
    fc.property(fc.nat(4), fc.array(step, { maxLength: 40 }), (max, steps) => {
      let now: Semaphore = { max, holders: null }
      for (const [what, id] of steps) {
        const outcome = lock(now, holder(id))
        if (what === 'unlock') now = unlock(now, id) ?? now
        else if (outcome.kind === 'locked') now = outcome.semaphore
        const names = (now.holders ?? []).map((one) => one.id)
        expect(available(now)).toBeGreaterThanOrEqual(0)
        expect(names).toEqual([...new Set(names)].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
      }
    }),
  )
})

test.each<[string, Semaphore, number, string[], Intent | undefined]>([
  ['nothing', held(1, 'a'), 1, ['a'], { kind: 'nothing' }],
  ['a holder more', held(2, 'a'), 2, ['a', 'b'], { kind: 'lock', id: 'b' }],
  ['the first holder', firstSemaphore, 1, ['b'], { kind: 'lock', id: 'b' }],
  ['a holder less', held(2, 'a', 'b'), 2, ['b'], { kind: 'unlock', id: 'a' }],
  ['another max', held(2, 'a', 'b'), 1, ['a', 'b'], { kind: 'set-max', max: 1 }],
  ['a holder in place of another', held(1, 'a'), 1, ['b'], undefined],
  ['two holders more', held(3), 3, ['a', 'b'], undefined],
  ['a holder and max', held(1), 2, ['a'], undefined],
])('the intent of a write is: %s', (_, from, max, holders, want) => {
  expect(intentOf(from, { max, holders })).toEqual(want)
})

test('overdue holders are freed longest silent first, at most the allowance', () => {
  const at = (id: string, hours: number) => ({ ...holder(id), tick: hours * 3_600_000 })
  const semaphore = { max: 9, holders: [at('a', 5), at('b', 1), at('c', 2), at('d', 9)] }
  const free = (leaseHours: number, allowance: number) =>
    freeOverdue(semaphore, { leaseMs: leaseHours * 3_600_000, allowance, tick: 10 * 3_600_000 })
  expect(free(4, 9).freed.map(({ id }) => id)).toEqual(['b', 'c', 'a'])
  expect(free(4, 1).semaphore.holders?.map(({ id }) => id)).toEqual(['a', 'c', 'd'])
  expect(free(5, 9).freed.map(({ id }) => id)).toEqual(['b', 'c'])
  expect(free(4, 0).semaphore).toBe(semaphore)
})

describe('names', () => {
  test.each(['default', 'a', 'Rack-1_b.c', '9'])('%s is a group', (name) => expect(isGroupName(name)).toBe(true))
  test.each(['', '.', '..', 'a..b', '-a', '_a', '.a', 'a.', 'a/b', 'a b', 'a%2Fb', 'é', 'a'.repeat(65), 'a\n'])(
    '%j is not a group',
    (name) => expect(isGroupName(name)).toBe(false),
  )
  test.each(['', 'a\n', 'a\u0000', '\ud800', 'a\u2028', 'a'.repeat(256)])('%j is not a holder', (id) =>
    expect(isHolderId(id)).toBe(false),
  )
  test.each(['010a2e41e747415ba51212fa995801dd', 'a b', '<&>', '😀', 'a'.repeat(255)])('%s is a holder', (id) =>
    expect(isHolderId(id)).toBe(true),
  )
})

const monday = Date.parse('2026-11-23T12:00:00Z')
const night: LockPolicy = { windows: [{ days: ['Mon'], from: '22:00', to: '04:00', timeZone: 'Europe/Berlin' }] }
const hour = 3_600_000

type Circumstances = Parameters<typeof vetoHere>[1] & { readonly rolledBackAt?: number }
const christmas = { from: '2026-11-23T00:00:00Z', to: '2026-11-24T00:00:00Z' }

test.each<[string, LockPolicy, Circumstances, string | undefined]>([
  ['nothing set', {}, { now: monday, held: 'x', rolledBackAt: monday }, undefined],
  ['before the window', night, { now: monday }, 'window closed until 2026-11-23 21:00 UTC'],
  ['as it opens', night, { now: monday + 9 * hour }, undefined],
  ['on the next day', night, { now: monday + 14.99 * hour }, undefined],
  ['as it closes', night, { now: monday + 15 * hour }, 'window closed until 2026-11-30 21:00 UTC'],
  ['a hold', { vetoOnHold: true }, { now: monday, held: '1 is held' }, '1 is held'],
  ['no hold', { vetoOnHold: true }, { now: monday }, undefined],
  [
    'a fallback',
    { vetoAfterRollback: 'PT1H' },
    { now: monday + 1, rolledBackAt: monday },
    'a machine fell back into its old version; closed until 2026-11-23 13:00 UTC',
  ],
  ['a freeze', { freezes: [christmas] }, { now: monday }, 'a freeze; closed until 2026-11-24 00:00 UTC'],
  [
    'a freeze with a reason',
    { freezes: [{ ...christmas, reason: 'an audit' }] },
    { now: monday },
    'an audit; closed until 2026-11-24 00:00 UTC',
  ],
  ['a freeze that is over', { freezes: [christmas] }, { now: monday + 12 * hour }, undefined],
  ['a fallback that is old', { vetoAfterRollback: 'PT1H' }, { now: monday + hour, rolledBackAt: monday }, undefined],
])('veto: %s', (_, policy, { rolledBackAt, ...circumstances }, want) => {
  const at = rolledBackAt !== undefined && { rolledBackAt: new Date(rolledBackAt).toISOString() }
  expect(vetoHere({ ...emptyLock('workers', monday), policy, ...at }, circumstances)?.reason).toBe(want)
})
