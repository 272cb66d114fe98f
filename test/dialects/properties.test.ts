/** What tables cannot list: every answer is of the form that the protocols give, and no text does more than be refused. */
import fc from 'fast-check'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import type { OmahaAppRequest, OmahaAppResponse, OmahaOffer } from '../../src/checks/omaha/omaha.ts'
import { parseGupdate, renderGupdate } from '../../src/dialects/gupdate.ts'
import { parseJsonRequest } from '../../src/dialects/json.ts'
import { renderJsonResponse } from '../../src/dialects/json-answer.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import { seeded } from '../world.ts'
import { check4, check31, gupdateApp, gupdateQuery, pingBack4, pingBack31 } from './samples.ts'
import { readGupdate, response3, response4 } from './schemas.ts'

const samples = [check4(), pingBack4, check31(), pingBack31].map((one) => JSON.stringify(one))
const random = seeded(3)
const parse = (text: string) => parseJsonRequest(text, random)
const now = Date.UTC(2026, 11, 1)

const hex = fc.stringMatching(/^[0-9a-f]{64}$/)
const file = fc.record({
  name: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,20}$/),
  ...{ size: fc.integer({ min: 1, max: 2 ** 40 }), sha256: hex, sha1: hex, required: fc.boolean() },
})
const codebase = fc.stringMatching(/^[a-z0-9./-]{1,20}$/).map((path) => `https://host.example/${path}/`)
const listOf = <T>(one: fc.Arbitrary<T>) =>
  fc.array(one, { minLength: 1, maxLength: 3 }) as unknown as fc.Arbitrary<readonly [T, ...T[]]>
const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 })
const version = fc.stringMatching(/^\d{1,3}(\.\d{1,5}){0,3}$/)
const install = fc.record({ run: text, arguments: text, minBrowser: version }, { requiredKeys: [] })
/** What clients say they have. */
const held = ['b2', 'a1'].map((byte) => byte.repeat(32))
const patch = fc.record({ from: fc.constantFrom(...held), kind: fc.constantFrom('puff', 'zucc') })
const patches = fc.array(
  fc.tuple(file, patch).map(([one, patch]) => ({ ...one, patch })),
  { maxLength: 3 },
)
const offer: fc.Arbitrary<OmahaOffer> = fc.record({
  ...{ version, codebases: listOf(codebase), packages: listOf(file), install, patches },
})
const reason = fc.string({ unit: 'binary' }).map((text) => ({ reason: text }))
const decided = fc.option(fc.oneof(offer, reason), { nil: undefined })

/** What a server may answer to an app, whatever the app is. */
const answerTo = ({ appId, updateCheck, events }: OmahaAppRequest): fc.Arbitrary<OmahaAppResponse> =>
  fc.record({ status: fc.constantFrom('ok', 'error-unknownApplication'), check: decided }).map(({ status, check }) => ({
    ...{ appId, status, ping: false, events: events.length },
    ...(updateCheck && { updateCheck: status === 'ok' && check ? check : { reason: 'unknown-app' } }),
  }))

const anyText = fc.string({ unit: 'binary', maxLength: 20 })
/** With the names that objects inherit. */
const json = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.dictionary(fc.constantFrom('toString', 'valueOf', 'constructor'), fc.jsonValue({ maxDepth: 1 })),
)
const app = fc.record(
  {
    ...{
      appid: fc.oneof(fc.constant('x'), anyText, json),
      version: fc.oneof(fc.constant('1.0'), json),
      cohort: fc.oneof(anyText, json),
    },
    ...{
      updatecheck: fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, json),
      cached_items: fc.oneof({ weight: 4, arbitrary: fc.constant(held.map((sha256) => ({ sha256 }))) }, json),
      packages: fc.oneof({ weight: 4, arbitrary: fc.constant({ package: [{ fp: `1.${held[0]}` }] }) }, json),
      data: fc.array(fc.record({ name: fc.constant('install'), index: json })),
    },
    ...{ iid: json, ap: json, release_channel: json, cohorthint: json, brand: json, ping: json },
    ...{ event: fc.array(fc.record({ eventtype: json, eventresult: json, errorcode: json })), events: json },
  },
  { requiredKeys: ['appid', 'updatecheck', 'cached_items', 'packages'] },
)
const request = fc.record(
  {
    protocol: fc.constantFrom('3.0', '3.1', '4.0', '4.12'),
    ...{
      acceptformat: fc.oneof(
        { weight: 2, arbitrary: fc.constantFrom('crx3', 'crx3,download', 'download, crx3') },
        { weight: 6, arbitrary: fc.constantFrom('crx3,download,puff,zucc', 'zucc puff download crx3') },
        json,
      ),
      os: json,
    },
    ...{ '@os': json, arch: json, apps: fc.array(fc.oneof({ weight: 4, arbitrary: app }, json), { maxLength: 5 }) },
  },
  { requiredKeys: ['protocol', 'acceptformat'] },
)

/** Anything but a PlatteError is a defect and ends the test. */
function outcome<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (error instanceof PlatteError && /^(bad-request|too-large)$/.test(error.code)) return undefined
    throw error
  }
}

describe('answers', () => {
  test('in JSON are what the schemas say, whatever was asked', () => {
    let [offers, patched] = [0, 0]
    const property = fc.property(
      request.chain((one) => {
        const text = JSON.stringify({ request: { ...one, app: one.apps } })
        const parsed = outcome(() => parse(text)) ?? { protocol: one.protocol, installSource: '', apps: [] }
        return fc.tuple(fc.constant(parsed), fc.tuple(...parsed.apps.map(answerTo)))
      }),
      ([parsed, apps]) => {
        const text = renderJsonResponse(parsed, apps, now)
        expect(text.startsWith(")]}'\n")).toBe(true)
        const schema = parsed.protocol.startsWith('4') ? response4 : response3
        const { response } = v.parse(schema, JSON.parse(text.slice(5)))
        expect(response.protocol).toBe(parsed.protocol)
        const list = 'apps' in response ? response.apps : response.app
        expect(list.map(({ appid }) => appid)).toEqual(parsed.apps.map(({ appId }) => appId))
        offers += list.filter(({ updatecheck }) => updatecheck?.status === 'ok').length
        if (/"previous":|codebasediff/.test(text)) patched += 1
      },
    )
    fc.assert(property, { numRuns: 500 })
    expect(offers).toBeGreaterThan(20)
    expect(patched).toBeGreaterThan(0)
  })

  test('of gupdate are well-formed and complete', () => {
    const ids = fc.array(fc.tuple(anyText, anyText, fc.boolean()), { maxLength: 4 })
    const property = fc.property(
      ids.chain((list) => {
        const apps = list.map(([id, version, uc]) => `id=${encodeURIComponent(id)}&v=${version}${uc ? '&uc' : ''}`)
        const parsed = parseGupdate(gupdateQuery(apps))
        return fc.tuple(fc.constant(parsed), fc.tuple(...parsed.apps.map(answerTo)))
      }),
      ([parsed, apps]) => {
        const read = readGupdate(renderGupdate(parsed, apps, now))
        expect(read).toHaveLength(apps.length)
      },
    )
    fc.assert(property, { numRuns: 300 })
  })
})

describe('requests', () => {
  test('every cut of a sample is refused', () => {
    for (const text of samples)
      for (let end = 0; end < text.length; end++) expect(() => parse(text.slice(0, end))).toThrow(PlatteError)
  })

  test('a damaged one is read or refused', () => {
    const shard = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      ':',
      ',',
      '\\',
      '\0',
      '\ud800',
      '1e999',
      'null',
      '-',
      '__proto__',
    )
    const edits = fc.array(fc.record({ at: fc.nat(), remove: fc.nat(30), insert: shard }), {
      minLength: 1,
      maxLength: 3,
    })
    let read = 0
    const property = fc.property(fc.constantFrom(...samples), edits, (sample, list) => {
      const text = list.reduce((one, { at, remove, insert }) => {
        const from = at % one.length
        return one.slice(0, from) + insert + one.slice(from + remove)
      }, sample)
      if (outcome(() => parse(text))) read += 1
    })
    fc.assert(property, { numRuns: 1500 })
    expect(read).toBeGreaterThan(50)
  })

  test('any JSON and any query is read or refused', () => {
    const property = fc.property(fc.json({ maxDepth: 5 }), anyText, (text, query) => {
      outcome(() => parse(text))
      outcome(() => parse(`{"request":${text}}`))
      outcome(() =>
        parse(`{"request":{"protocol":"4.0","os":${text},"apps":[${text},{"appid":"x","events":${text}}]}}`),
      )
      expect(parseGupdate(`?x=${query}`).apps.length).toBeLessThanOrEqual(query.split('&x=').length)
    })
    fc.assert(property, { numRuns: 500 })
  })

  const many = (count: number, one: string): string => Array(count).fill(one).join(',')
  const apps = (inside: string): string => `{"request":{"protocol":"4.0","apps":[${inside}]}}`
  test.each([
    ['apps', 256, (count: number) => apps(many(count, '{}'))],
    ['bytes', 65_536, (count: number) => apps('').padEnd(count)],
    ['apps', 256, (count: number) => `?${many(count, 'x=1').replaceAll(',', '&')}`],
  ])('at most so many %s', (what, most, make) => {
    const read = make(1).startsWith('?') ? parseGupdate : parse
    expect(() => read(make(most))).not.toThrow()
    const refusal = { code: 'too-large', message: `the request is too large: more than ${most} ${what}` }
    expect(() => read(make(most + 1))).toThrow(expect.objectContaining(refusal))
  })

  test('levels of JSON are refused, or cost nothing', () => {
    const deep = 60_000
    outcome(() => parse(`{"request":${'['.repeat(deep)}`))
    outcome(() => parse(apps(`${'['.repeat(30_000)}${']'.repeat(30_000)}`)))
  })

  test('a query with an app for each extension', () => {
    expect(
      parseGupdate(gupdateQuery([gupdateApp(), 'id=b&v=3'])).apps.map(({ appId, version, updateCheck }) => [
        appId,
        version,
        updateCheck,
      ]),
    ).toEqual([
      [expect.any(String), '1.0', true],
      ['b', '3', false],
    ])
  })
})
