/** Calendars as freezes: what of an iCalendar file counts, and until when. */
import { describe, expect, test } from 'vitest'
import { readCalendar } from '../../src/lock-files/ical.ts'
import { configureGroup } from '../../src/locks/edits.ts'
import { emptyLock } from '../../src/locks/store.ts'
import { vetoHere } from '../../src/locks/vetoes.ts'
import { zincati } from './clients.ts'
import { group, openEndpoint } from './endpoint.ts'

const now = Date.parse('2026-10-20T00:00:00Z')
const dayMs = 86_400_000
const limits = { now, horizon: now + 20 * dayMs, maxBusy: 500 }

const calendar = (...lines: readonly string[]): string =>
  ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//x//x//EN', ...lines, 'END:VCALENDAR', ''].join('\r\n')
const event = (...lines: readonly string[]): string => ['BEGIN:VEVENT', 'UID:1', ...lines, 'END:VEVENT'].join('\r\n')

const read = (text: string, more: Partial<typeof limits & { timeZone: string; timeoutMs: number }> = {}) => {
  const { busy, until } = readCalendar('x.ics', text, { ...limits, ...more })
  const short = (instant: string): string => instant.slice(5, 16)
  const lines = busy.map(({ from, to, reason }) => `${short(from)} ${short(to)}${reason ? ` ${reason}` : ''}`)
  return until === undefined ? lines : [...lines, `until ${short(until)}`]
}

test.each<[string, string[], string[]]>([
  ['UTC', ['DTSTART:20261024T100000Z', 'DTEND:20261024T120000Z', 'SUMMARY:Audit'], ['10-24T10:00 10-24T12:00 Audit']],
  ['a length', ['DTSTART:20261024T100000Z', 'DURATION:P1DT1H'], ['10-24T10:00 10-25T11:00']],
  ['a day', ['DTSTART;VALUE=DATE:20261024', 'SUMMARY:a\\nb'], ['10-24T00:00 10-25T00:00 a b']],
  ['days', ['DTSTART;VALUE=DATE:20261024', 'DTEND;VALUE=DATE:20261027'], ['10-24T00:00 10-27T00:00']],
  ['over', ['DTSTART:20261019T100000Z', 'DTEND:20261019T120000Z'], []],
  ['running', ['DTSTART:20261001T100000Z', 'DTEND:20261021T120000Z'], ['10-01T10:00 10-21T12:00']],
  ['cancelled', ['DTSTART:20261024T100000Z', 'DTEND:20261024T120000Z', 'STATUS:CANCELLED'], []],
  ['free', ['DTSTART:20261024T100000Z', 'DTEND:20261024T120000Z', 'TRANSP:TRANSPARENT'], ['10-24T10:00 10-24T12:00']],
  ['no length', ['DTSTART:20261024T100000Z'], []],
  [
    'without end, and cancelled',
    ['DTSTART:20261024T100000Z', 'DURATION:PT1H', 'RRULE:FREQ=DAILY', 'STATUS:CANCELLED'],
    [],
  ],
  ['without end, and of no length', ['DTSTART:20261024T100000Z', 'RRULE:FREQ=DAILY'], []],
  [
    'repeated with lengths of their own',
    [
      'DTSTART:20261021T100000Z',
      'DURATION:PT1H',
      'RDATE;VALUE=PERIOD:20261022T100000Z/PT2H,20261024T100000Z/20261024T110000Z',
    ],
    ['10-21T10:00 10-21T11:00', '10-22T10:00 10-22T12:00', '10-24T10:00 10-24T11:00'],
  ],
  ['after all years', ['DTSTART:99991231T100000Z', 'DURATION:P1W'], ['12-31T10:00 12-31T23:59']],
  ['later than the horizon', ['DTSTART:20280101T000000Z', 'DTEND:20280102T000000Z'], ['01-01T00:00 01-02T00:00']],
  [
    'before and after clocks change',
    ['DTSTART;TZID=Europe/Berlin:20261023T090000', 'DURATION:PT1H', 'RRULE:FREQ=DAILY;COUNT=4'],
    ['10-23T07:00 10-23T08:00', '10-24T07:00 10-24T08:00', '10-25T08:00 10-25T09:00', '10-26T08:00 10-26T09:00'],
  ],
  [
    'until a day',
    ['DTSTART;TZID=Europe/Berlin:20261023T090000', 'DURATION:PT1H', 'RRULE:FREQ=DAILY;UNTIL=20261024T070000Z'],
    ['10-23T07:00 10-23T08:00', '10-24T07:00 10-24T08:00'],
  ],
  [
    'without some days',
    [
      ...['DTSTART:20261021T090000Z', 'DURATION:PT1H', 'RRULE:FREQ=DAILY;COUNT=5'],
      ...['EXDATE:20261001T090000Z,20261002T090000Z,20261022T090000Z', 'EXDATE:20261024T090000Z'],
    ],
    ['10-21T09:00 10-21T10:00', '10-23T09:00 10-23T10:00', '10-25T09:00 10-25T10:00'],
  ],
  [
    'with days more',
    ['DTSTART:20261021T090000Z', 'DURATION:PT1H', 'RDATE:20261023T090000Z,20261029T090000Z'],
    ['10-21T09:00 10-21T10:00', '10-23T09:00 10-23T10:00', '10-29T09:00 10-29T10:00'],
  ],
  [
    'for ever, since long ago',
    ['DTSTART:19990101T000000Z', 'DURATION:PT1H', 'RRULE:FREQ=MONTHLY;BYDAY=-1SA'],
    ['10-31T00:00 10-31T01:00', 'until 11-09T00:00'],
  ],
])('%s', (_, lines, want) => {
  expect(read(calendar(event(...lines)))).toEqual(want)
})

test('days and times without a zone are of the zone that is given, else of the calendar', () => {
  const lines = ['DTSTART;VALUE=DATE:20261024', 'DTEND;VALUE=DATE:20261026']
  const own = calendar('X-WR-TIMEZONE:America/New_York', event(...lines))
  expect(read(own)).toEqual(['10-24T04:00 10-26T04:00'])
  expect(read(own, { timeZone: 'Europe/Berlin' })).toEqual(['10-23T22:00 10-25T23:00'])
  expect(read(calendar(event('DTSTART:20261024T100000', 'DURATION:PT1H')), { timeZone: 'Asia/Tokyo' })).toEqual([
    '10-24T01:00 10-24T02:00',
  ])
})

const zone = (name: string): string =>
  [
    ...['BEGIN:VTIMEZONE', `TZID:${name}`, 'BEGIN:STANDARD', 'DTSTART:16010101T030000', 'TZOFFSETFROM:+0200'],
    ...['TZOFFSETTO:+0100', 'RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10', 'END:STANDARD', 'BEGIN:DAYLIGHT'],
    ...['DTSTART:16010101T020000', 'TZOFFSETFROM:+0100', 'TZOFFSETTO:+0200', 'RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3'],
    ...['END:DAYLIGHT', 'END:VTIMEZONE'],
  ].join('\r\n')

test('a zone of the file alone is as the file says', () => {
  const name = 'W. Europe Standard Time'
  const lines = [`DTSTART;TZID=${name}:20261024T090000`, 'DURATION:PT1H', 'RRULE:FREQ=DAILY;COUNT=2']
  expect(read(calendar(zone(name), event(...lines)))).toEqual(['10-24T07:00 10-24T08:00', '10-25T08:00 10-25T09:00'])
})

test('a zone of the IANA is as this system knows it, whatever the file says', () => {
  const lines = ['DTSTART;TZID=Asia/Tokyo:20261024T090000', 'DURATION:PT1H']
  expect(read(calendar(zone('Asia/Tokyo'), event(...lines)))).toEqual(['10-24T00:00 10-24T01:00'])
})

test('occurrences that were moved, changed or cancelled', () => {
  const text = calendar(
    event('DTSTART;TZID=Europe/Berlin:20261021T090000', 'DURATION:PT1H', 'RRULE:FREQ=DAILY;COUNT=4'),
    event(
      'RECURRENCE-ID;TZID=Europe/Berlin:20261022T090000',
      'DTSTART:20261105T000000Z',
      'DURATION:PT2H',
      'SUMMARY:moved',
    ),
    event('RECURRENCE-ID:20261023T070000Z', 'DTSTART:20261023T070000Z', 'DURATION:PT1H', 'STATUS:CANCELLED'),
    event('UID:2', 'RECURRENCE-ID:20261030T070000Z', 'DTSTART:20261030T080000Z', 'DURATION:PT1H', 'SUMMARY:alone'),
  )
  expect(read(text)).toEqual([
    ...['10-21T07:00 10-21T08:00', '10-24T07:00 10-24T08:00', '10-30T08:00 10-30T09:00 alone'],
    '11-05T00:00 11-05T02:00 moved',
  ])
})

test('times that meet are one; what is too much is left out, and said', () => {
  const text = calendar(
    event('DTSTART:20261021T080000Z', 'DURATION:PT2H', 'SUMMARY:first'),
    event('UID:2', 'DTSTART:20261021T100000Z', 'DURATION:PT1H', 'SUMMARY:second'),
    event('UID:3', 'DTSTART:20261021T090000Z', 'DURATION:PT10M', 'SUMMARY:third'),
    event('UID:4', 'DTSTART:20261023T090000Z', 'DURATION:PT1H'),
    event('UID:5', 'DTSTART:20261024T090000Z', 'DURATION:PT1H'),
  )
  expect(read(text)).toEqual(['10-21T08:00 10-21T11:00 first', '10-23T09:00 10-23T10:00', '10-24T09:00 10-24T10:00'])
  expect(read(text, { maxBusy: 2 })).toEqual([
    '10-21T08:00 10-21T11:00 first',
    '10-23T09:00 10-23T10:00',
    'until 10-24T09:00',
  ])
})

describe('files that are wrong', () => {
  test.each<[string, string, RegExp]>([
    ['HTML', '<!doctype html>\n<title>Sign in</title>', /^x\.ics: /],
    ['nothing', '', /^x\.ics: /],
    ['half', calendar(event('DTSTART:20261024T100000Z')).slice(0, 90), /^x\.ics: /],
    ['an event alone', event('DTSTART:20261024T100000Z'), /is no calendar/],
    ['no start', calendar(event('SUMMARY:x y')), /event "x y": has no DTSTART/],
    [
      'backwards',
      calendar(event('DTSTART:20261024T100000Z', 'DTEND:20261024T090000Z')),
      /event "1": ends before it begins/,
    ],
    [
      'a zone that is none',
      calendar(event('DTSTART;TZID=Mars/Olympus:20261024T100000')),
      /no time zone "Mars\/Olympus"/,
    ],
    [
      'no frequency',
      calendar(event('DTSTART:20261024T100000Z', 'DURATION:PT1H', 'RRULE:FREQ=SOMETIMES')),
      /^x\.ics: .*SOMETIMES/,
    ],
    ['no date', calendar(event('DTSTART:2026-10-24', 'DURATION:PT1H')), /^x\.ics: /],
    [
      'each second',
      calendar(event('DTSTART:20261024T100000Z', 'DURATION:PT1S', 'RRULE:FREQ=SECONDLY')),
      /event "1": repeats more than 10000 times until 2026-11-09/,
    ],
  ])('%s', (_, text, problem) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringMatching(problem) }),
    )
  })

  test('a rule that never has a day ends', () => {
    const lines = ['DTSTART:20261024T100000Z', 'DURATION:PT1H', 'RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30']
    expect(() => read(calendar(event(...lines)), { timeoutMs: 300 })).toThrow(/event "1": takes too long to read/)
  })
})

test('no slots during events, nor after a calendar that goes on', () => {
  const busy = [{ from: '2026-10-24T10:00:00Z', to: '2026-10-24T12:00:00Z', reason: 'Audit' }]
  const calendar = { read: '2026-10-20T00:00:00Z', busy, until: '2026-11-09T00:00:00Z' }
  const freezes = [{ from: '2026-10-30T00:00:00Z', to: '2026-10-31T00:00:00Z' }]
  const at = (time: string, policy: object) =>
    vetoHere({ ...emptyLock('web', now), policy }, { now: Date.parse(time), asking: 'a' })
  const both = { calendar, freezes }
  expect(at('2026-10-24T09:59:59Z', both)).toBeUndefined()
  expect(at('2026-10-24T10:00:00Z', both)).toEqual({
    kind: 'freeze',
    reason: 'Audit; closed until 2026-10-24 12:00 UTC',
  })
  expect(at('2026-10-24T12:00:00Z', both)).toBeUndefined()
  expect(at('2026-10-30T12:00:00Z', both)?.kind).toBe('freeze')
  expect(at('2026-11-08T23:59:59Z', both)).toBeUndefined()
  expect(at('2026-11-09T00:00:00Z', both)?.reason).toMatch(/read until 2026-11-09 00:00 UTC, and goes on/)
  expect(at('2030-01-01T00:00:00Z', { calendar: { read: calendar.read, busy } })).toBeUndefined()
})

test('machines are refused during an event', async () => {
  const endpoint = await openEndpoint()
  const at = (ms: number): string => new Date(endpoint.store.time.now + ms).toISOString()
  const calendar = { read: at(0), busy: [{ from: at(-1000), to: at(60_000) }] }
  await configureGroup(endpoint.locking, group, () => ({ max: 1, policy: { calendar } }))
  const machine = zincati(endpoint.ask, group, 'a')
  expect(await machine.lock()).toBe('again')
  endpoint.store.time.now += 61_000
  expect(await machine.lock()).toBe('done')
})
