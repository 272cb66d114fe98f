/** Answers of a Nebraska that cannot be used: each is refused by URL and field, and nothing is written. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { checkToken } from '../../src/upstreams/rest.ts'
import { flatcar, type Instead, nebraska as startNebraska } from '../nebraska.ts'
import { serve, type TestServer } from '../upstream/server.ts'
import { ask, newReader, refusal, storedCatalog } from '../world.ts'
import { newStoreAt2, readAll, restOf, runImport } from './importing.ts'

const servers: TestServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})
async function start(instead?: Instead): Promise<TestServer> {
  const server = await startNebraska({ instead })
  servers.push(server)
  return server
}

type Json = Record<string, unknown>
const groups = `/api/apps/${flatcar}/groups`
const channels = `/api/apps/${flatcar}/channels`

const pathOf = ({ url = '' }: IncomingMessage): string => url.split('?')[0] ?? ''
const sendJson = (response: ServerResponse, value: unknown) =>
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))

/** Answers a path with the recorded list after an edit. */
const edited =
  (path: string, member: string, edit: (items: Json[], url: string) => unknown): Instead =>
  (request, response, json) => {
    if (pathOf(request) !== path || json === undefined) return undefined
    const answer = JSON.parse(json)
    const items = edit(answer[member], request.url ?? '') ?? answer[member]
    return sendJson(response, { ...answer, [member]: items })
  }

const editGroup = (name: string, edit: (group: Json) => void): Instead =>
  edited(groups, 'groups', (items) => {
    for (const one of items) if (one.name === name) edit(one)
  })

const html: Instead = (_, response) =>
  response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Nebraska</title>')

describe('refused as a whole', () => {
  test.each<[string, Instead, RegExp]>([
    ['a page of HTML', html, /^bad-document: http:\S+\/api\/apps\?page=1&perpage=100: is not JSON \(text\/html\)$/],
    [
      '401',
      (_, response) => response.writeHead(401).end(),
      /^unauthorized: http:\S+\/api\/apps\?\S+: answers 401: it wants a token$/,
    ],
    ['403', (_, response) => response.writeHead(403).end(), /^unauthorized: http:\S+: answers 403: it wants a token$/],
    [
      'a server that fails',
      (_, response) => response.writeHead(500).end(),
      /^store-unavailable: http:\S+\/api\/apps\?\S+: answers 500$/,
    ],
    ['another list', (_, response) => sendJson(response, []), /^bad-document: http:\S+\/api\/apps\S+: \S+.*Expected/],
    [
      'a group without a policy',
      editGroup('Frozen', (one) => delete one.policy_updates_enabled),
      /^bad-document: http:\S+\/groups\?page=1&perpage=100: groups\.1\.policy_updates_enabled: /,
    ],
    [
      'a text for a number',
      editGroup('Frozen', (one) => Object.assign(one, { policy_max_updates_per_period: '5' })),
      /groups\.1\.policy_max_updates_per_period: /,
    ],
    [
      'a time zone that does not exist',
      editGroup('Production EU', (one) => Object.assign(one, { policy_timezone: 'Europe/Atlantis' })),
      /^bad-document: http:\S+\/groups: 1080fd2c-\S+: policy_timezone: there is no time zone "Europe\/Atlantis"$/,
    ],
    [
      'an interval that cannot be read',
      editGroup('Canaries', (one) => Object.assign(one, { policy_period_interval: 'soon' })),
      /^bad-document: http:\S+\/groups: 3dd76335-\S+: policy_period_interval: "soon" is not such as "1 hours"$/,
    ],
    [
      'a channel that is not there',
      editGroup('Frozen', (one) => Object.assign(one, { channel_id: 'nowhere' })),
      /^bad-document: http:\S+\/groups: 74633c02-\S+: channel_id: there is no channel nowhere$/,
    ],
    [
      'an architecture without a name',
      edited(channels, 'channels', (items) => void Object.assign(items[7] ?? {}, { arch: 9 })),
      /^bad-document: http:\S+\/channels: 5dfe7b12-\S+: arch: 9 is none of 0, 1, 2, 3$/,
    ],
    [
      '10,000 groups that are announced',
      (request, response, json) =>
        pathOf(request) === groups && json
          ? sendJson(response, { ...JSON.parse(json), totalCount: 10_000 })
          : undefined,
      /^bad-document: http:\S+\/groups\?\S+: groups: has 10000, more than 5000$/,
    ],
    [
      '10,000 groups that are not',
      edited(groups, 'groups', ([one]) =>
        Array.from({ length: 10_000 }, (_, i) => ({ ...one, id: `g${i}`, channel: null })),
      ),
      /^bad-document: http:\S+\/groups\?\S+: groups: has 10000, more than 5000$/,
    ],
  ])('%s', async (_, instead, message) => {
    const store = await newStoreAt2()
    const before = await storedCatalog(store)
    const server = await start(instead)
    expect(await refusal(runImport(store, restOf(server.url)))).toMatch(message)
    expect(await storedCatalog(store)).toEqual(before)
  })

  test('pages that repeat themselves', async () => {
    const server = await start(edited(groups, 'groups', (items) => items.slice(0, 4)))
    const store = await newStoreAt2()
    expect(await refusal(runImport(store, restOf(server.url)))).toMatch(
      /^bad-document: http:\S+\/groups\?page=2&perpage=100: groups: brings nothing new, after 4 of 12$/,
    )
  })

  test('an answer that is too large', async () => {
    const server = await start((_, response) => {
      response.writeHead(200)
      const send = (): void => {
        while (response.write(' '.repeat(1024 * 1024)));
        response.once('drain', send)
      }
      send()
      return true
    })
    expect(await refusal(runImport(await newStoreAt2(), restOf(server.url)))).toMatch(
      /^too-large: http:\S+: is larger than 16777216 bytes$/,
    )
  })
})

describe('left out by name, and the rest is imported', () => {
  const inStable = (edit: (one: Json) => void) =>
    edited(channels, 'channels', (items) => {
      for (const one of items) if (one.name === 'stable' && one.arch === 2) edit(one.package as Json)
    })
  test.each<[string, (one: Json) => void, RegExp]>([
    [
      'a hostile file name',
      (one) => Object.assign(one, { filename: '../../catalog.jws' }),
      /^stable: 4230\.2\.0 for arm64-usr: http:\S+\/channels: 5dfe7b12-\S+: package: filename: must be 1 to 128/,
    ],
    [
      'a URL that is none',
      (one) => Object.assign(one, { url: 'file:///etc/' }),
      /: package: url: must be a plain http\(s\) URL$/,
    ],
    [
      'a URL with credentials',
      (one) => Object.assign(one, { url: 'http://user:secret@10.0.0.1/' }),
      /: package: url: must be a plain http\(s\) URL$/,
    ],
    [
      'a version that is none',
      (one) => Object.assign(one, { version: 'latest' }),
      /^stable: latest for arm64-usr: .*version: must be numbers between dots/,
    ],
    [
      'a digest that is none',
      (one) => Object.assign(one, { hash: 'abc' }),
      /: package: hash: must be a SHA-1 in base64$/,
    ],
    ['a size that is none', (one) => Object.assign(one, { size: '-1' }), /: package: size: must be a number of bytes$/],
    ['no file', (one) => Object.assign(one, { filename: null }), /: package: filename: /],
  ])('%s', async (_, edit, message) => {
    const server = await start(inStable(edit))
    const store = await newStoreAt2()
    const { found } = await runImport(store, restOf(server.url))
    expect(found.refused.filter((one) => message.test(one))).not.toEqual([])
    const query = { app: flatcar, version: '4152.2.0' }
    expect(await ask(newReader(store), { ...query, board: 'amd64-usr' })).toBe('update 4230.2.0')
    expect(await ask(newReader(store), { ...query, board: 'arm64-usr' })).not.toBe('update 4230.2.0')
  })
})

test('pages of ten are read to the end', async () => {
  const byTen: Instead = (request, response, json) => {
    const member = { [groups]: 'groups', [channels]: 'channels' }[pathOf(request)]
    if (member === undefined || json === undefined) return undefined
    const page = Number(new URLSearchParams(request.url?.split('?')[1]).get('page'))
    const { totalCount, [member]: items } = JSON.parse(json)
    const some = items.slice(3 * (page - 1), 3 * page)
    return sendJson(response, { totalCount, count: some.length, [member]: some })
  }
  const [whole, paged] = [await start(), await start(byTen)]
  const store = await newStoreAt2()
  const [a, b] = [await readAll(store, restOf(whole.url)), await readAll(store, restOf(paged.url))]
  expect(JSON.stringify(b).replaceAll(paged.url, whole.url)).toBe(JSON.stringify(a))
  expect(a.channels).toHaveLength(8)
})

describe('a token', () => {
  test('goes to the server that was named, and to no other that it redirects to', async () => {
    const other = await serve((_, response) => response.writeHead(200).end('{"totalCount":0,"applications":[]}'))
    servers.push(other)
    const server = await start((request, response) =>
      response.writeHead(302, { location: `${other.url}${pathOf(request).slice(1)}` }).end(),
    )
    const { channels } = await readAll(await newStoreAt2(), restOf(server.url, 'secret-token'))
    expect(channels).toEqual([])
    expect(server.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer secret-token'])
    expect(other.seen.map(({ headers }) => headers.authorization)).toEqual([undefined])
  })

  test('is not sent unencrypted to another machine', () => {
    const token = 'secret-token'
    for (const url of ['https://nebraska.example.org', 'http://127.0.0.1:8000', 'http://localhost:8000'])
      expect(() => checkToken({ url, token })).not.toThrow()
    for (const url of ['http://nebraska.example.org', 'http://10.0.0.1'])
      expect(() => checkToken({ url, token })).toThrow(/would be sent to http:\S+ unencrypted/)
  })
})
