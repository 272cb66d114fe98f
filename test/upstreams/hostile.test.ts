/** What an Omaha server may answer in place of an update: each is refused by name, and nothing is published. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { adoptOffer, planOffer } from '../../src/upstreams/adopt.ts'
import { openUpstream } from '../../src/upstreams/kinds.ts'
import { type Nebraska, nebraska, type Otherwise } from '../nebraska.ts'
import { newStore, refusal, storedCatalog } from '../world.ts'

const app = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'

let server: Nebraska
afterEach(() => server.close())

/** @returns the refusal. Every row asserts that nothing was published, and that no bytes were left under a package's key. */
async function refused(otherwise: Otherwise, more: { readonly boards?: string[]; readonly channel?: string } = {}) {
  server = await nebraska(otherwise)
  const store = await newStore()
  const upstream = openUpstream(`omaha:${server.url}v1/update/`, { transport: nodeTransport() })
  const adoption = {
    app,
    channel: 'stable',
    boards: ['amd64-usr'],
    to: 'prod',
    packages: 'copy',
    create: true,
    ...more,
  } as const
  const run = async () => adoptOffer(store.publisher, upstream, await planOffer(store.publisher, upstream, adoption))
  const words = await refusal(run())
  expect((await storedCatalog(store)).apps).toEqual({})
  return words
}

const replacing = (from: RegExp | string, to: string): Otherwise => ({ answer: (_, text) => text.replace(from, to) })
const manifests = (count: number): string =>
  Array.from({ length: count }, (_, i) => `<manifest version="1.0.${i}"><packages/></manifest>`).join('')

describe('an answer', () => {
  test.each<[string, Otherwise, RegExp]>([
    ['about another app', replacing('e96281a6', 'e96281a7'), /^mismatch: .* the answer: app: is about "\{e96281a7-/],
    [
      'in HTML',
      { answer: () => '<html><body>Log in</body></html>' },
      /^bad-document: .* the answer is a <html>, not an Omaha/,
    ],
    [
      'in HTML that is no XML',
      { answer: () => '<!doctype html><p>' },
      /^bad-document: .* the answer is not well-formed XML/,
    ],
    ['that is empty', { answer: () => '' }, /^bad-document: .* there is no element/],
    ['that is cut', { answer: (_, text) => text.slice(0, 900) }, /^bad-document: .* the answer is not well-formed XML/],
    ['without an app', { answer: () => '<response protocol="3.0"/>' }, /^bad-document: .* the answer has no <app>/],
    ['of an error', replacing('app appid=', 'app status="error-x" data-id='), /^bad-document|^mismatch/],
    ['without a version', replacing(/ version="4152[^"]*"/, ''), /^bad-document: .*manifests\.0\.version/],
    [
      'with a version of letters',
      replacing('4152.2.0', 'next'),
      /^bad-document: .*manifests\.0\.version: must be numbers/,
    ],
    ['with a version that climbs', replacing('4152.2.0', '4152..2/..'), /^bad-document: .*manifests\.0\.version/],
    [
      'with a name that climbs',
      replacing('oem-azure.gz', '../../x'),
      /^bad-document: .*manifests\.1\.packages\.1\.name: must be/,
    ],
    ['with a name of a line', replacing('oem-azure.gz', 'a&#10;b'), /^bad-document: .*packages\.1\.name/],
    [
      'with a name twice',
      replacing('oem-azure.gz', 'flatcar_production_update.gz'),
      /^bad-document: .*packages: names a package twice/,
    ],
    [
      'with a size of nothing',
      replacing('size="41523"', 'size="0"'),
      /^bad-document: .*packages\.0\.size: must be a number of bytes/,
    ],
    [
      'with a size of a planet',
      replacing('size="41523"', 'size="999999999999"'),
      /^bad-document: .*packages\.0\.size: must be at most/,
    ],
    [
      'with a short SHA-1',
      replacing(/hash="hZ[^"]*"/, 'hash="abcd="'),
      /^bad-document: .*packages\.0\.hash: must be a SHA-1/,
    ],
    [
      'with a short SHA-256',
      replacing('37261450e6', 'e6'),
      /^bad-document: .*packages\.1\.hash_sha256: must be a SHA-256/,
    ],
    [
      'with two SHA-256',
      replacing('size="41523"', `size="41523" hash_sha256="${'0'.repeat(64)}"`),
      /^bad-document: .*packages\.0: has two SHA-256/,
    ],
    [
      'without a digest',
      replacing(/hash="mC9[^"]*" hash_sha256="[^"]*"/, ''),
      /^bad-document: .*packages\.1: has no digest/,
    ],
    [
      'of a delta',
      replacing('sha256="fns', 'IsDeltaPayload="true" sha256="fns'),
      /^bad-document: .*manifests\.1\.action: is a delta/,
    ],
    [
      'without a package',
      replacing(/<package name="flatcar.*?<\/package>/, ''),
      /^bad-document: .*manifests\.0\.packages/,
    ],
    ['without a URL', replacing(/<url .*?<\/url>/, ''), /^bad-document: .* without a manifest and a codebase/],
    [
      'with a URL of a file',
      replacing(/codebase="[^"]*"/, 'codebase="file:///etc/"'),
      /^bad-document: .*codebases\.0: must be an http/,
    ],
    [
      'with a URL and a query',
      replacing(/(codebase="[^"]*)"/, '$1?x=/"'),
      /^bad-document: .*codebases\.0: must be an http/,
    ],
    ['of 10,000 manifests', replacing('<manifest', `${manifests(10_000)}<manifest`), /^too-large: .*the answer/],
    [
      'of 100 manifests',
      replacing('<manifest', `${manifests(100)}<manifest`),
      /^too-large: .*the answer: manifests: has more than 64/,
    ],
    [
      'of two megabytes',
      { answer: (_, text) => text + ' '.repeat(2e6) },
      /^too-large: .* the answer: is larger than 1048576 bytes/,
    ],
    [
      'with another board in its URL',
      replacing(/amd64-usr/g, 'arm64-usr'),
      /^mismatch: .*packages: are those of arm64-usr, not of amd64-usr/,
    ],
  ])('%s', async (_, otherwise, words) => {
    const found = await refused(otherwise)
    expect(found).toMatch(words)
    expect(found).toMatch(/http:\/\/127\.0\.0\.1:\d+, (?:channel stable|4\d+\.2\.0 for)/)
  })

  test.each([
    ['frozen', /^refused: .*channel frozen, board amd64-usr: the answer: status: is "error-updatesDisabled"/],
    ['nope', /^refused: .*channel nope, board amd64-usr: the answer: status: is "error-failedToRetrieve/],
  ])('of the channel %s', async (channel, words) => expect(await refused({}, { channel })).toMatch(words))

  test('with the packages of another board', async () => {
    const otherwise: Otherwise = {
      answer: (_, text) => text.replaceAll('/arm64-usr/', '/any/').replaceAll('/amd64-usr/', '/any/'),
    }
    expect(await refused(otherwise, { boards: ['amd64-usr', 'riscv-usr'] })).toMatch(
      /^mismatch: .* packages: are those of amd64-usr, not of riscv-usr/,
    )
  })

  test('that offers nothing', async () => {
    const nothing = (text: string) => text.replace(/<updatecheck.*<\/updatecheck>/, '<updatecheck status="noupdate"/>')
    expect(await refused({ answer: (_, text) => nothing(text) })).toMatch(
      /^refused: .*channel stable: offers nothing for amd64-usr/,
    )
  })

  test('that never rises', async () => {
    const again: Otherwise = {
      answer: ({ version }, text) => (version === '4230.2.0' ? text.replace(/<updatecheck.*/, '') : text),
    }
    expect(await refused(again)).toMatch(/^bad-document/)
  })
})

type Sending = (response: ServerResponse, request: IncomingMessage) => unknown

/** Files that are sent by `send`, after the answer was right. */
const sending = (send: Sending): Otherwise => ({
  file: (_, request, response) => {
    send(response, request)
    return true
  },
})

describe('a package', () => {
  test.each<[string, Sending, RegExp]>([
    [
      'that grew',
      (response) => response.end(Buffer.alloc(60_000)),
      /^mismatch: .*flatcar_production_update\.gz: has 60000 bytes, expected/,
    ],
    [
      'that grows while it is read',
      (response) => response.writeHead(200, { 'Content-Length': 19_543 }).end(Buffer.alloc(19_543, 1)),
      /^(?:refused|mismatch): /,
    ],
    [
      'that is HTML',
      (response) => response.writeHead(200, { 'Content-Type': 'text/html', 'Content-Length': 6 }).end('<html>'),
      /^mismatch: .* has 6 bytes, expected/,
    ],
    ['that is not there', (response) => response.writeHead(404).end(), /^missing: .*there is no such file/],
    ['that is forbidden', (response) => response.writeHead(403).end(), /^forbidden: /],
    [
      'behind a redirect to metadata',
      (response) => response.writeHead(302, { Location: 'http://169.254.169.254/x' }).end(),
      /^store-unavailable: .*redirects to 169\.254\.169\.254/,
    ],
    [
      'behind a redirect to the network',
      (response) => response.writeHead(302, { Location: 'http://10.0.0.1/x' }).end(),
      /^store-unavailable: .*redirects to 10\.0\.0\.1/,
    ],
  ])('%s', async (_, send, words) => {
    const found = await refused(sending(send))
    expect(found).toMatch(words)
    expect(found).toMatch(/, 4152\.2\.0 for amd64-usr: /)
  })

  test('with other bytes of the same size', async () => {
    const { default: fs } = await import('node:fs')
    const bytes = fs.readFileSync('test/samples/nebraska/files/arm64-usr/4152.2.0/flatcar_production_update.gz')
    const cut = Buffer.concat([bytes]).subarray(0, 19_543)
    expect(await refused(sending((response) => response.end(cut)))).toMatch(
      /^(?:refused|mismatch): .*4152\.2\.0 for amd64-usr/,
    )
  })

  test('at an address that the answer names inwards', async () => {
    const inwards = replacing(/codebase="[^"]*\/4/, 'codebase="http://169.254.169.254/4')
    expect(await refused(inwards)).toMatch(
      /^store-unavailable: .* names 169\.254\.169\.254, an address of this machine or its network/,
    )
  })
})

test('a server that redirects an update check inwards is refused', async () => {
  const { serve } = await import('../upstream/server.ts')
  const away = await serve((_, response) => response.writeHead(307, { Location: 'http://169.254.169.254/' }).end())
  try {
    server = await nebraska()
    const store = await newStore()
    const upstream = openUpstream(`omaha:${away.url}v1/update/`, { transport: nodeTransport() })
    const adoption = { app, channel: 'stable', boards: ['amd64-usr'], to: 'prod', packages: 'copy' } as const
    expect(await refusal(planOffer(store.publisher, upstream, adoption))).toMatch(
      /^store-unavailable: .*channel stable, board amd64-usr: the update check: .*redirects to 169\.254\.169\.254/,
    )
  } finally {
    await away.close()
  }
})

test.each(['omaha:ftp://x/', 'omaha:https://u:p@x.example/', 'omaha:x', 'fcos:stable'])(
  '%s is no upstream',
  async (text) => {
    server = await nebraska()
    expect(await refusal((async () => openUpstream(text, { transport: nodeTransport() }))())).toMatch(
      /^usage: (?!.*u:p)/,
    )
  },
)
