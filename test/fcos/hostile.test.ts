/** What a builds server may answer in place of a stream: each is refused by name, and nothing is published. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { adoptOffer, planOffer } from '../../src/upstreams/adopt.ts'
import { chosenOf, openUpstream } from '../../src/upstreams/kinds.ts'
import { newStore, refusal, storedCatalog, type TestStore } from '../world.ts'
import { type Builds, index, indexPath, startBuilds, sum, updates, updatesPath, versions } from './streams.ts'

let server: Builds
let store: TestStore
beforeEach(async () => {
  server = await startBuilds()
  store = await newStore({ format: 2 })
})
afterEach(() => server.close())

type Choice = Readonly<{ place?: string; channel?: string; boards?: readonly string[]; releasesJson?: string }>

async function refused({ place = server.place, releasesJson, ...chosen }: Choice = {}): Promise<string> {
  const run = async () => {
    const upstream = openUpstream(place, { transport: nodeTransport(), releasesJson })
    const there = await chosenOf(upstream, { ...chosen, hint: '' })
    const adoption = { app: 'fedora-coreos', ...there, to: 'stable', packages: 'copy', create: true } as const
    return adoptOffer(store.publisher, upstream, await planOffer(store.publisher, upstream, adoption))
  }
  const words = await refusal(run())
  expect((await storedCatalog(store)).apps).toEqual({})
  return words.replaceAll(new URL(server.url).origin, 'ORIGIN')
}

const withReleases = (...releases: readonly object[]): object => ({ ...updates, releases })
const one = (metadata: unknown, version: unknown = versions.good) => withReleases({ version, metadata })
const rolled = (rollout: unknown) => one({ rollout })
const many = (count: number, metadata: object): object =>
  withReleases(...Array.from({ length: count }, (_, i) => ({ version: `44.${i}.3.0`, metadata })))
const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`

describe('updates/stable.json', () => {
  const file = 'ORIGIN, channel stable: updates/stable.json'
  const rows: readonly (readonly [string, string | object, string])[] = [
    ['in HTML', '<!doctype html><p>Log in', `bad-document: ${file}: is not a JSON object`],
    ['that is empty', '', `bad-document: ${file}: is not a JSON object`],
    ['that is a list', '[]', `bad-document: ${file}: is not a JSON object`],
    ['with 100,000 brackets', deep, `bad-document: ${file}: is not a JSON object`],
    ['of another stream', { ...updates, stream: 'next' }, `mismatch: ${file}: stream: is "next", not "stable"`],
    ['without releases', { stream: 'stable' }, `bad-document: ${file}: releases: Invalid key`],
    ['with 10,000 releases', many(10_000, {}), `bad-document: ${file}: releases: has more than 1000`],
    ['that rolls out 65', many(65, { rollout: {} }), `${file}: releases: 65 are offered or marked, more than 64`],
    ['with a version of letters', one({}, 'next'), `${file}: releases.0.version: must be numbers between dots`],
    ['with a version that is a number', one({}, 44), `${file}: releases.0.version: Invalid type`],
    ['without metadata', withReleases({ version: '44' }), `${file}: releases.0.metadata: Invalid key`],
    [
      'with a barrier without a reason',
      one({ barrier: {} }),
      `${file}: releases.0.metadata.barrier.reason: Invalid key`,
    ],
    ['with a reason of numbers', one({ deadend: { reason: 1 } }), 'releases.0.metadata.deadend.reason: Invalid type'],
    ['with a share of 50', rolled({ start_percentage: 50 }), 'rollout.start_percentage: must be 0 to 1'],
    ['with a negative share', rolled({ start_percentage: -1 }), 'releases.0.metadata.rollout.start_percentage: '],
    ['with a share in letters', rolled({ start_percentage: '1' }), 'rollout.start_percentage: Invalid type'],
    ['with a start in milliseconds of year 9999', rolled({ start_epoch: 253_402_300_800 }), 'rollout.start_epoch: '],
    ['with half a second', rolled({ start_epoch: 0.5 }), 'rollout.start_epoch: '],
    ['with a length that never ends', rolled({ duration_minutes: 1e300 }), 'rollout.duration_minutes: must be a whole'],
    [
      'with a version in two spellings',
      withReleases({ version: '44.1', metadata: { rollout: {} } }, { version: '44.1.0', metadata: { rollout: {} } }),
      `${file}: releases: has 44.1.0 twice`,
    ],
    [
      'with a release that the list lacks',
      one({ rollout: {} }, '44.99'),
      'ORIGIN, channel stable: releases.json: releases: has no 44.99, which updates/stable.json has',
    ],
    ['that offers nothing', one({}), 'ORIGIN, channel stable: offers nothing for x86_64'],
    [
      'that redirects inwards',
      { redirect: 'http://169.254.169.254/' },
      'updates/stable.json: ORIGIN redirects to 169.254',
    ],
    ['that is not there', { status: 404 }, `missing: ${file}: ORIGIN answers 404`],
    ['that is forbidden', { status: 403 }, `forbidden: ${file}: ORIGIN answers 403`],
    ['of a server that is broken', { status: 500 }, `store-unavailable: ${file}: ORIGIN answers 500`],
  ]
  test.each(rows)('%s', async (_, body, words) => {
    server.otherwise.set(updatesPath, body)
    expect(await refused({ boards: ['x86_64'] })).toContain(words)
  })

  test('of 2 MiB', async () => {
    server.otherwise.set(updatesPath, ' '.repeat(2 * 1024 * 1024))
    expect(await refused()).toMatch(/^too-large: ORIGIN, channel stable: updates\/stable\.json/)
  })
})

describe('releases.json', () => {
  const file = 'ORIGIN, channel stable: releases.json'
  const good = index.releases.findIndex(({ version }) => version === versions.good)
  const replacing = (from: string, to: string): string => JSON.stringify(index).replaceAll(from, to)
  test.each<[string, string | object, string]>([
    ['in HTML', '<html>', `bad-document: ${file}: is not a JSON object`],
    ['of another stream', { ...index, stream: 'testing' }, `mismatch: ${file}: stream: is "testing", not "stable"`],
    ['with a short checksum', replacing(sum(4), '44'), `${file}: releases.${good}.commits.0.checksum: must be 64 hex`],
    [
      'with a checksum in capitals',
      replacing(sum(4), 'A'.repeat(64)),
      `releases.${good}.commits.0.checksum: must be 64`,
    ],
    [
      'with a tag for a digest',
      replacing(`@sha256:${sum(4)}`, ':stable'),
      `releases.${good}.oci-images.0.digest-ref: `,
    ],
    [
      'with an architecture of slashes',
      replacing('x86_64', '../x'),
      `releases.0.commits.1.architecture: must be 1 to 64`,
    ],
    [
      'with commits that are a text',
      replacing('"commits":[', '"commits":"","x":['),
      'releases.0.commits: Invalid type',
    ],
    ['with 5,000 releases', { ...index, releases: Array(5000).fill({ version: '1' }) }, 'releases: has more than 4000'],
    ['that redirects inwards', { redirect: 'http://10.0.0.1/' }, 'releases.json: ORIGIN redirects to 10.0.0.1'],
    ['that is not there', { status: 404 }, `missing: ${file}: ORIGIN answers 404`],
  ])('%s', async (_, body, words) => {
    server.otherwise.set(indexPath, body)
    expect(await refused()).toContain(words)
  })

  test('may be elsewhere, and is judged alike', async () => {
    const releasesJson = `${server.url}list.json`
    expect(await refused({ releasesJson })).toBe(`missing: ${file}: ORIGIN answers 404`)
    expect(server.asked.at(-1)).toBe('/list.json')
  })
})

test.each<[string, Choice, string]>([
  [
    'another place',
    { place: 'fcos:https://builds.example.org/streams/stable.json' },
    'usage: the upstream is not the URL',
  ],
  ['credentials', { place: 'fcos:https://a:b@example.org/updates/stable.json' }, 'usage: the upstream is not the URL'],
  ['a file', { place: 'fcos:file:///updates/stable.json' }, 'usage: the upstream is not the URL'],
  [
    'a list that is a file',
    { releasesJson: 'releases.json' },
    'usage: the list of releases is not a plain http(s) URL',
  ],
  ['another channel', { channel: 'next' }, 'usage: ORIGIN, channel stable: has no channel "next"'],
  [
    'a board of another system',
    { boards: ['amd64-usr'] },
    'refused: ORIGIN, channel stable: offers nothing for amd64-usr',
  ],
])('%s is refused', async (_, choice, words) => {
  expect(await refused(choice)).toContain(words)
})

test('a store of format 1 is refused', async () => {
  store = await newStore()
  expect(await refused()).toMatch(/^refused: a release without a file needs format 2/)
})
