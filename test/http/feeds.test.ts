/** Feeds and files: read as their readers do, held against their schemas, and asked again by who has them. */
import { SaxesParser } from 'saxes'
import * as v from 'valibot'
import { beforeAll, describe, expect, test } from 'vitest'
import { versionFile } from '../../src/site/feeds.ts'
import { describeChannel, execute, followChannel, holdRelease, renameChannel, stopRamps } from '../changes.ts'
import { newPageStore, notes, publicUrl, serve } from '../pages/store.ts'
import { payloadText } from '../payloads.ts'
import { app, ask, day, newReader, newStore, publishOne, type TestStore, watched } from '../world.ts'

let store: TestStore
beforeAll(async () => {
  store = await newPageStore()
})

const get = async (path: string, headers: Readonly<Record<string, string>> = {}) =>
  serve(store).request(path, { headers })

interface Element {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: Element[]
  text: string
}

/** A strict, namespace-aware parser: what is not well-formed throws. */
function parseXml(xml: string): Element {
  const root: Element = { name: '', attributes: {}, children: [], text: '' }
  const path = [root]
  const parser = new SaxesParser({ xmlns: true })
  parser.on('error', (error) => {
    throw error
  })
  parser.on('opentag', ({ local, uri, attributes }) => {
    const texts = Object.fromEntries(Object.entries(attributes).map(([name, { value }]) => [name, value]))
    const made: Element = {
      name: `${uri === 'http://www.w3.org/2005/Atom' ? 'atom:' : uri}${local}`,
      attributes: texts,
      children: [],
      text: '',
    }
    path.at(-1)?.children.push(made)
    path.push(made)
  })
  const add = (text: string) => {
    const last = path.at(-1)
    if (last) last.text += text
  }
  parser.on('text', add)
  parser.on('cdata', add)
  parser.on('closetag', () => void path.pop())
  parser.write(xml).close()
  return root.children[0] ?? root
}

const instant = v.pipe(v.string(), v.isoTimestamp())
const uuid = v.pipe(
  v.string(),
  v.regex(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
)
const url = v.pipe(v.string(), v.url())

/** RFC 4287, 4.1.1 and 4.1.2, for what this feed has. */
const atom = v.strictObject({
  id: uuid,
  title: v.string(),
  subtitle: v.string(),
  updated: instant,
  generator: v.string(),
  author: v.string(),
  self: url,
  alternate: url,
  entries: v.array(
    v.strictObject({
      id: uuid,
      title: v.string(),
      updated: instant,
      published: v.optional(instant),
      link: url,
      content: v.string(),
    }),
  ),
})

const one = ({ children }: Element, name: string): Element => {
  const [found, ...others] = children.filter((child) => child.name === `atom:${name}`)
  if (found === undefined || others.length > 0)
    throw new Error(`${name} is there ${others.length + (found ? 1 : 0)} times`)
  return found
}

function readFeed(xml: string): v.InferOutput<typeof atom> {
  const feed = parseXml(xml)
  expect(feed.name).toBe('atom:feed')
  const link = (rel: string) =>
    feed.children.find(({ name, attributes }) => name === 'atom:link' && attributes.rel === rel)?.attributes.href
  return v.parse(atom, {
    ...Object.fromEntries(
      ['id', 'title', 'subtitle', 'updated', 'generator'].map((name) => [name, one(feed, name).text]),
    ),
    author: one(one(feed, 'author'), 'name').text,
    ...{ self: link('self'), alternate: link('alternate') },
    entries: feed.children
      .filter(({ name }) => name === 'atom:entry')
      .map((entry) => ({
        ...Object.fromEntries(
          ['id', 'title', 'updated', 'published', 'content']
            .filter((name) => name !== 'published' || entry.children.some((child) => child.name === 'atom:published'))
            .map((name) => [name, one(entry, name).text]),
        ),
        link: one(entry, 'link').attributes.href,
      })),
  })
}

describe('Atom', () => {
  const path = `/channels/${app}/stable/feed.atom`

  test('is a feed of RFC 4287, newest first, with its own URL', async () => {
    const answer = await get(path)
    expect(answer.headers.get('content-type')).toBe('application/atom+xml; charset=utf-8')
    const feed = readFeed(await answer.text())
    expect(feed.self).toBe(publicUrl + path)
    expect(feed.title).toBe('Flatcar Container Linux: stable')
    expect(feed.entries.map(({ title }) => title)).toEqual(['4593.2.0', '4372.2.0', '4230.2.0', '4152.2.0', '4081.2.0'])
    expect(feed.entries[0]?.link).toBe(`${publicUrl}/channels/${app}/stable?from=4593.2.0#4593.2.0`)
    expect(feed.entries[0]?.content).toMatch(/<em>use after free<\/em>.*<li>kernel: 6\.12\.102<\/li>.*<li>amd64<\/li>/s)
    expect(new Set([feed.id, ...feed.entries.map(({ id }) => id)]).size).toBe(6)
  })

  test('ids stay the same when the deployment moves and when more is published', async () => {
    const here = readFeed(await (await get(path)).text())
    const moved = serve(store, { publicUrl: 'https://elsewhere.example.net' })
    const there = readFeed(await (await moved.request(path)).text())
    expect([there.id, ...there.entries.map(({ id }) => id)]).toEqual([here.id, ...here.entries.map(({ id }) => id)])
    expect(there.self).toBe(`https://elsewhere.example.net${path}`)
  })

  test('what was held and lifted is among the releases, by time', async () => {
    const other = await newStore({ format: 2 })
    const at = { app, channel: 'stable' }
    const later = () => {
      other.time.now += day
    }
    await publishOne(other, '1')
    await describeChannel(other.publisher, at, { description: 'x' })
    later()
    await holdRelease(other.publisher, at, { version: '1', reason: 'a < b & "c"' })
    later()
    await publishOne(other, '2')
    later()
    await execute(other.publisher, 'unhold', { ...at, version: '1', message: 'fixed <b>' })
    const feed = async () => readFeed(await (await serve(other).request(`/channels/${app}/stable/feed.atom`)).text())
    const { entries, updated } = await feed()
    expect(entries.map(({ title }) => title)).toEqual([
      '- hold of 1: a < b & "c"',
      '2',
      '+ hold of 1: a < b & "c"',
      '1',
    ])
    expect(entries[0]).toMatchObject({ content: 'fixed <b>', link: `${publicUrl}/channels/${app}/stable#history` })
    expect(entries[0]?.updated).toBe(updated)
    expect(new Set(entries.map(({ id }) => id)).size).toBe(4)
    await publishOne(other, '3')
    expect((await feed()).entries.map(({ id }) => id)).toEqual(expect.arrayContaining(entries.map(({ id }) => id)))
  })

  test('of a channel without releases has no entries', async () => {
    const other = await newStore()
    await publishOne(other, '1')
    await describeChannel(other.publisher, { app, channel: 'new' }, { description: 'x' }, { create: true })
    const feed = readFeed(await (await serve(other).request(`/channels/${app}/new/feed.atom`)).text())
    expect(feed.entries).toEqual([])
  })

  test('of a follower omits releases that it does not offer yet', async () => {
    const other = await newStore()
    await publishOne(other, '1')
    const ref = { app, channel: 'later' }
    await describeChannel(other.publisher, ref, { description: 'x' }, { create: true })
    await followChannel(other.publisher, ref, { channel: 'stable', after: 'P7D' })
    const titles = async () => {
      const feed = readFeed(await (await serve(other).request(`/channels/${app}/later/feed.atom`)).text())
      return feed.entries.map(({ title }) => title)
    }
    expect(await titles()).toEqual([])
    other.time.now += 7 * day
    expect(await titles()).toEqual(['1'])
  })

  test('notes are read and rendered once: the digest that names them identifies them', async () => {
    const other = await newStore()
    for (const version of ['1', '2', '3'])
      await publishOne(other, version, { notes: new TextEncoder().encode(`once: ${version} CVE-2026-31431`) })
    const { documents, reads } = watched(other.publisher.documents)
    const served = serve(other, { reader: { ...other.publisher, documents } })
    const first = await (await served.request(path)).text()
    expect(reads.filter((key) => key.startsWith('notes/'))).toHaveLength(3)
    expect(first).toContain('https://www.cve.org/CVERecord?id=CVE-2026-31431')
    await served.request(path)
    await served.request(path.replace('/feed.atom', ''))
    expect(reads.filter((key) => key.startsWith('notes/'))).toHaveLength(3)
  })

  test('is well-formed for any notes', async () => {
    const other = await newStore()
    const words = ']]> ]]> <![CDATA[ &#0; \u0000\u0008\u000b\ufffe </feed> ]]>'
    await publishOne(other, '1', { notes: new TextEncoder().encode(words), components: { a: ']]>]]><x>' } })
    const xml = await (await serve(other).request(path)).text()
    expect(parseXml(xml).children.filter(({ name }) => name === 'atom:entry')).toHaveLength(1)
  })
})

describe('JSON', () => {
  const board = v.object({
    board: v.string(),
    offered: v.nullable(v.string()),
    newest: v.string(),
    publishedAt: instant,
    components: v.optional(v.record(v.string(), v.string())),
    withheld: v.optional(v.object({ reason: v.string(), because: v.optional(v.string()) })),
    ramp: v.optional(
      v.object({
        from: instant,
        to: v.nullable(instant),
        stoppedAt: v.optional(instant),
        share: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
      }),
    ),
    window: v.optional(v.object({ isOpen: v.boolean(), edge: v.optional(instant) })),
  })
  const channel = v.object({ app: v.string(), channel: v.string(), seq: v.number(), boards: v.array(board) })
  const trust = {
    status: v.literal('ok'),
    catalog: v.object({ issuedAt: instant, expires: instant, keyIds: v.array(v.string()) }),
  }

  test('of all channels', async () => {
    const { channels, total } = v.parse(
      v.object({ ...trust, total: v.number(), channels: v.array(channel) }),
      await (await get('/v1/channels')).json(),
    )
    expect(total).toBe(4)
    expect(channels.map(({ channel, boards }) => [channel, boards[0]?.offered, boards[0]?.withheld?.reason])).toEqual([
      ['stable', '4372.2.0', 'not-in-ramp'],
      ['beta', '4372.2.0', 'held'],
      ['alpha', '4628.0.0', undefined],
      ['prod-eu', '4372.2.0', 'up-to-date'],
    ])
  })

  test('of one channel has its releases, with URLs of packages that can be downloaded', async () => {
    const body = await (await get(`/v1/channels/${app}/stable`)).json()
    const { releases } = v.parse(
      v.object({
        ...trust,
        ...channel.entries,
        releases: v.array(
          v.object({
            version: v.string(),
            boards: v.record(
              v.string(),
              v.object({
                codebases: v.array(url),
                packages: v.array(v.object({ name: v.string(), size: v.number(), sha256: v.string() })),
              }),
            ),
          }),
        ),
      }),
      body,
    )
    const { codebases = [], packages = [] } = releases[0]?.boards['amd64-usr'] ?? {}
    expect(codebases[0]).toMatch(/^https:\/\/updates\.example\.org\/packages\/.*\/$/)
    const file = await get(new URL(`${codebases[0]}${packages[0]?.name}`).pathname)
    expect(await file.text()).toBe(payloadText('CrAU 4593.2.0 amd64-usr'))
  })

  test('of a renamed channel lists it once', async () => {
    const other = await newStore()
    await publishOne(other, '1')
    await renameChannel(other.publisher, { app, channel: 'stable' }, 'steady')
    const body = await (await serve(other).request('/v1/channels')).json()
    const { channels } = v.parse(v.object({ channels: v.array(channel) }), body)
    expect(channels.map((one) => one.channel)).toEqual(['steady'])
  })

  test('of a server that starts with an expired catalog has the same reason as the check', async () => {
    const other = await newStore()
    await publishOne(other, '1')
    other.time.now += 15 * day
    const answer = await serve(other).request(`/v1/channels/${app}/stable`)
    expect([answer.status, await answer.json()]).toMatchObject([503, { detail: 'catalog-expired' }])
    expect(await ask(newReader(other))).toBe('catalog-expired')
  })

  test('a ramp has an end, unless it ends below 100 % or is stopped', async () => {
    const other = await newStore()
    await publishOne(other, '1')
    const at = (hours: number): string => new Date(other.time.now + hours * 60 * 60_000).toISOString()
    const rampOf = async () => {
      const body = await (await serve(other).request(`/v1/channels/${app}/stable`)).json()
      return v.parse(channel, body).boards[0]?.ramp
    }
    const [from, to] = [at(-1), at(3)]
    const whole = [
      { at: from, share: 0 },
      { at: to, share: 1 },
    ]
    await publishOne(other, '2', { ramp: whole })
    expect(await rampOf()).toEqual({ from, to, share: 0.25 })
    await stopRamps(other.publisher, { app, channel: 'stable' }, true)
    expect(await rampOf()).toEqual({ from, to: null, stoppedAt: at(0), share: 0.25 })
    await stopRamps(other.publisher, { app, channel: 'stable' }, false)
    await publishOne(other, '3', { ramp: [{ at: from, share: 0.1 }] })
    expect(await rampOf()).toEqual({ from, to: null, share: 0.1 })
  })

  test.each([
    ['P7D', undefined, '2026-11-30'],
    ['P7D', 'Mon', '2026-11-30'],
    ['P7D', 'Tue', '2026-12-01'],
    ['P7D', 'Thu', '2026-12-03'],
    ['P7D', 'Fri', '2026-11-27'],
    ['P7D', 'Sun', '2026-11-29'],
    ['P1D', 'Sun', '2026-11-24'],
  ] as const)('%s after a Monday, on %s: a release is due at %s', async (every, on, date) => {
    const other = await newStore()
    await publishOne(other, '1')
    const cadence = { every, ...(on && { on }) }
    await describeChannel(other.publisher, { app, channel: 'stable' }, { cadence })
    const body = await (await serve(other).request(`/v1/channels/${app}/stable`)).json()
    expect(body).toMatchObject({ dueAt: `${date}T06:00:00.000Z` })
  })

  test.each([
    ['/v1/channels/nothing/here', 404],
    [`/v1/channels/${app}/nothing`, 404],
    ['/v1/channels?from=-1', 400],
    ['/v1/channels?from=99', 200],
    [`/v1/channels/${app}/stable/more`, 404],
    [`/channels/${app}/nothing/feed.atom`, 404],
    ['/releases-json/releases-nothing.json', 404],
    ['/releases-json/releases-.json', 404],
    ['/stable/amd64-usr/9.9.9/version.txt', 404],
    ['/stable/sparc/current/version.txt', 404],
    ['/stable/__proto__/current/version.txt', 404],
  ])('%s is answered with %i', async (path, status) => {
    expect((await get(path)).status).toBe(status)
  })
})

describe('in Flatcar’s formats', () => {
  test('version.txt has what scripts grep', async () => {
    const text = await (await get('/stable/amd64-usr/current/version.txt')).text()
    expect(text).toBe(
      [
        'FLATCAR_BUILD=4372\nFLATCAR_BRANCH=2\nFLATCAR_PATCH=0\nFLATCAR_VERSION=4372.2.0\nFLATCAR_VERSION_ID=4372.2.0\n',
        `FLATCAR_BUILD_ID="2026-10-24-0300"\n`,
      ].join(''),
    )
    expect(text).toMatch(/FLATCAR_VERSION=(.*)\s[\s\S]*FLATCAR_BUILD_ID="(.+)"/)
    expect(await (await get('/beta/arm64-usr/4593.2.0/version.txt')).text()).toContain('FLATCAR_VERSION=4593.2.0\n')
  })

  test.each([
    ['3', 'FLATCAR_BUILD=3\nFLATCAR_BRANCH=0\nFLATCAR_PATCH=0\nFLATCAR_VERSION=3\n'],
    ['4593.0.0+nightly-20260801', 'FLATCAR_PATCH=0\nFLATCAR_VERSION=4593.0.0+nightly-20260801\n'],
  ])('version %s', (version, want) => {
    const text = versionFile({
      version,
      publishedAt: '2026-08-11T23:50:07.123Z',
      boards: {},
      components: { sdk: '4593.0.0' },
    })
    expect(text).toContain(want)
    expect(text).toMatch(/FLATCAR_BUILD_ID="2026-08-11-2350"\nFLATCAR_SDK_VERSION=4593\.0\.0\n$/)
  })

  test('a version with a plus is found in both spellings', async () => {
    const other = await newStore()
    await publishOne(other, '1.0.0+nightly')
    for (const version of ['1.0.0+nightly', '1.0.0%2Bnightly'])
      expect((await serve(other).request(`/stable/amd64-usr/${version}/version.txt`)).status).toBe(200)
  })

  test('releases-stable.json has the shape of Flatcar’s', async () => {
    const entry = v.strictObject({
      channel: v.literal('stable'),
      architectures: v.array(v.picklist(['amd64', 'arm64'])),
      release_date: v.pipe(v.string(), v.regex(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000$/)),
      major_software: v.record(v.string(), v.tuple([v.string()])),
      release_notes: v.string(),
    })
    const body = v.parse(v.record(v.string(), entry), await (await get('/releases-json/releases-stable.json')).json())
    expect(Object.keys(body)).toEqual(['4593.2.0', '4372.2.0', '4230.2.0', '4152.2.0', '4081.2.0', 'current'])
    expect(body.current).toEqual(body['4372.2.0'])
    expect(body.current?.release_notes).toBe(notes)
  })

  test('no app has them unless PLATTE_APP is set', async () => {
    const served = serve(store, { app: undefined })
    for (const path of ['/stable/amd64-usr/current/version.txt', '/releases-json/releases-stable.json'])
      expect((await served.request(path)).status).toBe(404)
  })
})

describe('conditional requests', () => {
  test.each([
    '/stable/amd64-usr/current/version.txt',
    '/releases-json/releases-stable.json',
    `/channels/${app}/stable/feed.atom`,
  ])('for %s get 304 by ETag and by date', async (path) => {
    const headers = (await get(path)).headers
    const [etag, modified] = [headers.get('etag') ?? '', headers.get('last-modified') ?? '']
    expect(headers.get('cache-control')).toBe('public, max-age=10, no-transform')
    expect((await get(path, { 'if-none-match': etag })).status).toBe(304)
    expect((await get(path, { 'if-modified-since': modified })).status).toBe(304)
    expect((await get(path, { 'if-none-match': '"other"', 'if-modified-since': modified })).status).toBe(200)
    expect((await get(path, { 'if-modified-since': 'Mon, 01 Jan 2024 00:00:00 GMT' })).status).toBe(200)
    expect((await get(path, { 'if-modified-since': 'not a date' })).status).toBe(200)
  })

  test('get 200 when a ramp ends, although nothing was signed', async () => {
    const other = await newStore()
    await publishOne(other, '1')
    const end = other.time.now + 60 * 60_000
    const at = (ms: number): string => new Date(ms).toISOString()
    await publishOne(other, '2', {
      ramp: [
        { at: at(other.time.now), share: 0 },
        { at: at(end), share: 1 },
      ],
    })
    const served = serve(other)
    const path = '/stable/amd64-usr/current/version.txt'
    const before = await served.request(path)
    expect(await before.text()).toContain('FLATCAR_VERSION=1\n')
    other.time.now = end + 1000
    const since = { 'if-modified-since': before.headers.get('last-modified') ?? '' }
    const after = await served.request(path, { headers: since })
    expect([after.status, await after.text()]).toEqual([200, expect.stringContaining('FLATCAR_VERSION=2\n')])
    expect(after.headers.get('last-modified')).toBe(new Date(end).toUTCString())
  })

  test('get the reason why nothing is offered now', async () => {
    const other = await newStore()
    await publishOne(other, '1')
    await holdRelease(other.publisher, { app, channel: 'stable' }, { version: '1', reason: 'it does not boot' })
    const answer = await serve(other).request('/stable/amd64-usr/current/version.txt')
    expect([answer.status, JSON.parse(await answer.text()).detail]).toEqual([
      404,
      'nothing is offered to amd64-usr now: held',
    ])
  })

  test('get 200 when a release is held', async () => {
    const other = await newStore()
    for (const version of ['1', '2']) await publishOne(other, version)
    const served = serve(other)
    const path = '/stable/amd64-usr/current/version.txt'
    const since = { 'if-modified-since': (await served.request(path)).headers.get('last-modified') ?? '' }
    other.time.now += 5000
    await holdRelease(other.publisher, { app, channel: 'stable' }, { version: '2', reason: 'it does not boot' })
    other.time.now += 60_000
    await served.request(path)
    const after = await served.request(path, { headers: since })
    expect([after.status, await after.text()]).toEqual([200, expect.stringContaining('FLATCAR_VERSION=1\n')])
  })
})
