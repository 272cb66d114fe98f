/**
 * The fault table: whatever write of a publish or a refresh fails, before it landed or after, with the process going on
 * or dying there, readers see the old state or the new one, and a rerun ends as if nothing had been.
 */
import { mkdtempSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { type PublishOrder, publish } from '../../src/channels/publish.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { folderPackages } from '../../src/store/folder/packages.ts'
import { ask, bytesOf, day, newReader, newStore, orderOf, publishOne, sourceOf, type TestStore } from '../world.ts'
import { askAll, countWrites, endsWell, errorsOf, everyFault, faulty, withFault } from './scene.ts'

const folder = await mkdtemp(join(tmpdir(), 'platte-faults-'))
afterAll(() => rm(folder, { recursive: true }))

const order = (more: Partial<PublishOrder> = {}): PublishOrder =>
  orderOf('2', {
    channel: 'beta',
    sources: [sourceOf('update.gz', 'CrAU 2'), sourceOf('oem.gz', 'oem 2')],
    notes: bytesOf('# Version 2'),
    ...more,
  })

const storesOf = {
  memory: () => undefined,
  folder: () => folderPackages(mkdtempSync(join(folder, 'store-')), { clock: () => Date.now(), newHasher: nodeHasher }),
}

describe.each(Object.entries(storesOf))('publish of a new channel, packages in %s', (_, makePackages) => {
  const begin = async (): Promise<TestStore> => {
    const packages = makePackages()
    const store = await newStore(packages && { packages })
    await publishOne(store, '1')
    return store
  }

  test('makes five writes, the commit second to last', async () => {
    const written = await countWrites(await begin(), (writer) => publish(writer, order()))
    expect(written.map((key) => key.split('/')[0])).toEqual(['packages', 'packages', 'notes', 'apps', 'catalog.jws'])
  })

  test.each(everyFault(5))('write $at $face', async (fault) => {
    const store = await begin()
    const warm = newReader(store)
    const query = { channel: 'beta' }
    expect(await ask(warm, query)).toBe('unknown-channel')
    expect(await withFault(store, fault, (writer) => publish(writer, order()))).toMatch(/^store-unavailable/)
    const isOffered = fault.at === 5 && fault.face.endsWith('after')
    const want = isOffered ? 'update 2' : 'unknown-channel'
    expect(await askAll(store, warm, query)).toEqual([want, want])
    expect(await askAll(store, warm, { version: '0' })).toEqual(['update 1', 'update 1'])
    expect(await errorsOf(store)).toEqual([])
    const again = await publish(store.publisher, order())
    expect(again).toMatchObject({ seq: 1, offered: true })
    expect(await askAll(store, warm, query)).toEqual(['update 2', 'update 2'])
    await endsWell(store, { beta: 1, stable: 1 }, { manifests: 2, packages: 3 })
    expect(await publish(store.publisher, order())).toMatchObject({ kind: 'unchanged', seq: 1 })
  })
})

describe('publish of a next version and of a second board', () => {
  test.each(everyFault(3))('write $at $face', async (fault) => {
    for (const next of [orderOf('3'), orderOf('2', { board: 'arm64-usr' })]) {
      const store = await newStore()
      await publishOne(store, '2')
      const warm = newReader(store)
      await ask(warm)
      await withFault(store, fault, (writer) => publish(writer, next))
      const [first, second] = await askAll(store, warm, { board: next.board })
      expect(first).toBe(second)
      expect([`update ${next.version}`, next.board === 'amd64-usr' ? 'update 2' : 'no-release-for-board']).toContain(
        first,
      )
      await publish(store.publisher, next)
      expect(await askAll(store, warm, { board: next.board })).toEqual([
        `update ${next.version}`,
        `update ${next.version}`,
      ])
      await endsWell(store, { stable: 2 }, { manifests: 2, packages: 2 })
      expect(await publish(store.publisher, next)).toMatchObject({ kind: 'unchanged', seq: 2 })
    }
  })

  test.each(everyFault(3))('write $at $face, and another publisher in between', async (fault) => {
    const store = await newStore()
    await publishOne(store, '2')
    await withFault(store, fault, (writer) => publish(writer, orderOf('3')))
    await publishOne(store, '4', { board: 'arm64-usr' })
    await publishOne(store, '3')
    expect(await ask(newReader(store))).toBe('update 3')
    expect(await ask(newReader(store), { board: 'arm64-usr' })).toBe('update 4')
    await endsWell(store, { stable: 3 }, { manifests: 3, packages: 3 })
  })
})

describe('refresh', () => {
  test.each(everyFault(1))('write $at $face', async (fault) => {
    const store = await newStore()
    await publish({ ...store.publisher, timestamp: [] }, orderOf('2'))
    store.time.now += 5 * day
    const warm = newReader(store)
    await ask(warm)
    expect(await withFault(store, fault, refresh)).toMatch(/^store-unavailable/)
    const want = fault.face.endsWith('after') ? 'update 2' : 'unknown-app'
    expect(await askAll(store, warm, {})).toEqual([want, want])
    await refresh(store.publisher)
    expect(await askAll(store, warm, {})).toEqual(['update 2', 'update 2'])
    await endsWell(store, { stable: 1 }, { manifests: 1, packages: 1 })
    expect(await refresh(store.publisher)).toMatchObject({ kind: 'unchanged', rolled: [] })
  })
})

test('a commit and a swap that landed with lost answers: one manifest, one publish', async () => {
  const store = await newStore()
  await publishOne(store, '2')
  const { documents } = store.publisher
  const lost = new Set<string>()
  const once = async <T>(key: string, work: Promise<T>, answer: T): Promise<T> => {
    const outcome = await work
    if (lost.has(key)) return outcome
    lost.add(key)
    return answer
  }
  const publisher = {
    ...store.publisher,
    documents: {
      ...documents,
      create: (key: string, bytes: Uint8Array) => once(key, documents.create(key, bytes), 'taken'),
      swap: (key: string, bytes: Uint8Array, token: string) => once(key, documents.swap(key, bytes, token), 'conflict'),
    },
  }
  expect(await publish(publisher, orderOf('3'))).toMatchObject({ seq: 2, offered: true })
  expect(lost.size).toBe(2)
  expect(await ask(newReader(store))).toBe('update 3')
  await endsWell(store, { stable: 2 }, { manifests: 2, packages: 2 })
})

test('an injected fault is an ordinary PlatteError: otherwise the table would miss defects', async () => {
  const store = await newStore()
  const { documents } = faulty(store.publisher, { at: 1, face: 'kill-before' })
  await expect(documents.create('a', bytesOf('a'))).rejects.toThrow(PlatteError)
  await expect(documents.get('a', 10)).rejects.toThrow(PlatteError)
  expect(await store.bucket.get('a', 10)).toBeUndefined()
})
