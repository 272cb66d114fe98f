/** What tables cannot list: generated, mutated, cut and hostile documents, held against saxes. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { OmahaRequest } from '../../src/checks/omaha/omaha.ts'
import { omahaErrorName } from '../../src/checks/omaha/omaha.ts'
import { parseCanonical, parseOmahaRequest, parseStrict } from '../../src/checks/omaha/xml.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import { parseWithSaxes, renderRequest, withoutWords, xmlText } from './omaha-xml-oracle.ts'
import { bodyOf, syncerBody, syncerRequests, updateEngineRequests } from './samples.ts'

const samples = [...updateEngineRequests.map(bodyOf), ...syncerRequests.map(syncerBody)]

/** What a reader made of a text; anything but a PlatteError is a defect and ends the test. */
function outcome(read: (text: string) => OmahaRequest, text: string): OmahaRequest | undefined {
  try {
    return withoutWords(read(text))
  } catch (error) {
    if (error instanceof PlatteError && /^(bad-request|too-large)$/.test(error.code)) return undefined
    throw error
  }
}

function saxesOutcome(text: string): OmahaRequest | undefined {
  try {
    return withoutWords(parseWithSaxes(text))
  } catch {
    return undefined
  }
}

const oneOf = (...words: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...words)
const joined = (piece: fc.Arbitrary<string>, maxLength: number): fc.Arbitrary<string> =>
  fc.array(piece, { maxLength }).map((pieces) => pieces.join(''))

const blank = joined(oneOf(' ', '\n', '\t', '\r\n', '\r'), 2)
const words = oneOf('stable', '3.0', '3', '13', '0', '-2147483604', '0.0.0.0', '1_x86_64', 'arm64', '{e9-A}', ' ')
const references = oneOf('&amp;', '&lt;', '&gt;', '&quot;', '&apos;', '&#65;', '&#x1F600;', '&#10;', '&#xd;', '&#9;')
const odd = oneOf('\t', '\n', '\r\n', '\r', '>', ']]>', 'é', '😀', '\u2028', '\u0085', '-', '/', '=', '{')
const inQuotes = (quote: string, other: string): fc.Arbitrary<string> =>
  joined(fc.oneof(words, references, odd, oneOf(other)), 3).map((text) => `${quote}${text}${quote}`)
const attribute = (name: string): fc.Arbitrary<string> =>
  fc
    .tuple(blank, blank, blank, fc.oneof(inQuotes('"', "'"), inQuotes("'", '"')))
    .map(([before, equals, after, value]) => ` ${before}${name}${equals}=${after}${value}`)

/** A start or a whole element with some of these attributes, in any order. */
const element = (name: string, names: readonly string[], inside: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.shuffledSubarray([...names, 'a:b', 'xmlns', 'é·1']).chain((some) => fc.tuple(...some.map(attribute))),
      ...[blank, inside, blank, fc.boolean()],
    )
    .map(([attributes, end, children, close, selfClosing]) =>
      selfClosing && children === ''
        ? `<${name}${attributes.join('')}${end}/>`
        : `<${name}${attributes.join('')}${end}>${children}</${name}${close}>`,
    )

const nothing = fc.constant('')
const filler = fc.oneof(
  ...[blank, oneOf('text', '&amp;', '<!-- <app> -->', '<!---->', '<?pi <x?>', '<?pi?>', '<![CDATA[<app>&x;]]>', ']]')],
  element('x', ['appid'], oneOf('', '<ping/>', '<app appid="n"/>', '<event/>')),
)
const event = element('event', ['eventtype', 'eventresult', 'errorcode', 'previousversion'], nothing)
const goodEvent = fc
  .tuple(fc.nat(60), fc.nat(9), fc.integer())
  .map(([type, result, code]) => `<event eventtype="${type}" eventresult='${result}' errorcode="${code}"></event>`)
const child = fc.oneof(
  element('ping', ['active'], filler),
  element('updatecheck', [], filler),
  event,
  goodEvent,
  filler,
)
const appNames = 'appid version track board machineid oem oemversion bootid machinealias lang'.split(' ')
const app = element('app', appNames, joined(child, 4))
const os = element('os', ['arch', 'sp', 'platform'], nothing)
const outside = joined(oneOf(' ', '\n', '<!-- c -->', '<?p i?>'), 2)
const start = oneOf(
  ...['', '\ufeff', '<?xml version="1.0"?>', `<?xml\n version = '1.0' encoding="x-Y.1" ?>`],
  `<?xml version="1.0" standalone='no'?>`,
)
const generated = fc
  .tuple(start, outside, joined(fc.oneof(app, os, filler), 4), outside)
  .map(([declaration, before, inside, after]) => {
    return `${declaration}${before}<request protocol="3.0" installsource='scheduler'>${inside}</request>${after}`
  })

const shard = oneOf(
  ...['<', '>', '"', "'", '&', ';', '/', '=', '?', '!', '-', '[', ' ', '\n', '\r', '\t', '\0', 'a', '3', 'é', ':'],
  ...['\ud800', '\udc00', '😀', '\ufffe', '\ufeff', '&#65;', '&#0;', '&lt;', '&x;', '<!--', '-->', '--', '<![CDATA['],
  ...[
    ']]>',
    '<a/>',
    '<?a b?>',
    '</app>',
    '<app>',
    '</request>',
    '<!DOCTYPE a>',
    '1.1',
    '<?xml version="1.0"?>',
    'x=""',
  ],
)
const edit = fc.record({ at: fc.nat(), remove: fc.nat(3), insert: fc.oneof(nothing, shard) })
const mutated = (from: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(from, fc.array(edit, { minLength: 1, maxLength: 3 })).map(([text, edits]) =>
    edits.reduce((now, { at, remove, insert }) => {
      const ref = at % (now.length + 1)
      return now.slice(0, ref) + insert + now.slice(ref + remove)
    }, text),
  )

const value = joined(
  fc.oneof(words, oneOf('>', "'", ' ', 'a', '=', '/', 'é', '&amp;', '\n', '\t', '&#9;', '<', '"')),
  2,
)
/** A sample with other values in it. */
const refilled = fc
  .tuple(fc.constantFrom(...samples), fc.array(value, { minLength: 6, maxLength: 6 }), fc.nat(20))
  .map(([sample, values, from]) => {
    let seen = 0
    return sample.replace(/(?<= [a-z]+=")[^"]*/g, (old) => {
      seen += 1
      return seen > 6 ? (values[seen - 7 - from] ?? old) : old
    })
  })

describe('compared with saxes', () => {
  test('generated documents parse to the same values', () => {
    const check = fc.property(generated, (text) => {
      expect(withoutWords(parseStrict(text))).toStrictEqual(withoutWords(parseWithSaxes(text)))
    })
    fc.assert(check, { numRuns: 500 })
  })

  test('every mutated document that is accepted parses to the same values in saxes', () => {
    let read = 0
    const check = fc.property(mutated(fc.oneof(generated, fc.constantFrom(...samples))), (text) => {
      const ours = outcome(parseStrict, text)
      if (ours === undefined) return
      read += 1
      expect(ours).toStrictEqual(saxesOutcome(text))
    })
    fc.assert(check, { numRuns: 1500 })
    expect(read).toBeGreaterThan(100)
  })

  test('names and text accept the same characters as saxes', () => {
    const edges =
      'b7 c0 d7 f7 300 370 37e 2000 200c 200e 203f 2041 2070 2190 2c00 2ff0 3001 e000 f900 fdd0 fdf0 fffe f0000 10ffff'
    const around = edges.split(' ').flatMap((hex) => [-1, 0, 1].map((step) => Number.parseInt(hex, 16) + step))
    const codes = [
      ...Array(0x100).keys(),
      ...around.filter((code) => code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)),
    ]
    for (const character of codes.map((code) => String.fromCodePoint(code)))
      for (const inside of [
        `<${character}/>`,
        `<a${character}/>`,
        `${character} `,
        `<a b="${character}"/>`,
        `<?${character}?>`,
      ]) {
        const text = `<request protocol="3.0">${inside}</request>`
        expect(outcome(parseStrict, text), text).toStrictEqual(saxesOutcome(text))
      }
  })
})

describe('the fast path', () => {
  test('gives the same result as the strict parser', () => {
    let fast = 0
    const check = fc.property(fc.oneof(refilled, mutated(refilled), mutated(fc.constantFrom(...samples))), (text) => {
      const read = parseCanonical(text)
      if (read === undefined) return
      fast += 1
      expect(read).toStrictEqual(parseStrict(text))
    })
    fc.assert(check, { numRuns: 1500 })
    expect(fast).toBeGreaterThan(100)
  })

  test.each([
    ['no machinealias (before 0.4.10)', ' machinealias="web-1"', ''],
    ['no blank before ">"', '" >', '">'],
    ['an error with a check', 'eventresult="2"', 'eventresult="0" errorcode="268435500"'],
    ['no indentation', /\n */g, ''],
    ['an apostrophe', 'web-1', "web 'one' > 1"],
  ])('takes %s', (_, from, to) => {
    const text = bodyOf('updatecheck-scheduled-steady-state').replace(from, to)
    expect(parseCanonical(text)).toStrictEqual(parseStrict(text))
  })

  test.each([
    ['a reference', 'web-1', 'a &amp; b'],
    ['a tab', 'web-1', 'a\tb'],
    ['a line end', 'web-1', 'a\nb'],
    ['a letter beyond ASCII', 'web-1', 'é'],
    ['another order', 'lang="en-US" board="amd64-usr"', 'board="amd64-usr" lang="en-US"'],
    ['a second app', '</app>', '</app><app appid="x"></app>'],
    ['an unknown attribute', ' lang=', ' a="" lang='],
  ])('leaves %s to the strict parser', (_, from, to) => {
    const text = bodyOf('updatecheck-scheduled-steady-state').replace(from, to)
    expect(parseCanonical(text)).toBeUndefined()
    expect(parseOmahaRequest(text)).toStrictEqual(parseWithSaxes(text))
  })
})

describe('damaged samples', () => {
  test.each(samples.slice(0, 4))('every prefix fails cleanly', (sample) => {
    const text = sample.trimEnd()
    for (let end = 0; end < text.length; end++) expect(() => parseOmahaRequest(text.slice(0, end))).toThrow(PlatteError)
    expect(parseOmahaRequest(text).apps).toHaveLength(1)
  })

  test('every character removed, doubled or replaced is accepted or refused cleanly', () => {
    const text = bodyOf('updatecheck-postreboot')
    for (let at = 0; at < text.length; at++)
      for (const piece of [
        '',
        text.slice(at, at + 1).repeat(2),
        '"',
        "'",
        '<',
        '>',
        '&',
        ' ',
        '\n',
        '\0',
        '/',
        '\ud800',
      ])
        outcome(parseOmahaRequest, text.slice(0, at) + piece + text.slice(at + 1))
  })

  test('a repair gives exactly what the strict parser reads from the repaired text', () => {
    const quotes = fc.record({ at: fc.nat(), remove: fc.constant(0), insert: oneOf('"', '""', '" "', '" a="', '"/>') })
    const check = fc.property(fc.constantFrom(...samples), fc.array(quotes, { maxLength: 3 }), (sample, edits) => {
      const text = edits.reduce((now, { at, insert }) => {
        const ref = at % now.length
        return now.slice(0, ref) + insert + now.slice(ref)
      }, sample)
      const strict = outcome(parseStrict, text)
      const repaired = outcome(parseOmahaRequest, text)
      if (strict !== undefined) expect(repaired).toStrictEqual(strict)
      else if (repaired !== undefined) expect(repaired.apps.length).toBe(1)
    })
    fc.assert(check, { numRuns: 500 })
  })
})

describe('parse and render are a pair', () => {
  const text = xmlText
  const base = fc.oneof(fc.nat(50), fc.nat(0x0fffffff), fc.integer({ min: 1999, max: 3000 }))
  const errorCode = base.map((code) => ({ base: code, name: omahaErrorName(code) }))
  const oneEvent = fc.record(
    {
      type: fc.nat(999),
      result: fc.nat(9),
      errorCode,
      previousVersion: text.filter((word) => word !== '0.0.0.0'),
    },
    { requiredKeys: ['type', 'result'], noNullPrototype: true },
  )
  const oneApp = fc.record(
    {
      ...{
        appId: text.filter((id) => id.trim() !== ''),
        version: text,
        track: text.map((word) => `t${word}t`.normalize('NFC')),
        board: text,
      },
      ...{ machineId: text, oem: text, oemVersion: text, bootId: text, machineAlias: text },
      ...{ ping: fc.boolean(), updateCheck: fc.boolean(), events: fc.array(oneEvent, { maxLength: 3 }) },
    },
    { noNullPrototype: true },
  )
  const request = fc.record(
    { protocol: oneOf('3.0', '3.1'), installSource: text, apps: fc.array(oneApp, { maxLength: 3 }) },
    { noNullPrototype: true },
  )

  test('a rendered request parses back to the same values', () => {
    const check = fc.property(request, (want) => {
      expect(parseOmahaRequest(renderRequest(want))).toStrictEqual(want)
    })
    fc.assert(check, { numRuns: 300 })
  })
})
