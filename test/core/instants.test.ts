import { expect, test } from 'vitest'
import { readCommand } from '../../src/channels/commands.ts'
import { isInstant } from '../../src/documents/fields.ts'
import { lengthText } from '../../src/kernel/format.ts'

test.each<[string, boolean]>([
  ['2026-02-28T00:00:00Z', true],
  ['2024-02-29T23:59:59.999Z', true],
  ['2026-12-31T23:59:59Z', true],
  ['2026-02-29T00:00:00Z', false],
  ['2026-02-30T00:00:00Z', false],
  ['2026-04-31T00:00:00Z', false],
  ['2026-13-01T00:00:00Z', false],
  ['2026-00-01T00:00:00Z', false],
  ['2026-01-00T00:00:00Z', false],
  ['2026-01-01T24:00:00Z', false],
  ['2026-01-01T23:60:00Z', false],
  ['2026-12-31T23:59:60Z', false],
  ['2026-01-01', false],
])('%s is a date: %s', (text, isDate) => {
  expect(isInstant(text)).toBe(isDate)
  const ramp = { app: 'a', channel: 'b', version: '1', over: 'PT1H', start: text }
  const read = () => readCommand('ramp', ramp)
  if (isDate) expect(read()).toMatchObject({ start: text })
  else expect(read).toThrow(/start: must be (an instant|a date that exists)/)
})

test.each([
  [0, '0 seconds'],
  [1000, '1 second'],
  [119_999, '119 seconds'],
  [120_000, '2 minutes'],
  [7_200_000, '2 hours'],
  [56 * 365 * 86_400_000, '20440 days'],
])('%i ms: %s', (ms, text) => expect(lengthText(ms)).toBe(text))
