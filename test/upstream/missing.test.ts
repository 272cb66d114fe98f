/** Packages never keep a hold, a manifest or another package from a mirror; its readers withhold what is not there. */
import type { RequestListener, ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { channelKey, missingKey, missingPath, notesKey } from '../../src/documents/paths.ts'
import { mirror } from '../../src/mirroring/mirror.ts'
import { mirrorStep } from '../../src/mirroring/step.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { upstreamDocuments, upstreamPackages } from '../../src/store/http/upstream.ts'
import { sha256Hex } from '../../src/trust/digest.ts'
import { holdRelease } from '../changes.ts'
import { memoryPackages } from '../memory.ts'
import { payloadText } from '../payloads.ts'
import { appOf } from '../served.ts'
import { app, ask, bytesOf, emptyBucket, minute, newReader, newStore, publishOne, type TestStore } from '../world.ts'
import { serve, serveStore, type TestServer } from './server.ts'

const all = { packages: 'all' } as const
let origin: TestStore
let server: TestServer
let instead: Map<string, RequestListener>
let mirrored: ReturnType<typeof newMirror>

function newMirror(documents: TestStore['bucket'], idleMs = 200) {
  const packages = memoryPackages(nodeHasher)
  const transport = nodeTransport()
  const from = {
    ...origin.publisher,
    documents: upstreamDocuments(server.url, { idleMs: 3000, transport }),
    packages: upstreamPackages(server.url, { idleMs, transport }),
  }
  const publisher = { ...origin.publisher, documents, packages }
  return { publisher, mirroring: { from, to: { documents, packages } } }
}

beforeEach(async () => {
  origin = await newStore()
  await publishOne(origin, '2')
  instead = new Map()
  server = await serveStore(() => origin.publisher, instead)
  mirrored = newMirror(await emptyBucket())
  await mirror(mirrored.mirroring, all)
  origin.time.now += minute
})
afterEach(() => server.close())

const keyOf = async (version: string): Promise<string> => {
  for await (const key of origin.packages.list?.('packages/') ?? []) if (key.includes(`/${version}/`)) return key
  return ''
}
const listed = async () => {
  const stored = await mirrored.mirroring.to.documents.get(missingKey, 1e6)
  return stored && JSON.parse(new TextDecoder().decode(stored.bytes)).missing
}
const hold = async (version: string): Promise<void> => {
  origin.time.now += minute
  await holdRelease(origin.publisher, { app, channel: 'stable' }, { version, reason: 'it breaks machines' })
}

const drip = (response: ServerResponse): void => {
  response.writeHead(200, { 'Content-Length': 40 })
  const timer = setInterval(() => response.write('x'), 100)
  response.on('close', () => clearInterval(timer))
}
const attacks: readonly (readonly [string, RequestListener, RegExp])[] = [
  ['is absent', (_, response) => response.writeHead(404).end(), /is not at the upstream/],
  ['fails', (_, response) => response.writeHead(500).end(), /answers 500/],
  ['is forbidden', (_, response) => response.writeHead(403).end(), /answers 403/],
  ['has other bytes', (_, response) => response.end(bytesOf(payloadText('CrAU 3 amd64-us!'))), /SHA-256/],
  [
    'is longer',
    (_, response) => response.end(bytesOf(payloadText('CrAU 3 amd64-usr.'))),
    /does not have its 40 bytes at the upstream/,
  ],
  [
    'is cut',
    (_, response) => void response.writeHead(200, { 'Content-Length': 40 }).write('CrAU', () => response.destroy()),
    /./,
  ],
  ['hangs', () => {}, /nothing came/],
  [
    'stops',
    (_, response) => void response.writeHead(200, { 'Content-Length': 40 }).write('CrAU'),
    /nothing came|another range|too slowly/,
  ],
  ['drips', (_, response) => drip(response), /too slowly|came/],
  ['has no length', (_, response) => void response.write('x'), /sends no Content-Length/],
  [
    'redirects inside',
    (_, response) => response.writeHead(302, { Location: 'http://169.254.169.254/x' }).end(),
    /an address of this machine/,
  ],
]

test.each(attacks)('a package that %s keeps no hold back, nor other packages', async (_, answer, problem) => {
  await publishOne(origin, '3')
  await publishOne(origin, '5', { channel: 'beta' })
  instead.set(await keyOf('3'), answer)
  const key = await keyOf('3')
  expect(await mirror(mirrored.mirroring, all)).toMatchObject({
    kind: 'mirrored',
    missing: [{ key, problem: expect.stringMatching(problem) }],
  })
  expect(await listed()).toEqual([
    { packages: key.slice(0, key.lastIndexOf('/') + 1), channel: 'stable', problem: expect.stringMatching(problem) },
  ])
  const reader = newReader(mirrored)
  expect(await ask(reader)).toBe('update 2')
  expect(await ask(reader, { version: '2' })).toBe('not-mirrored')
  expect(await ask(reader, { channel: 'beta' })).toBe('update 5')
  // A hold of the other release comes through, although that package stays as it is.
  await hold('2')
  await mirror(mirrored.mirroring, all)
  expect(await ask(newReader(mirrored), { version: '1' })).not.toMatch(/update/)
  // It is tried again, and a reader that knows the list sees that it is there.
  instead.clear()
  expect(await mirror(mirrored.mirroring, all)).toMatchObject({ missing: [] })
  expect(await listed()).toEqual([])
  origin.time.now += minute
  expect(await ask(reader, { version: '1' })).toBe('update 3')
})

test('while a package hangs for long, a hold comes through in the same pass', async () => {
  mirrored = newMirror(mirrored.mirroring.to.documents as TestStore['bucket'], 5000)
  await mirror(mirrored.mirroring, all)
  await publishOne(origin, '3')
  const { promise: asked, resolve } = Promise.withResolvers<void>()
  instead.set(await keyOf('3'), () => resolve())
  const pass = mirror(mirrored.mirroring, { ...all, lookEveryMs: 50 })
  await asked
  await hold('2')
  await expect.poll(() => ask(newReader(mirrored)), { timeout: 4000 }).not.toMatch(/update/)
  await pass
})

test('twenty packages that hang take as long as three', async () => {
  for (let version = 10; version < 30; version++) await publishOne(origin, String(version))
  for (let version = 10; version < 29; version++) instead.set(await keyOf(String(version)), () => {})
  await mirror(mirrored.mirroring, all)
  expect(await ask(newReader(mirrored))).toBe('update 29')
  expect(await listed()).toHaveLength(19)
})

describe('a schedule', () => {
  const step = async () => {
    const { transport } = { transport: nodeTransport() }
    const { documents, packages } = mirrored.publisher
    await mirrorStep(
      {
        reader: { ...mirrored.publisher },
        store: { documents, packages },
        ...{ upstream: server.url, transport, wanted: { packages: 'all', channels: undefined } },
      },
      {},
    )
  }
  test('copies what is signed first, and a wrong package keeps no other back', async () => {
    for (const version of ['3', '4', '5']) await publishOne(origin, version)
    instead.set(await keyOf('3'), (_, response) => response.writeHead(404).end())
    await hold('2')
    await step()
    expect(await ask(newReader(mirrored))).not.toMatch(/update 2/)
    for (let i = 0; i < 4; i++) await step()
    expect(await ask(newReader(mirrored))).toBe('update 5')
    expect(await listed()).toMatchObject([{ packages: expect.stringContaining('/3/') }])
    instead.clear()
    await step()
    expect(await listed()).toEqual([])
  })
})

describe('the list', () => {
  const write = async (store: Pick<TestStore, 'bucket'>, text: string) => store.bucket.create(missingKey, bytesOf(text))
  const naming = async (version: string): Promise<string> => {
    const key = await keyOf(version)
    const packages = key.slice(0, key.lastIndexOf('/') + 1)
    return JSON.stringify({ format: 1, missing: [{ packages, channel: 'stable' }] })
  }

  test('of an upstream is never copied', async () => {
    await write(origin, await naming('2'))
    await publishOne(origin, '3')
    await mirror(mirrored.mirroring, all)
    await mirror({ from: origin.publisher, to: mirrored.mirroring.to }, all)
    expect(await listed()).toEqual([])
    expect(await ask(newReader(mirrored))).toBe('update 3')
  })

  describe('over HTTP', () => {
    /** A Platte over the mirror's store, and a reader that knows it by URL only. */
    async function sidecar() {
      const app = appOf(mirrored.publisher)
      let status = 0
      const second = await serve((request, response) => {
        if (status !== 0) return void response.writeHead(status).end()
        const headers = new Headers(request.headers as Record<string, string>)
        Promise.resolve(app.fetch(new Request(new URL(request.url ?? '', 'http://127.0.0.1'), { headers }))).then(
          async (answer) => {
            response.writeHead(answer.status, Object.fromEntries(answer.headers))
            response.end(Buffer.from(await answer.arrayBuffer()))
          },
        )
      })
      const documents = upstreamDocuments(second.url, { transport: nodeTransport() })
      const fail = (code: number): void => {
        status = code
      }
      return { reader: newReader(mirrored, { documents }), second, fail }
    }

    test('a sidecar withholds what the store of its upstream lacks, until it is there', async () => {
      await publishOne(origin, '3')
      instead.set(await keyOf('3'), (_, response) => response.writeHead(404).end())
      await mirror(mirrored.mirroring, all)
      const { reader, second, fail } = await sidecar()
      expect(await ask(reader)).toBe('update 2')
      expect(await ask(reader, { version: '2' })).toBe('not-mirrored')
      const shown = await (await fetch(`${second.url}${missingPath}`)).text()
      expect(JSON.parse(shown)).toEqual({ format: 1, missing: [{ packages: expect.any(String), channel: 'stable' }] })
      instead.clear()
      fail(503)
      origin.time.now += minute
      expect(await ask(reader, { version: '2' })).toBe('not-mirrored')
      fail(0)
      await mirror(mirrored.mirroring, all)
      origin.time.now += minute
      expect(await ask(reader, { version: '2' })).toBe('update 3')
      await second.close()
    })

    test.each([
      ['nothing', (_, response) => response.writeHead(404).end()],
      ['an error', (_, response) => response.writeHead(500).end()],
      ['no permission', (_, response) => response.writeHead(403).end()],
      ['a page', (_, response) => response.end('<!doctype html>')],
    ] as [string, RequestListener][])('a server that shows %s instead withholds nothing', async (_, answer) => {
      instead.set(missingPath, answer)
      const documents = upstreamDocuments(server.url, { transport: nodeTransport() })
      expect(await ask(newReader(origin, { documents }))).toBe('update 2')
    })
  })

  test('withholds what it names and nothing else', async () => {
    await publishOne(origin, '3')
    await write(origin, await naming('3'))
    expect(await ask(newReader(origin))).toBe('update 2')
    expect(await ask(newReader(origin), { version: '2' })).toBe('not-mirrored')
  })

  test.each([
    'no JSON',
    '{"format":2,"missing":[]}',
    '{"format":1,"missing":[{"packages":"../x/","channel":"stable"}]}',
  ])('that is damaged withholds nothing, and is logged: %s', async (text) => {
    await write(origin, text)
    expect(await ask(newReader(origin))).toBe('update 2')
    expect(origin.log).toContainEqual(expect.objectContaining({ event: 'catalog', code: 'bad-document' }))
  })

  test('of mirrors with other channels stays', async () => {
    await publishOne(origin, '3')
    await publishOne(origin, '5', { channel: 'beta' })
    for (const version of ['3', '5']) instead.set(await keyOf(version), (_, response) => response.writeHead(404).end())
    await mirror(mirrored.mirroring, { ...all, channels: ['beta'] })
    await mirror(mirrored.mirroring, { ...all, channels: ['stable'] })
    expect(await listed()).toHaveLength(2)
    await mirror(mirrored.mirroring, { packages: 'none' })
    expect(await listed()).toEqual([])
    await refresh(origin.publisher)
  })
})

test('a schedule gets past notes and a manifest that eat up its time', async () => {
  for (const version of ['3', '4']) await publishOne(origin, version, { notes: bytesOf(`of ${version}`) })
  for (const channel of ['beta', 'edge']) await publishOne(origin, '5', { channel })
  let failed = 0
  const stuck: RequestListener = (_, response) => {
    failed++
    response.writeHead(503).end()
  }
  for (const text of ['of 3', 'of 4']) instead.set(notesKey(await sha256Hex(bytesOf(text))), stuck)
  instead.set(channelKey(app, 'beta', 1), stuck)
  const memory = {}
  let kind = 'more'
  for (let steps = 0; kind === 'more' && steps < 10; steps++) {
    failed = 0
    const bounds = { packages: 5, isSpent: () => failed > 0 }
    kind = (await mirror(mirrored.mirroring, { ...all, bounds }, memory)).kind
  }
  expect(await ask(newReader(mirrored), { channel: 'edge' })).toBe('update 5')
  expect(await ask(newReader(mirrored), { channel: 'beta' })).toBe('not-mirrored')
})
