import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { OmahaAppResponse, OmahaOffer, OmahaPackage } from '../../src/checks/omaha/omaha.ts'
import { renderOmahaResponse } from '../../src/checks/omaha/xml.ts'
import { readResponse, readTree, xmlText } from './omaha-xml-oracle.ts'
import { goldenNoUpdate, goldenUpdate } from './samples.ts'

const flatcar = '{e96281a6-d1af-4bde-9a0a-97b76e56dc57}'
const ok = { appId: flatcar, status: 'ok', ping: true, events: 1 } as const
const oneOs: OmahaPackage = {
  name: 'flatcar_production_update.gz',
  size: 1810910,
  sha256: 'b723cdcf3e333cdab987d32f1ad06004ef2bf623fb9480d8a7b8a5a8638ec685',
  sha1: 'ff05df7df34c653a81df425169077f66a363cc46',
  required: true,
}
const release: OmahaOffer = {
  version: '4152.2.0',
  codebases: ['http://127.0.0.1:PORT/dl/'],
  packages: [
    oneOs,
    {
      name: 'oem-ami.gz',
      size: 40897503,
      sha256: '3aed3129de50b959a97e4913ba485bd60e72d2bb6aa377d5ed404103f0680043',
      sha1: 'c1ea71c0457d2f6492d65ff2704652a963377437',
      required: false,
    },
    {
      name: 'flatcar-zfs.gz',
      size: 2282,
      sha256: '8ab630ee4079ecd5f8f512c05b44fec5e4f8db844db916c67c8d54a575cfe506',
      sha1: 'fb4ea259623a81a4a57081d5ee98c8109ac4f420',
      required: false,
    },
  ],
}

/** Our own name, and no day: answers to one release are byte for byte the same. */
const asOurs = (golden: string): string =>
  golden
    .trimEnd()
    .replace(/server="[a-z]+"/, 'server="platte"')
    .replace(/<daystart [^>]*>/, '<daystart elapsed_seconds="0"/>')

const render = (...apps: readonly OmahaAppResponse[]): string => renderOmahaResponse({ apps })

describe('responses that real clients accepted', () => {
  test('an update with an OEM package and an extension', () => {
    expect(render({ ...ok, updateCheck: release })).toBe(asOurs(goldenUpdate))
  })

  test('no update', () => {
    expect(render({ ...ok, updateCheck: { reason: 'up-to-date' } })).toBe(
      asOurs(goldenNoUpdate).replace('"noupdate"', '"noupdate" _no_update_reason="up-to-date"'),
    )
  })
})

/** The part between `<app …>` and `</app>`. */
const inside = (app: Partial<OmahaAppResponse>): string =>
  /<app [^>]*>(.*)<\/app>/.exec(render({ ...ok, ping: false, events: 0, ...app }))?.[1] ?? 'none'

describe('apps in a response', () => {
  test.each<[string, Partial<OmahaAppResponse>, string]>([
    ['nothing asked', {}, ''],
    ['a ping', { ping: true }, '<ping status="ok"/>'],
    ['events', { events: 3 }, '<event status="ok"/><event status="ok"/><event status="ok"/>'],
    [
      'why there is no update',
      { updateCheck: { reason: 'held: "loops" & more' } },
      '<updatecheck status="noupdate" _no_update_reason="held: &quot;loops&quot; &amp; more"/>',
    ],
  ])('%s', (_, app, want) => {
    expect(inside(app)).toBe(want)
  })

  test('an unknown app has an error status', () => {
    const text = render({
      ...ok,
      status: 'error-unknownApplication',
      updateCheck: { reason: 'unknown-app' },
      ping: false,
      events: 0,
    })
    expect(text).toContain(
      `<app appid="${flatcar}" status="error-unknownApplication"><updatecheck status="noupdate" _no_update_reason="unknown-app"/></app>`,
    )
  })

  test('none, and two', () => {
    expect(render()).toMatch(/<daystart elapsed_seconds="0"\/><\/response>$/)
    expect(readResponse(render(ok, { ...ok, appId: 'b', ping: false })).apps).toStrictEqual([
      ok,
      { ...ok, appId: 'b', ping: false },
    ])
  })
})

describe('an offer', () => {
  const mirrored: OmahaOffer = { ...release, codebases: ['https://a/1/', 'https://b/1/'] }

  test('with mirrors fails over after one failure per URL', () => {
    const text = inside({ updateCheck: mirrored })
    expect(text).toContain('<urls><url codebase="https://a/1/"/><url codebase="https://b/1/"/></urls>')
    expect(text).toContain('DisablePayloadBackoff="true" MaxFailureCountPerUrl="1"/></actions>')
    expect(inside({ updateCheck: release })).not.toContain('MaxFailureCountPerUrl')
  })

  test('renders the same for equal releases, and differently for another', () => {
    const [again, other] = [{ ...release }, { ...release, version: '4153.0.0' }]
    expect(inside({ updateCheck: release })).toBe(inside({ updateCheck: again }))
    expect(inside({ updateCheck: release })).toBe(inside({ updateCheck: release }))
    expect(inside({ updateCheck: other })).toContain('<manifest version="4153.0.0">')
  })
})

describe('text of the client', () => {
  test.each([
    ['markup', `"/><a b='&'>`, "&quot;/&gt;&lt;a b='&amp;'&gt;"],
    ['blanks that would be normalised', 'a\tb\nc\rd e', 'a&#9;b&#10;c&#13;d e'],
    ['letters', 'é😀', 'é😀'],
    ['what XML cannot carry', '\0\x1f\ufffe\uffff', '\ufffd\ufffd\ufffd\ufffd'],
    ['half a character', 'a\ud800b\udc00', 'a\ufffdb\ufffd'],
  ])('%s', (_, appId, want) => {
    const text = render({ ...ok, appId })
    expect(text).toContain(`<app appid="${want}" status="ok">`)
    expect(readTree(text).children).toHaveLength(2)
  })
})

describe('parse and render are a pair', () => {
  const word = xmlText
  const hex = (length: number): fc.Arbitrary<string> => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`))
  const onePackage = fc.record(
    { name: word, size: fc.integer({ min: 1 }), sha256: hex(64), sha1: hex(40), required: fc.boolean() },
    { noNullPrototype: true },
  )
  const atLeastOne = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<[T, ...T[]]> =>
    fc.tuple(one, fc.array(one, { maxLength: 3 })).map(([first, others]) => [first, ...others])
  const offer: fc.Arbitrary<OmahaOffer> = fc.record(
    { version: word, codebases: atLeastOne(word), packages: atLeastOne(onePackage) },
    { noNullPrototype: true },
  )
  const app: fc.Arbitrary<OmahaAppResponse> = fc.record(
    {
      ...{ appId: word, status: fc.constantFrom('ok', 'error-unknownApplication'), ping: fc.boolean() },
      ...{ updateCheck: fc.oneof(offer, fc.record({ reason: word }, { noNullPrototype: true })), events: fc.nat(5) },
    },
    { requiredKeys: ['appId', 'status', 'ping', 'events'], noNullPrototype: true },
  )

  test('a rendered response parses back to the same values', () => {
    const check = fc.property(fc.array(app, { maxLength: 3 }), (apps) => {
      expect(readResponse(render(...apps))).toStrictEqual({ apps })
    })
    fc.assert(check, { numRuns: 300 })
  })
})
