/** Format 2 at its size: 2,000 releases as Flatcar's in one channel, and 20,000 channels in a catalog. */
import { Hono } from 'hono'
import { beforeAll, describe, expect, test } from 'vitest'
import { reload } from '../../src/catalog/cache.ts'
import { commitChannel, emptyChannel } from '../../src/catalog/commit-channel.ts'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { checkForUpdate } from '../../src/checks/update-check.ts'
import { moveDetails } from '../../src/documents/details.ts'
import type { BoardPackages } from '../../src/release/channel.ts'
import { sitePages } from '../../src/site/feature.ts'
import { execute, promote } from '../changes.ts'
import { app, ask, forgeCatalog, newReader, newStore, publishOne, refusal, type TestStore, watched } from '../world.ts'
import { realisticReleases } from './realistic.ts'

const stable = { app, channel: 'stable' }
const reason = '因'.repeat(500)
const releases = realisticReleases(2000)
let store: TestStore

beforeAll(async () => {
  store = await newStore({ format: 2 })
  for (const board of ['arm64-usr', 'amd64-usr']) await publishOne(store, '1', { board })
  const { manifest, documents } = moveDetails({ ...emptyChannel, ...stable, releases })
  for (const [key, bytes] of documents) await store.bucket.create(key, bytes)
  await commitChannel(store.publisher, stable, (one) => ({ ...one, releases: [...manifest.releases, ...one.releases] }))
  await refresh(store.publisher)
})

const watching = () => {
  const { documents, reads } = watched(store.publisher.documents)
  return { reads, documents, writer: { ...store.publisher, documents } }
}
const detailsIn = (reads: readonly string[]): number => reads.filter((key) => key.startsWith('notes/releases/')).length
const packagesOf = async (version: string, reader = newReader(store)): Promise<BoardPackages | string> => {
  const limits = { versionPrefix: `${version}$` }
  const found = await checkForUpdate(reader, { ...stable, version: '1', board: 'arm64-usr', limits })
  return found.kind === 'update' ? found.packages : found.reason
}

describe('2,000 releases in a channel', () => {
  test('a cold check reads the documents of one release, a warm one nothing', async () => {
    const { reads, documents } = watching()
    const reader = newReader(store, { documents })
    const got = await checkForUpdate(reader, { ...stable, version: '4000.2.0', board: 'arm64-usr' })
    expect(got).toMatchObject({
      offer: { release: { version: '5000.2.0' } },
      packages: releases[0]?.boards['arm64-usr'],
    })
    expect(reads.map((key) => key.replace(/[0-9a-f]{64}|\d{10}/, '…')).sort()).toEqual([
      ...[`apps/${app}/stable/….jws`, 'catalog.jws', 'mirror/missing.json', 'notes/releases/…'],
      ...['root/1.jws', 'root/2.jws'],
    ])
    const before = reads.length
    expect(checkForUpdate(reader, { ...stable, version: '3000.2.0', board: 'arm64-usr' })).not.toBeInstanceOf(Promise)
    expect(reads.length).toBe(before)
  })

  test('each version has its own packages; no more are kept than a bound', async () => {
    const reader = newReader(store)
    for (const one of releases.slice(0, 600))
      expect(await packagesOf(one.version, reader)).toEqual(one.boards['arm64-usr'])
    const { young, old } = reader.cache.details
    expect(young.size + old.size).toBeGreaterThan(100)
    expect(young.size + old.size).toBeLessThan(500)
  })

  test('publishing, promoting and brakes go on, and read the details of few releases', async () => {
    const { reads, writer } = watching()
    expect(await publishOne({ publisher: writer }, '20000')).not.toHaveProperty('warnings')
    for (const board of ['amd64-usr', 'arm64-usr'])
      await publishOne({ publisher: writer }, '20001', { channel: 'alpha', board })
    expect(await refusal(promote(writer, { app, version: '20001', from: 'alpha', to: 'stable' }))).toBe('accepted')
    const brakes = [
      ['withdraw', { version: '20001', reason }],
      ['hold', { version: '20000', reason }],
      ['floor', { version: '4990.2.0', reason }],
      ['rollback', { version: '5000.2.0', reason }],
      ['ramp', { version: '4999.2.0', over: 'P9D', steps: 100, lower: true }],
    ] as const
    for (const [action, said] of brakes)
      expect(await refusal(execute(writer, action, { ...stable, ...said }))).toBe('accepted')
    expect(detailsIn(reads)).toBeLessThan(20)
    expect(await ask(newReader(store), { version: '4500.2.0', board: 'arm64-usr' })).toBe('update 4990.2.0')
  })

  test('lists for programs read a bounded number of details', async () => {
    const { reads, documents } = watching()
    const reader = newReader(store, { documents })
    await reload(reader.cache, reader.reader)
    const serving = {
      ...reader,
      packages: undefined,
      events: () => {},
      publicUrl: 'https://u.example',
      app,
      background: () => undefined,
    }
    const pages = new Hono().notFound(async (c) => (await sitePages.fallback?.(serving, c)) ?? c.text('none', 404))
    for (const path of [
      `/v1/channels/${app}/stable`,
      `/channels/${app}/stable/feed.atom`,
      `/channels/${app}/stable`,
      '/releases-json/releases-stable.json',
      '/',
    ]) {
      const response = await pages.request(path)
      expect([path, response.status]).toEqual([path, 200])
    }
    expect(detailsIn(reads)).toBeLessThan(40)
    const body = (await (await pages.request(`/v1/channels/${app}/stable`)).json()) as { releases: object[] }
    const [, , newest] = body.releases
    expect(newest).toMatchObject({
      version: '5000.2.0',
      cves: releases[0]?.cves,
      boards: releases[0] && { 'arm64-usr': { packages: (releases[0].boards['arm64-usr'] as BoardPackages).packages } },
    })
    expect(body.releases.at(-1)).toMatchObject({
      version: '1',
      details: { size: expect.any(Number) },
      boards: {
        'amd64-usr': {
          codebases: [expect.stringMatching(/^https:\/\/u\.example\/packages\/.*\/1\/amd64-usr\/[0-9a-f]{32}\/$/)],
        },
      },
    })
  })
})

test('20,000 channels in a catalog: machines are answered, and channels are added', async () => {
  const many = await newStore({ format: 2 })
  await publishOne(many, '1')
  await publishOne(many, '2')
  const entry = { seq: 1, sha256: 'a'.repeat(64), size: 1000 }
  await forgeCatalog(many, (catalog) => ({
    ...catalog,
    issuedAt: new Date(Date.parse(catalog.issuedAt) + 1).toISOString(),
    apps: {
      ...catalog.apps,
      other: { channels: Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`channel-${i}`, entry])) },
    },
  }))
  const reader = newReader(many)
  expect(await ask(reader)).toBe('update 2')
  expect(await ask(reader, { app: 'other', channel: 'channel-19999' })).toBe('not-mirrored')
  expect(await publishOne(many, '1', { channel: 'beta' })).toMatchObject({ kind: 'published', offered: true })
  expect(await refusal(execute(many.publisher, 'hold', { ...stable, version: '2', reason }))).toBe('accepted')
  expect(await ask(newReader(many))).toBe('held')
})
