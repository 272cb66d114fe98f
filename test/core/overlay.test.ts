/** Overlays as tables: what each restriction does, and what is refused as no overlay. */
import { describe, expect, test } from 'vitest'
import { parseOverlay } from '../../src/documents/overlay.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import { type Overlay, restrict } from '../../src/release/view.ts'
import { answer, noon, release, viewOf } from './releases.ts'

const day = 24 * 60 * 60 * 1000
const channel = {
  releases: [
    release('3', { publishedAt: '2026-11-22T12:00:00Z' }),
    release('2', { publishedAt: '2026-11-01T12:00:00Z' }),
  ],
}
const first = { machineId: 'a'.repeat(32) }

test.each<[string, Overlay, string]>([
  ['none', {}, 'update 3'],
  ['for another channel', { beta: { versions: [] } }, 'update 3'],
  ['for another app', { 'other.app/stable': { versions: [] } }, 'update 3'],
  ['a hold', { stable: { holds: [{ version: '3.0', reason: 'no' }] } }, 'update 2'],
  ['a hold of another board', { stable: { holds: [{ version: '3', board: 'arm64-usr', reason: 'no' }] } }, 'update 3'],
  ['approved versions', { 'example.app/stable': { versions: ['2'] } }, 'update 2'],
  ['no approved version', { '*': { versions: [] } }, 'held 3 (on this mirror: it was not approved)'],
  ['later', { '*': { afterMs: 2 * day } }, 'update 2'],
  ['later, over', { '*': { afterMs: day } }, 'update 3'],
  ['slower', { '*': { overMs: 1000 * day } }, 'not-in-ramp 3'],
  ['two of them', { '*': { versions: ['2', '3'] }, stable: { versions: ['1', '2'] } }, 'update 2'],
])('%s', (_, overlay, want) => {
  expect(answer(first, restrict(viewOf(channel), overlay), noon)).toBe(want)
})

test('a withheld floor is never skipped, and overlays add to earlier withholding', () => {
  const floored = viewOf({ releases: [release('3'), release('2', { floor: { reason: 'step' } })] })
  expect(answer({}, restrict(floored, { '*': { versions: ['3'] } }))).toBe(
    'floor-held 2 (on this mirror: it was not approved)',
  )
  const withdrawn = viewOf({ releases: [release('3', { withdrawn: { reason: 'bad' } })] })
  expect(answer({}, restrict(withdrawn, { '*': { versions: ['3'] } }))).toBe('withdrawn 3 (bad)')
})

describe('overlay JSON', () => {
  test('is parsed, with durations as people write them', () => {
    const text = '{"channels":{"stable":{"after":"7d","over":"PT48H","versions":["4152.2.0"]}}}'
    expect(parseOverlay(text)).toEqual({ stable: { afterMs: 7 * day, overMs: 2 * day, versions: ['4152.2.0'] } })
  })

  test('holds may stand by version, as in a file of channels', () => {
    const text = '{"channels":{"*":{"holds":{"1":"why","2":{"arm64-usr":"slow","*":"all"}}}}}'
    expect(parseOverlay(text)['*']?.holds).toEqual([
      { version: '1', reason: 'why' },
      { version: '2', board: 'arm64-usr', reason: 'slow' },
      { version: '2', reason: 'all' },
    ])
  })

  test.each([
    ['{"channels":{"stable":{"holds":{"1":""}}}}', /channels\.stable\.holds\.1/],
    ['{"channels":{"stable":{"holds":{"main":"why"}}}}', /channels\.stable\.holds/],
    ['', /^the overlay: is not JSON/],
    ['[]', /the overlay/],
    ['{}', /channels/],
    ['{"channels":{"stable":{"holds":[{"version":"1"}]}}}', /channels\.stable\.holds\.0\.reason/],
    ['{"channels":{"stable":{"share":1}}}', /channels\.stable\.share/],
    ['{"channels":{"stable":{"after":"soon"}}}', /channels\.stable\.after/],
    ['{"channels":{"stable":{"versions":["main"]}}}', /channels\.stable\.versions\.0/],
    ['{"channels":{"a/b/c":{}}}', /must be a channel, app\/channel or \*/],
    ['{"channels":{"__proto__":{}}}', /reserved names/],
  ])('%s is refused', (text, want) => {
    expect(() => parseOverlay(text)).toThrow(PlatteError)
    expect(() => parseOverlay(text)).toThrow(want)
  })
})
