/** What an update URL may answer in place of an update: each is refused by name, and nothing is published. */
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { openUpstream } from '../../src/upstreams/kinds.ts'
import { archiveOf, crxOf, ec, idOf } from '../crx/make.ts'
import { refusal, storedCatalog } from '../world.ts'
import { app, crx, type Instead, publishThere, type Scene, scene } from './scene.ts'

let there: Scene
const hash = createHash('sha256').update(crx('1.0')).digest('hex')
afterEach(() => there.close())

type Kind = 'gupdate' | 'omaha-json'
type Replace = (text: string, url: string) => string

/** @returns the refusal. Every row asserts that nothing was published, and that no bytes were left under a package's key. */
async function refused(kind: Kind, instead: (own: string) => Instead): Promise<string> {
  there = await scene()
  await publishThere(there.origin, '1.0')
  there.answer(instead(there.url))
  const words = await refusal(there.run(kind))
  expect((await storedCatalog(there.own)).apps).toEqual({})
  for await (const key of there.own.packages.list?.('packages/') ?? []) expect(key).toBe('no package')
  return words
}

const isCheck = ({ url = '' }: IncomingMessage): boolean => url.startsWith('/service/update2/')
const isFile = ({ url = '' }: IncomingMessage): boolean => url.startsWith('/packages/')
const saying =
  (text: string, status = 200): ((own: string) => Instead) =>
  () =>
  (request, response) => {
    if (isCheck(request)) response.writeHead(status).end(text)
    return isCheck(request)
  }

/** The shapes of the contract, as other servers write them. */
const folder = `packages/${app}/1.0/any/0`
const gupdate: Replace = (attributes, url) =>
  `<?xml version='1.0'?><gupdate xmlns="http://www.google.com/update2/response" protocol="2.0"><app appid="${app}">` +
  `<updatecheck codebase="${url}/${folder}/x.crx" version="1.0" ${attributes}/></app></gupdate>`
const json4 = (url: string) => ({
  response: {
    ...{ protocol: '4.0', server: 'prod', daystart: { elapsed_days: 7000 } },
    apps: [
      {
        ...{ appid: app, status: 'ok', cohort: '1:9co:', cohortname: 'Everyone' },
        updatecheck: {
          ...{ status: 'ok', nextversion: '1.0' },
          pipelines: [
            {
              pipeline_id: 'puff_1',
              operations: [
                { type: 'download', urls: [{ url: `${url}/p.puff` }], size: 5, out: { sha256: 'b2'.repeat(32) } },
                { type: 'puff', previous: { sha256: 'a1'.repeat(32) }, out: { sha256: hash } },
                { type: 'crx3', in: { sha256: hash } },
              ],
            },
            {
              pipeline_id: 'direct_full',
              operations: [
                {
                  type: 'download',
                  urls: [{ url: `${url}/${folder}/x.crx` }],
                  size: crx('1.0').length,
                  out: { sha256: hash },
                },
                { type: 'crx3', in: { sha256: hash } },
              ],
            },
          ],
        },
      },
    ],
  },
})
const json31 = (url: string) => ({
  response: {
    ...{ protocol: '3.1', daystart: { elapsed_days: 7000, elapsed_seconds: 1 } },
    app: [
      {
        ...{ appid: app.toUpperCase(), status: 'ok', cohort: '' },
        updatecheck: {
          ...{ status: 'ok', urls: { url: [{ codebase: `${url}/${folder}/x.crx` }, { codebasediff: `${url}/d/` }] } },
          actions: { action: [{ type: 'run', run: 'x' }] },
          manifest: {
            version: '1.0',
            packages: {
              package: [
                {
                  ...{
                    name: 'x.crx',
                    hash_sha256: hash.toUpperCase(),
                    size: crx('1.0').length,
                    fp: `1.${hash}`,
                    required: true,
                  },
                  ...{ namediff: 'd.puff', hashdiff_sha256: 'b2'.repeat(32), sizediff: 5 },
                },
              ],
            },
          },
        },
      },
    ],
  },
})

/** Answers with a text that is made of the server's URL, and serves the package that it names. */
const answering =
  (text: (url: string) => string, file: Buffer = crx('1.0')): ((own: string) => Instead) =>
  (own) =>
  (request, response) => {
    if (isCheck(request)) response.end(text(own))
    if (isFile(request))
      response.setHeader('content-length', file.length).end(request.method === 'HEAD' ? undefined : file)
    return isCheck(request) || isFile(request)
  }
/** @param edit damages the text of an answer of the contract. */
const inXml = (attributes = '', edit: Replace = (text) => text, file?: Buffer) =>
  answering((url) => edit(gupdate(attributes, url), url), file)
const in4 = (edit: Replace = (text) => text, file?: Buffer) =>
  answering((url) => edit(`)]}'\n${JSON.stringify(json4(url))}`, url), file)
const in31 = (edit: Replace = (text) => text, file?: Buffer) =>
  answering((url) => edit(`)]}'\n${JSON.stringify(json31(url))}`, url), file)
const replacing =
  (from: string | RegExp, to: string): Replace =>
  (text) => {
    expect(text).toMatch(from)
    return text.replace(from, to)
  }

describe('as other servers write it', () => {
  test.each<[string, Kind, () => (own: string) => Instead]>([
    ['gupdate without what is optional', 'gupdate', () => inXml()],
    [
      'gupdate with everything',
      'gupdate',
      () => inXml(`status="ok" hash_sha256="${hash}" size="${crx('1.0').length}"`),
    ],
    [
      'gupdate with a prefix',
      'gupdate',
      () => inXml('', (text) => text.replace('xmlns', 'xmlns:g').replaceAll(/<(\/?)(?=[gau])/g, '<$1g:')),
    ],
    [
      'a list of extensions',
      'gupdate',
      () => inXml('', replacing('<app', '<app appid="aa"><updatecheck codebase="x" version="9"/></app><app')),
    ],
    [
      'several versions',
      'gupdate',
      () =>
        inXml(
          '',
          replacing('<updatecheck', '<updatecheck codebase="https://x.example/0.crx" version="0.9"/><updatecheck'),
        ),
    ],
    ['a URL with a query', 'gupdate', () => inXml('', replacing('x.crx"', 'x.crx?P1=1&amp;P2=%2b"'))],
    ['JSON 4.0', 'omaha-json', () => in4()],
    ['JSON 3.1, whatever it was asked in', 'omaha-json', () => in31()],
    ['a folder in 3.1', 'omaha-json', () => in31(replacing('/x.crx"', '/"'))],
  ])('%s', async (_, kind, instead) => {
    there = await scene()
    there.answer(instead()(there.url))
    expect(await there.run(kind)).toMatchObject({ kind: 'changed' })
    expect(await there.run(kind)).toMatchObject({ kind: 'unchanged' })
  })

  test('a server of 3.1 refuses 4.0', async () => {
    there = await scene()
    const own = in31()(there.url)
    const bodies: string[] = []
    there.answer((request, response) => {
      if (!isCheck(request)) return own(request, response)
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => void chunks.push(chunk))
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString()
        bodies.push(JSON.parse(body).request.protocol)
        if (bodies.at(-1) === '3.1') own(request, response)
        else response.writeHead(400).end('unsupported protocol')
      })
      return true
    })
    expect(await there.run('omaha-json')).toMatchObject({ kind: 'changed' })
    expect(bodies).toEqual(['4.0', '3.1'])
  })
})

const html = '<!doctype html><title>Log in</title>'
const error = (kind: Kind) =>
  kind === 'gupdate'
    ? replacing('<app ', '<app status="error-unknownApplication" ')
    : replacing('"status":"ok"', '"status":"error-unknownApplication"')

describe('an answer', () => {
  test.each<[string, Kind, () => (own: string) => Instead, RegExp]>([
    [
      'in HTML',
      'gupdate',
      () => saying('<html><body>Log in</body></html>'),
      /^bad-document: .* the answer is a <html>, not a <gupdate>/,
    ],
    ['in HTML that is no XML', 'gupdate', () => saying(html), /^bad-document: .* not well-formed XML/],
    ['in HTML', 'omaha-json', () => saying(html), /^bad-document: .* the answer is XML or HTML, not Omaha in JSON/],
    ['in JSON to a GET', 'gupdate', () => in4(), /^bad-document: .* the answer is JSON, not a <gupdate>/],
    ['of XML to a POST', 'omaha-json', () => inXml(), /^bad-document: .* the answer is XML or HTML/],
    ['that is empty', 'gupdate', () => saying(''), /^bad-document: .* there is no element/],
    ['that is empty', 'omaha-json', () => saying(''), /^bad-document: .* the answer is no JSON/],
    ['that is cut', 'gupdate', () => inXml('', (text) => text.slice(0, -9)), /^bad-document: .* not well-formed/],
    ['that is cut', 'omaha-json', () => in4((text) => text.slice(0, -9)), /^bad-document: .* is no JSON/],
    ['that is no text', 'gupdate', () => answering(() => '\ud800'), /^bad-document: /],
    [
      'of two megabytes',
      'gupdate',
      () => inXml('', (text) => text + ' '.repeat(2e6)),
      /^too-large: .* the answer: is larger than/,
    ],
    [
      'of two megabytes',
      'omaha-json',
      () => in4((text) => text + ' '.repeat(2e6)),
      /^too-large: .* the answer: is larger than/,
    ],
    ['of an error', 'gupdate', () => inXml('', error('gupdate')), /^refused: .* status: is "error-unknownApplication"/],
    ['of an error', 'omaha-json', () => in4(error('omaha-json')), /^refused: .* status: is "error-unknownApplication"/],
    [
      'of another protocol',
      'gupdate',
      () => inXml('', replacing('"2.0"', '"3.1"')),
      /^bad-document: .* protocol: is not "2\.0"/,
    ],
    [
      'of another protocol',
      'omaha-json',
      () => in4(replacing('4.0', '5.0')),
      /^bad-document: .* protocol: is neither 4\.0 nor 3\.1/,
    ],
    ['without an app', 'gupdate', () => inXml('', replacing(/<app.*<\/app>/, '')), /^bad-document: .* has no app/],
    ['without an app', 'omaha-json', () => in4(replacing('"apps"', '"app"')), /^bad-document: .* has no app/],
    [
      'about another app',
      'gupdate',
      () => inXml('', replacing(app, 'a'.repeat(32))),
      /^mismatch: .* app: is about "a{32}", not about/,
    ],
    [
      'about another app',
      'omaha-json',
      () => in4(replacing(`"appid":"${app}`, `"appid":"${'a'.repeat(32)}`)),
      /^mismatch: .* is about "a{32}"/,
    ],
    [
      'with a version of letters',
      'gupdate',
      () => inXml('', replacing('version="1.0"', 'version="next"')),
      /^bad-document: .*updatecheck\.0.*version: must be numbers/,
    ],
    [
      'with a version that climbs',
      'omaha-json',
      () => in4(replacing('"1.0"', '"1../.."')),
      /^bad-document: .*nextversion: must be numbers/,
    ],
    [
      'without a version',
      'gupdate',
      () => inXml('', replacing('version="1.0"', '')),
      /^bad-document: .* has no version/,
    ],
    ['without a URL', 'gupdate', () => inXml('', replacing('codebase', 'base')), /^bad-document: .* has no codebase/],
    [
      'with a URL of a file',
      'gupdate',
      () => inXml('', replacing(/codebase="[^"]*"/, 'codebase="file:///etc/passwd"')),
      /^bad-document: .*codebase: must be an http/,
    ],
    [
      'with a relative URL',
      'gupdate',
      () => inXml('', replacing(/codebase="[^"]*"/, 'codebase="x.crx"')),
      /^bad-document: .*codebase: must be an http/,
    ],
    [
      'with a password',
      'omaha-json',
      () => in4(replacing(/"http:\/\/127[^"]*x\.crx/, '"http://a:b@example.org/x.crx')),
      /^bad-document: .*operations: 0.*url: must be an http/,
    ],
    [
      'with a name that climbs',
      'gupdate',
      () => inXml('', replacing('x.crx', '..%2f..%2fx')),
      /^bad-document: .*is no name of a file/,
    ],
    ['with no name', 'gupdate', () => inXml('', replacing('x.crx', '')), /^bad-document: .*is no name of a file/],
    [
      'with a name that climbs',
      'omaha-json',
      () => in31(replacing('"x.crx"', '"../../x"')),
      /^bad-document: .*name: must be/,
    ],
    [
      'with a program that climbs',
      'omaha-json',
      () => in4(replacing(/("type":"crx3",)(?!.*"crx3")/, '$1"path":"../../bin/sh",')),
      /^bad-document: .*run: must/,
    ],
    ['with a size of nothing', 'gupdate', () => inXml('size="0"'), /^bad-document: .*size: must be a number of bytes/],
    [
      'with a size of a planet',
      'omaha-json',
      () => in4(replacing(/"size":\d{3,}/, '"size":99999999999999')),
      /^bad-document: .*size: must be at most/,
    ],
    [
      'with a short SHA-256',
      'gupdate',
      () => inXml('hash_sha256="abcd"'),
      /^bad-document: .*hash_sha256: must be a SHA-256/,
    ],
    [
      'with two SHA-256',
      'omaha-json',
      () => in4((text) => text.replace(/"in":\{"sha256":"[^"]*"\}(?!.*"in")/, `"in":{"sha256":"${'0'.repeat(64)}"}`)),
      /^bad-document: .*in\.sha256: is not that of the download/,
    ],
    [
      'of a patch alone',
      'omaha-json',
      () => in4((text) => text.replace(/,\{"pipeline_id":"direct_full".*?\}\]\}(?=\])/, '')),
      /^refused: .*none is \[download, crx3\], but \[download, puff, crx3\]/,
    ],
    [
      'without pipelines',
      'omaha-json',
      () => in4(replacing(/"pipelines":\[.*\]\}\]/, '"pipelines":[]')),
      /^bad-document/,
    ],
    [
      'without a URL of the whole',
      'omaha-json',
      () => in31(replacing(/\{"codebase":"[^"]*"\},/, '')),
      /^bad-document: .*updatecheck: urls: names no URL/,
    ],
    [
      'of two packages',
      'omaha-json',
      () => in31(replacing('"package":[', '"package":[{"name":"y.crx"},')),
      /^bad-document: .*package/,
    ],
  ])('%s (%s)', async (_, kind, instead, words) => {
    const found = await refused(kind, instead())
    expect(found).toMatch(words)
    expect(found).toMatch(/http:\/\/127\.0\.0\.1:\d+, channel stable, board any/)
  })

  test.each<[number, Kind, RegExp]>([
    [401, 'gupdate', /^forbidden: .*channel stable.* answers 401/],
    [404, 'gupdate', /^store-unavailable: .* answers 404/],
    [500, 'omaha-json', /^store-unavailable: .* answers 500/],
    [405, 'omaha-json', /^store-unavailable: .* answers 405/],
  ])('of status %s (%s)', async (status, kind, words) =>
    expect(await refused(kind, saying('no', status))).toMatch(words),
  )

  test('with a redirect inwards', async () => {
    there = await scene()
    const url = 'http://updates.example.org/'
    const inwards = openUpstream(`gupdate:${url}`, {
      transport: async (sending) => {
        sending.judge('93.184.216.34')
        return nodeTransport()({ ...sending, url: new URL(there.url), judge: () => {} })
      },
    })
    there.answer((_, response) => {
      response.writeHead(302, { location: 'http://169.254.169.254/latest/' }).end()
      return true
    })
    const wanted = { app, channel: 'stable', board: 'any', isKnown: () => false }
    expect(await refusal(inwards.ask(wanted))).toMatch(
      /^store-unavailable: .* redirects to 169\.254\.169\.254, an address of/,
    )
  })
})

describe('a package', () => {
  const other = crxOf(archiveOf({ version: '1.0' }), { signers: [[3, ec]] })
  test.each<[string, Kind, () => (own: string) => Instead, RegExp]>([
    [
      'of another SHA-256',
      'gupdate',
      () => inXml(`hash_sha256="${'0'.repeat(64)}"`),
      /^mismatch: .*1\.0 for any: x\.crx: its sha256 is/,
    ],
    ['that is longer than announced', 'gupdate', () => inXml('size="9"'), /^mismatch: .*expected 9/],
    ['that is shorter', 'omaha-json', () => in4((text) => text, crx('1.0').subarray(0, -1)), /^mismatch: .*expected/],
    [
      'of another app',
      'gupdate',
      () => inXml('', (text) => text, other),
      new RegExp(`^refused: .*x\\.crx: is app ${idOf(ec)}, not ${app}`),
    ],
    [
      'of another version',
      'gupdate',
      () => inXml('', (text) => text, crx('2.0')),
      /^refused: .*x\.crx: is version 2\.0, not 1\.0/,
    ],
    [
      'with a changed byte',
      'gupdate',
      () =>
        inXml(
          '',
          (text) => text,
          Buffer.from(crx('1.0').map((byte, i) => (i === crx('1.0').length - 40 ? byte ^ 1 : byte))),
        ),
      /^refused: .*x\.crx: has a wrong RSA signature/,
    ],
    [
      'that is no CRX3',
      'gupdate',
      () => inXml('', (text) => text, Buffer.from('<html>')),
      /^refused: .*x\.crx: does not begin with Cr24/,
    ],
  ])('%s (%s)', async (_, kind, instead, words) => {
    const found = await refused(kind, instead())
    expect(found).toMatch(words)
    expect(found).toMatch(/http:\/\/127\.0\.0\.1:\d+, 1\.0 for any/)
  })

  test('that grows while it is read', async () => {
    const words = await refused('gupdate', (own) => (request, response) => {
      if (isCheck(request)) response.end(gupdate(`size="${crx('1.0').length}"`, own))
      else if (isFile(request)) response.end(Buffer.concat([crx('1.0'), Buffer.alloc(1e6)]))
      return isCheck(request) || isFile(request)
    })
    expect(words).toMatch(/^(mismatch|store-unavailable): .*1\.0 for any/)
  })

  test('that another version of itself replaced', async () => {
    there = await scene()
    there.answer(inXml(`hash_sha256="${hash}"`)(there.url))
    await there.run('gupdate')
    there.answer(inXml(`hash_sha256="${'0'.repeat(64)}"`)(there.url))
    expect(await refusal(there.run('gupdate'))).toMatch(
      /^mismatch: .*channel stable: 1\.0 for any: packages: x\.crx: sha256 is 0{64}, and was/,
    )
  })

  test('without a digest, of an app that no key names', async () => {
    there = await scene()
    const own = '8a69d345-d564-463c-aff1-a69d9e530f96'
    there.answer(inXml('', replacing(app, `{${own.toUpperCase()}}`))(there.url))
    expect(await refusal(there.run('gupdate', { app: own }))).toMatch(
      /^bad-document: .*has no SHA-256, and no key names its app/,
    )
  })
})

test.each([
  ['gupdate:file:///etc/', /^usage: the upstream is not a URL/],
  ['gupdate:https://a:b@example.org/', /^usage: the upstream is not a URL/],
  [
    'chromium:https://example.org/',
    /^usage: unknown kind of upstream: it must begin with omaha: or gupdate: or omaha-json:/,
  ],
])('%s', async (text, words) => {
  there = await scene()
  expect(await refusal((async () => openUpstream(text, { transport: nodeTransport() }))())).toMatch(words)
})

test('a board that no browser runs on', async () => {
  there = await scene()
  expect(await refusal(there.run('gupdate', { boards: ['amd64-usr'] }))).toMatch(
    /^usage: .*amd64-usr is no board of a browser/,
  )
})
