/** The sweep: a day after their begin nothing is left of uploads, and nothing else is touched. */

import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { newCatalogCache } from '../../src/catalog/cache.ts'
import { markKey } from '../../src/documents/paths.ts'
import type { Log } from '../../src/kernel/log.ts'
import { openPublishFunction } from '../../src/publish-api/routes.ts'
import type { Uploading } from '../../src/publish-api/upload-records.ts'
import { sweepUploads } from '../../src/publish-api/upload-records.ts'
import { completeUpload, openUploads } from '../../src/publish-api/uploads.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { refreshSlice } from '../../src/runtime/refresh-slice.ts'
import { readTextFile } from '../../src/runtime/text-file.ts'
import { folderDocuments } from '../../src/store/folder/documents.ts'
import { folderPackages } from '../../src/store/folder/packages.ts'
import { folderUploads } from '../../src/store/folder/uploads.ts'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { day, newStore, now } from '../world.ts'
import { files, openMissing, orderOf, partBytes, sendParts, uploadAll } from './scene.ts'

const [file] = files
let root: string
let time = { now }
let uploading: Uploading
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'platte-sweep-'))
  const clock = (): number => time.now
  const store = await newStore({
    documents: folderDocuments(root, { clock }),
    packages: folderPackages(root, { clock, newHasher: nodeHasher }),
  })
  time = store.time
  uploading = { ...store.publisher, uploads: folderUploads(root, { clock, partBytes }) }
})
afterEach(() => rm(root, { recursive: true }))

const left = async () => ({
  documents: (await readdir(join(root, 'uploads')).catch(() => [])).length,
  uploads: (await readdir(join(root, '.uploads'))).length,
})

/** An upload of a version of its own, of which one part was sent. */
async function begun(version: string) {
  const [upload] = await openMissing(uploading, orderOf([file], { version }))
  if (upload === undefined) throw new Error('nothing is missing')
  await sendParts(uploading, { ...upload, parts: upload.parts.slice(0, 1) }, file)
  return upload
}

test('an upload of yesterday is removed with its parts; a younger one stays', async () => {
  const old = await begun('2')
  time.now += day / 2
  const young = await begun('3')
  time.now += day / 2
  expect(await sweepUploads(uploading)).toBe(1)
  expect(await left()).toEqual({ documents: 1, uploads: 1 })
  expect(await completeUpload(uploading, old.id)).toEqual({ kind: 'unknown' })
  expect((await completeUpload(uploading, young.id)).kind).toBe('incomplete')
  expect(await sweepUploads(uploading)).toBe(0)
})

test('a received package and its receipt stay; only the upload record is removed', async () => {
  await uploadAll(uploading, [file])
  time.now += day
  expect(await sweepUploads(uploading)).toBe(1)
  expect(await left()).toEqual({ documents: 0, uploads: 0 })
  expect((await openUploads(uploading, orderOf([file]))).map(({ kind }) => kind)).toEqual(['there'])
})

test('an upload without a record is removed, too', async () => {
  await uploading.uploads.begin()
  time.now += day + 1
  expect(await sweepUploads(uploading)).toBe(1)
  expect(await left()).toEqual({ documents: 0, uploads: 0 })
})

test('records of used tokens are removed after their day and the next', async () => {
  const { documents } = uploading
  const mark = (id: string): string => markKey(id, time.now)
  const keys = [mark('a'), mark('b'), mark('c')]
  for (const key of keys) await documents.create(key, new Uint8Array([1]))
  time.now += day
  keys.push(mark('d'))
  await documents.create(mark('d'), new Uint8Array([1]))
  const looks: unknown[] = []
  for (const later of [0, day, 0, day]) {
    time.now += later
    const swept = await sweepUploads(uploading, 2)
    const there: string[] = []
    for (const key of keys) if (await documents.get(key, 1)) there.push(key.slice(-1))
    looks.push([swept, there.join('')])
  }
  expect(looks).toEqual([
    [0, 'abcd'],
    [2, 'cd'],
    [1, 'd'],
    [1, ''],
  ])
})

test('one run removes at most its limit, and later runs the rest', async () => {
  for (const version of ['2', '3', '4', '5', '6']) await begun(version)
  time.now += day
  const swept: number[] = []
  for (let look = 0; look < 3; look++) swept.push(await sweepUploads(uploading, 2))
  expect(swept).toEqual([2, 2, 1])
  expect(await left()).toEqual({ documents: 0, uploads: 0 })
})

test('a scheduled run sweeps as well', async () => {
  await begun('2')
  time.now += day
  const publishing = await openPublishFunction(
    { audience: '', issuers: {}, rules: [] },
    {
      ...{ ...uploading, reader: uploading, cache: newCatalogCache(), readText: readTextFile },
      ...{ bindings: {}, gauges: async () => [], transport: nodeTransport() },
      openWriter: async () => uploading,
      openUploads: async () => uploading.uploads,
    },
  )
  await refreshSlice(uploading, newCatalogCache(), { most: 1, opens: 1 }, [publishing])
  expect(await left()).toEqual({ documents: 0, uploads: 0 })
})

test('an object that cannot be read or removed does not block others, and is reported', async () => {
  await begun('2')
  await writeFile(join(root, 'uploads', '0.json'), 'no document')
  await writeFile(join(root, 'uploads', `${'0'.repeat(32)}.json`), 'x'.repeat(20_000))
  time.now += day
  const problems: unknown[] = []
  const log: Log = ({ problem }) => void problems.push(problem)
  expect(await sweepUploads({ ...uploading, log })).toBe(1)
  expect(problems).toEqual([expect.stringMatching(/is larger than 16384 bytes/)])
  expect((await left()).uploads).toBe(0)
})
