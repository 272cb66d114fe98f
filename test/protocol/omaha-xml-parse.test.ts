import { describe, expect, test } from 'vitest'
import type { OmahaAppRequest, OmahaRequest } from '../../src/checks/omaha/omaha.ts'
import { parseCanonical, parseOmahaRequest, parseStrict } from '../../src/checks/omaha/xml.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import { maxRequestBytes } from '../../src/kernel/limits.ts'
import { parseWithSaxes } from './omaha-xml-oracle.ts'
import { bodyOf, syncerBody, syncerRequests, type updateEngineRequests } from './samples.ts'

const machine: OmahaAppRequest = {
  appId: '{e96281a6-d1af-4bde-9a0a-97b76e56dc57}',
  version: '4081.2.0',
  track: 'beta',
  board: 'amd64-usr',
  machineId: '0123456789abcdef0123456789abcdef',
  oem: 'ami',
  oemVersion: '2.0.1',
  bootId: '{034282b1-0d0c-414e-b67a-b9f16486c206}',
  machineAlias: 'web-1',
  ping: false,
  updateCheck: false,
  events: [],
}
const check = { ping: true, updateCheck: true }

describe('captured requests of update_engine', () => {
  test.each<[(typeof updateEngineRequests)[number], string, Partial<OmahaAppRequest>]>([
    ['full-update-01', 'ondemandupdate', { ...check, events: [{ type: 3, result: 2, previousVersion: '' }] }],
    ['full-update-02', 'ondemandupdate', { events: [{ type: 13, result: 1 }] }],
    ['full-update-04', 'ondemandupdate', { events: [{ type: 14, result: 1 }] }],
    ['full-update-05', 'ondemandupdate', { events: [{ type: 3, result: 1 }] }],
    ['ping-only-need-reboot', 'scheduler', { ping: true }],
    [
      'updatecheck-first-ever-on-demand',
      'ondemandupdate',
      { ...check, events: [{ type: 3, result: 2, previousVersion: '' }] },
    ],
    [
      'updatecheck-postreboot',
      'ondemandupdate',
      { ...check, version: '4152.2.0', events: [{ type: 3, result: 2, previousVersion: '4081.2.0' }] },
    ],
    [
      'updatecheck-scheduled-steady-state',
      'scheduler',
      { ...check, events: [{ type: 3, result: 2, previousVersion: '' }] },
    ],
  ])('%s', (name, installSource, app) => {
    const want: OmahaRequest = { protocol: '3.0', installSource, apps: [{ ...machine, ...app }] }
    const body = bodyOf(name)
    expect(parseOmahaRequest(body)).toStrictEqual(want)
    expect(parseStrict(body)).toStrictEqual(want)
    expect(parseCanonical(body), 'takes the fast path').toStrictEqual(want)
    expect(parseWithSaxes(body)).toStrictEqual(want)
  })

  test.each(syncerRequests)('%s of a syncer', (name) => {
    const [app] = parseOmahaRequest(syncerBody(name)).apps
    expect(app).toStrictEqual({
      ...{ ...machine, version: '2500.0.0', track: 'floored', machineId: app?.machineId, oem: 'qemu', oemVersion: '1' },
      ...{
        bootId: '{3c9c0e11-6c37-4e47-9f60-6d06b421286d}',
        machineAlias: '',
        updateCheck: true,
        syncer: name === 'syncer-multi' ? 'many' : 'one',
      },
    })
    expect(app?.machineId).toMatch(/^m2[12]$/)
  })
})

/** A request around the inside of one app. */
const withApp = (inside: string, os = ''): string =>
  `<request protocol="3.0">${os}<app appid="x">${inside}</app></request>`
const first = (body: string): OmahaAppRequest | undefined => parseOmahaRequest(body).apps[0]

describe('shapes of other clients', () => {
  test.each<[string, string]>([
    ['no XML declaration', '<request protocol="3.0"><app appid="x"/></request>'],
    ['a byte order mark', '\ufeff<?xml version="1.0"?><request protocol="3.0"><app appid="x"/></request>'],
    [
      'single quotes and a standalone declaration',
      `<?xml version='1.0' encoding='utf-8' standalone='yes' ?><request protocol='3.0'><app appid='x'/></request>`,
    ],
    ['blanks wherever XML has them', '<request\r\n protocol = "3.0"\t>\n<app\nappid = "x" /></request >\n\n'],
    [
      'comments, instructions, CDATA and text',
      '<!-- a --><?b c?><request protocol="3.0">x &amp; y<![CDATA[<app>]]><app appid="x"/><!----></request><!-- <app/> -->',
    ],
    [
      'unknown attributes and elements',
      '<request protocol="3.0" xmlns:p="u" p:a="1"><hw sse="1"/><p:app appid="no"/><app appid="x" brand="Y"><data>1</data></app></request>',
    ],
    [
      'an app within an unknown element',
      '<request protocol="3.0"><apps><app appid="no"/></apps><app appid="x"/></request>',
    ],
    ['a later 3.x', '<request protocol="3.1"><app appid="x"/></request>'],
  ])('%s', (_, body) => {
    expect(parseOmahaRequest(body).apps.map(({ appId }) => appId)).toStrictEqual(['x'])
  })

  test.each<[string, string, Partial<OmahaAppRequest>]>([
    ['self-closing children', '<ping/><updatecheck/>', { ping: true, updateCheck: true }],
    [
      'children with content',
      '<ping a="1"> </ping><updatecheck targetversionprefix="4"><x/></updatecheck>',
      { ping: true, updateCheck: true },
    ],
    [
      'a ping within something else',
      '<x><ping/><updatecheck/><event eventtype="3" eventresult="1"/></x>',
      { ping: false, updateCheck: false, events: [] },
    ],
    [
      'an error with flag bits',
      '<event eventtype="3" eventresult="0" errorcode="268437460"/>',
      { events: [{ type: 3, result: 0, errorCode: { base: 2004, name: 'http 4' } }] },
    ],
    [
      'an error in developer mode',
      '<event eventtype="3" eventresult="0" errorcode="-1879048148"/>',
      { events: [{ type: 3, result: 0, errorCode: { base: 44, name: 'rollback' } }] },
    ],
    [
      'several events',
      '<event eventtype="13" eventresult="1"/><event eventtype="54" eventresult="1" previousversion="1.2"/>',
      {
        events: [
          { type: 13, result: 1 },
          { type: 54, result: 1, previousVersion: '1.2' },
        ],
      },
    ],
    ['an empty errorcode', '<event eventtype="3" eventresult="1" errorcode=""/>', { events: [{ type: 3, result: 1 }] }],
    [
      'an event whose type is no number',
      '<updatecheck/><event eventtype="x" eventresult="1"/><event eventtype="14" eventresult="1"/>',
      { updateCheck: true, events: [{ type: 14, result: 1 }], problem: 'event 1 was dropped: eventtype is "x"' },
    ],
    [
      'an event without a result',
      '<event eventtype="3"/>',
      { events: [], problem: 'event 1 was dropped: eventresult is ""' },
    ],
    [
      'an event whose error is no number',
      '<event eventtype="3" eventresult="0" errorcode="1e3"/>',
      { events: [], problem: 'event 1 was dropped: errorcode is "1e3"' },
    ],
  ])('%s', (_, inside, want) => {
    expect(first(withApp(inside))).toMatchObject(want)
    expect(first(withApp(inside))?.problem).toBe(want.problem)
  })

  test('an unusable app does not affect the others', () => {
    const { apps } = parseOmahaRequest(
      '<request protocol="3.0"><app><ping/></app><app appid=" "/><app appid="b"/></request>',
    )
    expect(apps.map(({ appId, problem }) => [appId, problem])).toStrictEqual([
      ['', 'appid is empty'],
      [' ', 'appid is empty'],
      ['b', undefined],
    ])
  })

  test.each(['{E96281A6-d1af-4bde-9a0a-97b76e56dc57}', 'e96281a6', 'é<&>"\'', 'a  b\n\t'])(
    'appid %j is preserved',
    (id) => {
      const written = id.replace(/[&<>"\n\t]/g, (character) => `&#x${character.charCodeAt(0).toString(16)};`)
      expect(first(`<request protocol="3.0"><app appid="${written}"/></request>`)?.appId).toBe(id)
    },
  )
})

describe('the board', () => {
  test.each<[string, string, string]>([
    ['is what the app says', 'board="arm64-usr" ', 'arch="x64" sp="1_x86_64"'],
    ['is any word of the app', 'board="riscv" ', 'arch="x64"'],
  ])('%s', (_, board, os) => {
    const app = first(`<request protocol="3.0"><os ${os}/><app appid="x" ${board}/></request>`)
    expect(app?.board).toBe(board.slice(7, -2))
  })

  test.each<[string, string]>([
    ['arch="x86_64"', 'amd64-usr'],
    ['arch="amd64"', 'amd64-usr'],
    ['arch="x64"', 'amd64-usr'],
    ['arch="aarch64"', 'arm64-usr'],
    ['arch="arm64"', 'arm64-usr'],
    ['arch="x64" sp="1_aarch64"', 'amd64-usr'],
    ['arch="x86" sp="1_aarch64"', ''],
    ['arch="arm" sp="1_aarch64"', ''],
    ['arch=" " sp="1_aarch64"', ''],
    ['arch="" sp="1_aarch64"', 'arm64-usr'],
    ['sp="4081.2.0_x86_64"', 'amd64-usr'],
    ['sp="4081.2.0_aarch64"', 'arm64-usr'],
    ['sp="4081.2.0_armv7l"', ''],
    ['sp="x86_64"', ''],
    ['sp="constructor" arch="constructor"', ''],
    ['', ''],
  ])('from <os %s> is %j', (os, want) => {
    expect(first(withApp('', `<os ${os}/>`))?.board).toBe(want)
    expect(
      first(`<request protocol="3.0"><app appid="x" board=""/><os ${os}/><os arch="arm64"/></request>`)?.board,
    ).toBe(want)
  })
})

describe('mistakes of real clients', () => {
  const sample = bodyOf('updatecheck-scheduled-steady-state')
  const [track, alias] = ['track="beta"', 'machinealias="web-1"']

  test.each<[string, string, string, Partial<OmahaAppRequest>]>([
    ['GROUP="stable" (Flatcar#1424)', track, 'track=""stable""', { track: 'stable' }],
    ['an opening quote alone', track, 'track=""stable"', { track: 'stable' }],
    ['a closing quote alone', track, 'track="stable""', { track: 'stable' }],
    ['nothing but a quote', track, 'track="""', { track: '' }],
    ['quotes within an alias (Flatcar#1209)', alias, 'machinealias="rack "7" left"', { machineAlias: 'rack "7" left' }],
    ['a quoted alias', alias, 'machinealias=""a b""', { machineAlias: '"a b"' }],
    ['an alias with an equals sign', alias, 'machinealias=""a=b""', { machineAlias: '"a=b"' }],
    ['a quote and an apostrophe', alias, `machinealias="6' 2" x"`, { machineAlias: `6' 2" x` }],
    ['two values at once', `${alias} lang="en-US"`, 'machinealias=""a"" lang=""b""', { machineAlias: '"a"' }],
    [
      'the last value of a tag',
      'previousversion=""',
      'previousversion=""4""',
      { events: [{ type: 3, result: 2, previousVersion: '"4"' }] },
    ],
    ['references beside quotes', alias, 'machinealias=""a &amp; b""', { machineAlias: '"a & b"' }],
    ['a carriage return (CRLF)', track, 'track="beta\r"', { track: 'beta' }],
    ['a referenced one', track, 'track="beta&#13;"', { track: 'beta' }],
    ['apostrophes', track, `track="'beta' "`, { track: 'beta' }],
    ['inner quotes and blanks stay', track, `track=" be 'ta "`, { track: `be 'ta` }],
  ])('%s', (_, from, to, want) => {
    const body = sample.replace(from, to)
    expect(first(body)).toMatchObject(want)
    expect(first(body)).toMatchObject({
      ...machine,
      ...check,
      events: [{ type: 3, result: 2, previousVersion: '' }],
      ...want,
    })
  })

  test.each<[string, string]>([
    ['a comment with quotes', `<!-- > <a b=" -->`],
    ['an instruction with quotes', `<?p > <a b=" ?>`],
    ['a CDATA section with quotes', `<![CDATA[ > <a b=" ]]>`],
    ['an attribute in apostrophes', `<a b='"c" d"' e='>'/>`],
  ])('%s is repaired', (_, inside) => {
    const [app] = parseOmahaRequest(`<request protocol="3.0">${inside}<app appid="x" track=""beta""/></request>`).apps
    expect(app).toMatchObject({ appId: 'x', track: 'beta' })
  })

  test('a repair that does not help reports the first error', () => {
    const body = sample.replace(track, 'track=""stable""').replace('</app>', '</apps>')
    expect(() => parseOmahaRequest(body)).toThrow(
      `a blank or ">" is missing, at offset ${body.indexOf('stable')} in <app>`,
    )
  })

  test('a body of quotes only is not repaired', () => {
    const body = (quotes: number): string => sample.replace(alias, `machinealias="${'"'.repeat(quotes)}"`)
    expect(first(body(64))?.machineAlias).toBe('"'.repeat(64))
    expect(() => parseOmahaRequest(body(65))).toThrow(PlatteError)
  })
})

describe('refused requests', () => {
  const app = '<app appid="x"/>'
  test.each<[string, string, RegExp]>([
    ['nothing', '', /there is no element, at offset 0/],
    ['JSON', '{"request":{}}', /text outside of the root element, at offset 0/],
    ['another root', '<response protocol="3.0"/>', /root element is <response>/],
    ['Omaha 2', '<request protocol="2.0"/>', /protocol "2.0"; this endpoint speaks 3.x/],
    ['Omaha 2 of an update_engine', bodyOf('ping-only-need-reboot').replace('"3.0"', '"2.0"'), /protocol "2.0"/],
    ['a protocol that only starts like 3', '<request protocol="3.0x"/>', /protocol "3.0x"/],
    ['no protocol', `<request>${app}</request>`, /protocol ""/],
    ['a document type', `<!DOCTYPE request><request protocol="3.0"/>`, /document type declaration/],
    ['an entity bomb', `<!DOCTYPE r [<!ENTITY a "&b;&b;">]><request protocol="3.0">&a;</request>`, /document type/],
    ['an unknown entity', '<request protocol="3.0" a="&nbsp;"/>', /reference .* in the attribute a in <request>/],
    ['an inherited entity', '<request protocol="3.0" a="&constructor;"/>', /reference/],
    ['an unknown entity in text', '<request protocol="3.0">&a;</request>', /reference/],
    ['a reference to NUL', '<request protocol="3.0" a="&#0;"/>', /reference/],
    ['a reference to half a character', '<request protocol="3.0" a="&#xD800;"/>', /reference/],
    ['a reference beyond Unicode', `<request protocol="3.0" a="&#${'9'.repeat(400)};"/>`, /reference/],
    ['a reference without a number', '<request protocol="3.0" a="&#;"/>', /reference/],
    ['a bare ampersand', '<request protocol="3.0" a="a & b"/>', /reference/],
    ['NUL', '<request protocol="3.0" a="\0"/>', /a character that XML does not allow, at offset 27/],
    ['a lone surrogate', '<request protocol="3.0" a="\ud800"/>', /does not allow, at offset 27/],
    ['two halves in the wrong order', '<request protocol="3.0" a="\udc00\ud800"/>', /does not allow, at offset 27/],
    ['U+FFFE', '<request protocol="3.0">\ufffe</request>', /does not allow, at offset 24/],
    [
      'an attribute twice',
      '<request protocol="3.0" protocol="3.0"/>',
      /duplicate attribute, at offset 38 in the attribute protocol in <request>/,
    ],
    ['"<" in a value', '<request protocol="3.0" a="<"/>', /holds "<"/],
    ['a value without quotes', '<request protocol=3.0/>', /no quotes/],
    ['a value without an end', '<request protocol="3.0/>', /the value does not end/],
    ['an attribute without a value', '<request protocol/>', /"=" must follow/],
    ['attributes without a blank', `<request protocol="3.0"a='1'/>`, /a blank or ">" is missing/],
    ['a tag that does not end', '<request protocol="3.0" ', /a name is missing/],
    ['a slash within a tag', '<request protocol="3.0" / >', /a name is missing/],
    ['an element without a name', '<request protocol="3.0">< /></request>', /a name is missing/],
    ['a name that starts with a digit', '<request protocol="3.0"><1/></request>', /a name is missing/],
    ['another end tag', '<request protocol="3.0"><app></request></app>', /mismatched end tag, at offset 29 in <app>/],
    ['a longer end tag', '<request protocol="3.0"></requests>', /mismatched end tag/],
    ['an end tag alone', '</request>', /mismatched end tag/],
    ['no end', '<request protocol="3.0">', /the document ends too early/],
    ['two roots', '<request protocol="3.0"/><request protocol="3.0"/>', /a second root element, at offset 25/],
    ['text behind the root', '<request protocol="3.0"/>x', /text outside of the root element/],
    ['CDATA behind the root', '<request protocol="3.0"/><![CDATA[]]>', /CDATA section outside of the root/],
    ['"]]>" in text', '<request protocol="3.0">]]></request>', /"\]\]>" in text/],
    ['"--" in a comment', '<!-- a -- b --><request protocol="3.0"/>', /"--" in a comment/],
    ['a comment without an end', '<request protocol="3.0"><!-- </request>', /a comment does not end/],
    ['a CDATA section without an end', '<request protocol="3.0"><![CDATA[</request>', /a CDATA section does not end/],
    [
      'an instruction without an end',
      '<request protocol="3.0"><?a </request>',
      /a processing instruction does not end/,
    ],
    ['an instruction without a name', '<request protocol="3.0"><? a?></request>', /without a name/],
    [
      'blanks before the declaration',
      ' <?xml version="1.0"?><request protocol="3.0"/>',
      /XML declaration .* not at the start/,
    ],
    ['a declaration twice', '<?xml version="1.0"?><?xml version="1.0"?><request protocol="3.0"/>', /XML declaration/],
    ['XML 1.1', '<?xml version="1.1"?><request protocol="3.0"/>', /not that of XML 1.0/],
    ['a declaration without a version', '<?xml encoding="UTF-8"?><request protocol="3.0"/>', /XML declaration/],
  ])('%s', (_, body, message) => {
    expect(() => parseOmahaRequest(body)).toThrow(
      expect.objectContaining({ code: 'bad-request', message: expect.stringMatching(message) }),
    )
  })

  const repeated = (piece: string, times: number): string => piece.repeat(times)
  const attributes = (count: number): string => Array.from({ length: count }, (_, i) => `a${i}=""`).join(' ')
  const nested = (levels: number): string => `${repeated('<a>', levels)}${repeated('</a>', levels)}`

  test.each<[string, (count: number) => string, number]>([
    ['apps', (count) => `<request protocol="3.0">${repeated(app, count)}</request>`, 256],
    ['events of one app', (count) => withApp(repeated('<event eventtype="3" eventresult="1"/>', count)), 64],
    ['attributes', (count) => withApp(`<x ${attributes(count)}/>`), 64],
    [
      'attributes in all',
      (count) => withApp(`${repeated(`<x ${attributes(64)}/>`, 63)}<x ${attributes(count - 63 * 64 - 2)}/>`),
      4096,
    ],
    ['tags and comments', (count) => withApp(repeated('<x/>', count - 4)), 2048],
    ['references', (count) => withApp(`${repeated('&lt;', 512)}<x a="${repeated('&#38;', count - 512)}"/>`), 1024],
    ['elements within each other', (count) => `<request protocol="3.0">${nested(count - 1)}</request>`, 16],
  ])('more %s than the limit', (what, body, limit) => {
    expect(parseOmahaRequest(body(limit)).protocol).toBe('3.0')
    const tooLarge = { code: 'too-large', message: expect.stringMatching(`more than ${limit} ${what}`) }
    expect(() => parseOmahaRequest(body(limit + 1))).toThrow(expect.objectContaining(tooLarge))
  })

  test('256 apps as real clients describe them are within all limits', () => {
    const attributes = `version="1.0.0" track="stable" board="amd64-usr" machineid="0123456789abcdef0123456789abcdef" oem=""`
    const inside = '<ping/><updatecheck/><event eventtype="3" eventresult="2"/>'
    const apps = Array.from({ length: 256 }, (_, i) => `<app appid="{app-${i}}" ${attributes}>${inside}</app>`)
    expect(parseOmahaRequest(`<request protocol="3.0">${apps.join('')}</request>`).apps).toHaveLength(256)
  })

  test('a body longer than the limit', () => {
    const body = withApp('')
    expect(parseOmahaRequest(body + ' '.repeat(maxRequestBytes - body.length)).apps).toHaveLength(1)
    const longer = body + ' '.repeat(maxRequestBytes - body.length + 1)
    expect(() => parseOmahaRequest(longer)).toThrow(expect.objectContaining({ code: 'too-large' }))
  })

  test.each([
    ['200,000 levels', `<request protocol="3.0">${repeated('<a>', 200_000)}`],
    ['50,000 attributes', `<request protocol="3.0" ${attributes(50_000)}/>`],
  ])('%s, parsed without length limits', (_, body) => {
    expect(() => parseStrict(body)).toThrow(expect.objectContaining({ code: 'too-large' }))
    expect(() => parseOmahaRequest(body)).toThrow(expect.objectContaining({ code: 'too-large' }))
  })

  test('long names are truncated in messages', () => {
    const name = repeated('n', 60_000)
    for (const body of [`<${name}/>`, `<${name}><${name} ${name}=x`, `<request protocol="${name}"/>`])
      expect(() => parseOmahaRequest(body)).toThrow(/^.{10,200}$/)
  })
})
