/** Names that resolve to internal addresses: judged before any connection, which goes to the address that was judged. */
import { type LookupAddress, lookup as systemLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { PlatteError } from '../../src/kernel/errors.ts'
import type { StoredDocument } from '../../src/store/documents.ts'
import { webTransport } from '../../src/store/http/transport.ts'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { upstreamDocuments } from '../../src/store/http/upstream.ts'
import { serve, type TestServer } from './server.ts'

const servers: TestServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

/** Names as a hostile name server gives them, each time the next answer. */
function names(table: Readonly<Record<string, readonly string[]>>) {
  const asked: string[] = []
  const next = (host: string): LookupAddress[] => {
    const answers = table[host] ?? []
    const answer = answers[Math.min(asked.filter((one) => one === host).length, answers.length - 1)] ?? ''
    asked.push(host)
    return answer.split(' ').map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
  }
  const lookup: LookupFunction = (host, options, done) => {
    if (table[host] === undefined) return systemLookup(host, options, done)
    const found = next(host)
    if (options.all) return done(null, found)
    done(null, found[0]?.address ?? '', found[0]?.family)
  }
  const resolve = async (host: string) => (table[host] ? next(host).map(({ address }) => address) : [host])
  return { asked, lookup, resolve }
}

const outcome = async (work: Promise<StoredDocument | undefined>): Promise<string> =>
  work.then(
    (found) => (found ? new TextDecoder().decode(found.bytes) : 'absent'),
    (error: unknown) => (error instanceof PlatteError ? `${error.code}: ${error.message}` : `a defect: ${error}`),
  )

/** A server that redirects there, and one on this machine that must not be reached by it. */
async function redirecting(location: (port: string) => string) {
  const inside = await serve((_, response) => response.end('secret'))
  const { port } = new URL(inside.url)
  const origin = await serve((_, response) => response.writeHead(302, { Location: location(port) }).end())
  servers.push(inside, origin)
  return { inside, origin }
}

test.each([
  ['10.0.0.1', '10.0.0.1'],
  ['169.254.169.254', '169.254.169.254'],
  ['::ffff:169.254.169.254', '::ffff:169.254.169.254'],
  ['64:ff9b::a9fe:a9fe', '64:ff9b::a9fe:a9fe'],
  ['2002:7f00:1::', '2002:7f00:1::'],
  ['168.63.129.16', '168.63.129.16'],
  ['one of two', '127.0.0.1 169.254.169.254'],
])('a redirect to a name that resolves to %s is refused', async (_, addresses) => {
  const { origin } = await redirecting((port) => `http://cdn.example.org:${port}/latest/meta-data/`)
  const { lookup, resolve } = names({ 'cdn.example.org': [addresses] })
  for (const transport of [nodeTransport(lookup), webTransport(resolve)]) {
    const { get } = upstreamDocuments(origin.url, { transport, idleMs: 2000 })
    const found = await outcome(get('catalog.jws', 1000))
    expect(found).toMatch(
      /^store-unavailable: catalog\.jws: http:\S+ redirects to cdn\.example\.org:\d+, an address of/,
    )
    expect(found).not.toContain(addresses)
  }
})

test('an upstream on this machine may redirect within it, and the name is looked up once', async () => {
  const { origin, inside } = await redirecting((port) => `http://cdn.example.org:${port}/x`)
  const { lookup, asked } = names({ 'cdn.example.org': ['127.0.0.1', '169.254.169.254'] })
  const { get } = upstreamDocuments(origin.url, { transport: nodeTransport(lookup) })
  expect(await outcome(get('catalog.jws', 1000))).toBe('secret')
  expect(asked).toEqual(['cdn.example.org'])
  expect(inside.seen).toHaveLength(1)
})

test('an upstream that also has an address elsewhere may not redirect to this machine', async () => {
  const { origin, inside } = await redirecting((port) => `http://127.0.0.1:${port}/x`)
  const { port } = new URL(origin.url)
  for (const addresses of ['127.0.0.1 93.184.215.14', '93.184.215.14 127.0.0.1']) {
    const { lookup } = names({ 'origin.example.org': [addresses] })
    const transport = nodeTransport(lookup)
    const { get } = upstreamDocuments(`http://origin.example.org:${port}/`, { transport, idleMs: 2000 })
    expect(await outcome(get('catalog.jws', 1000))).toMatch(/^store-unavailable: /)
  }
  expect(inside.seen).toHaveLength(0)
})

test('an upstream in a network may not redirect to this machine, in whatever form', async () => {
  const inside = await serve((_, response) => response.end('secret'))
  servers.push(inside)
  const { port } = new URL(inside.url)
  // Nobody listens there: the request is answered by a transport that only redirects.
  for (const host of ['127.0.0.1', '2130706433', '0x7f000001', '[::ffff:7f00:1]', 'localhost.', '[::1]']) {
    const real = nodeTransport()
    const { get } = upstreamDocuments('http://10.0.0.1/', {
      transport: async (sending) =>
        sending.url.hostname === '10.0.0.1'
          ? {
              status: 302,
              headers: new Headers({ location: `http://${host}:${port}/` }),
              read: async () => undefined,
              drop: async () => {},
            }
          : real(sending),
    })
    expect(await outcome(get('catalog.jws', 1000))).toMatch(/^store-unavailable: .*an address of this machine/)
  }
  expect(inside.seen).toEqual([])
})

test('the configured name may be one of this network, and never one of a link', async () => {
  const inside = await serve((_, response) => response.end('fine'))
  servers.push(inside)
  const { port } = new URL(inside.url)
  const table = { 'mirror.example.org': ['127.0.0.1'], 'rebound.example.org': ['169.254.169.254'] }
  const options = { transport: nodeTransport(names(table).lookup) }
  expect(await outcome(upstreamDocuments(`http://mirror.example.org:${port}/`, options).get('notes/1', 99))).toBe(
    'fine',
  )
  expect(await outcome(upstreamDocuments(`http://rebound.example.org:${port}/`, options).get('notes/1', 99))).toMatch(
    /resolves to a link-local or reserved address/,
  )
})

test('a kept connection that the server closed meanwhile is made anew', async () => {
  const server = await serve((_, response) => response.end('fine'))
  servers.push(server)
  const { get } = upstreamDocuments(server.url, { transport: nodeTransport() })
  for (let i = 0; i < 5; i++) expect(await outcome(get('notes/1', 99))).toBe('fine')
})
