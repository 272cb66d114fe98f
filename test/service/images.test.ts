/** Releases without a file: an ostree commit, an image of a registry. Nothing is copied, and nobody is offered a package. */
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { inspectStore } from '../../src/catalog/audit.ts'
import { loadHead } from '../../src/catalog/commit-channel.ts'
import { loadDetails } from '../../src/catalog/details.ts'
import { loadForWriting } from '../../src/catalog/read.ts'
import { planPublish } from '../../src/channels/publish.ts'
import { checkForUpdate } from '../../src/checks/update-check.ts'
import { decodeChannel } from '../../src/documents/channel.ts'
import type { Verified } from '../../src/kernel/verified.ts'
import { endBundle, exportBundle, importBundle } from '../../src/mirroring/bundle.ts'
import { mirror } from '../../src/mirroring/mirror.ts'
import type { Image } from '../../src/release/channel.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { execute, promote, pruneChannel } from '../changes.ts'
import { memoryDocuments, memoryPackages } from '../memory.ts'
import { app, bytesOf, newReader, newStore, orderOf, publishOne, refusal, type TestStore } from '../world.ts'

const checksum = 'a'.repeat(64)
const oci = `quay.io/fedora/fedora-coreos@sha256:${'b'.repeat(64)}`
const stable = { app, channel: 'stable' }
let store: TestStore
beforeEach(async () => {
  store = await newStore({ format: 2 })
})

const adopt = (version: string, image: Image, to: TestStore = store) =>
  execute(to.publisher, 'adopt', {
    ...{ ...stable, create: true, createBoard: true },
    releases: [{ version, boards: { x86_64: image } }],
  })
const headOf = async ({ publisher }: TestStore = store) => {
  const head = await loadHead(publisher, await loadForWriting(publisher), stable)
  if (head === undefined) throw new Error('there is no channel')
  return head.manifest
}

test.each<[string, Image]>([
  ['a commit', { checksum }],
  ['an image', { oci }],
  ['both', { checksum, oci }],
])('%s is in the manifest and in the details alike', async (_, image) => {
  expect(await adopt('44.20260707.3.1', image)).toMatchObject({ kind: 'changed' })
  const [release] = (await headOf()).releases
  expect(release).toMatchObject({ version: '44.20260707.3.1', boards: { x86_64: image }, details: {} })
  if (release === undefined) throw new Error('there is no release')
  expect((await loadDetails(store.publisher, app, release)).boards).toEqual({ x86_64: image })
  expect(await adopt('44.20260707.3.1', image)).toMatchObject({ kind: 'unchanged' })
  expect(await inspectStore(store.publisher)).toMatchObject({ findings: [], packages: 0 })
})

test('what asks for a package gets none, and why', async () => {
  await adopt('1', { checksum })
  await adopt('2', { checksum, oci })
  const found = await checkForUpdate(newReader(store), { ...stable, version: '1', board: 'x86_64' })
  expect(found).toMatchObject({ kind: 'no-update', reason: 'no-package' })
})

test('is published, promoted, mirrored, bundled and pruned: nothing but documents is copied', async () => {
  const { publisher } = store
  const image = { checksum, oci }
  const wanted = { board: 'x86_64', sources: [], image }
  expect(await publishOne(store, '1', wanted)).toMatchObject({ kind: 'published', packages: [], image })
  expect(await publishOne(store, '2', { ...wanted, image: { oci } })).toMatchObject({ kind: 'published', seq: 2 })
  expect(await planPublish(publisher, orderOf('2', { ...wanted, image: { oci } }))).toMatchObject({ signs: 'nothing' })
  await publishOne(store, '2')
  expect((await headOf()).releases[0]?.boards).toEqual({ x86_64: { oci }, 'amd64-usr': expect.any(String) })
  await publishOne(store, '1', { ...wanted, channel: 'beta' })
  expect(await promote(publisher, { ...stable, to: 'beta', from: 'stable', version: '2' })).toMatchObject({ seq: 2 })
  const folder = await mkdtemp(join(tmpdir(), 'platte-images-'))
  try {
    const out = createWriteStream(join(folder, 'bundle.tar'))
    await exportBundle(publisher, out, { packages: 'all', since: 0 })
    await endBundle(out)
    for (const copy of [
      (to: TestStore['publisher']) => importBundle(join(folder, 'bundle.tar'), to, { packages: 'all' }),
      (to: TestStore['publisher']) => mirror({ from: publisher, to }, { packages: 'all' }),
    ]) {
      const own = { ...publisher, documents: memoryDocuments(), packages: memoryPackages(nodeHasher) }
      expect(await copy(own)).toMatchObject({ kind: 'mirrored', packages: 1, absent: [] })
      expect(await inspectStore(own)).toMatchObject({ findings: [], channels: 2, manifests: 5, packages: 1 })
    }
  } finally {
    await rm(folder, { recursive: true })
  }
  expect(await pruneChannel(publisher, stable, { keep: 1 })).toMatchObject({ kind: 'changed', packages: [] })
})

test('a version means one image', async () => {
  await adopt('1', { checksum })
  expect(await refusal(adopt('1', { checksum: 'c'.repeat(64) }))).toMatch(
    /^refused: 1 for x86_64 is already in this channel, with other bytes or packages \(it has ostree a{64}\)/,
  )
})

test('a store of format 1 has none', async () => {
  expect(await refusal(adopt('1', { checksum }, await newStore()))).toMatch(
    /^refused: a release without a file needs format 2/,
  )
})

test.each<[string, object, string]>([
  ['neither', {}, 'has neither packages nor an image'],
  ['a short checksum', { checksum: 'aa' }, 'must be 64 hex digits'],
  ['a tag', { oci: 'quay.io/fedora/fedora-coreos:stable' }, 'must be an image with its digest'],
  ['no registry', { oci: `@sha256:${'b'.repeat(64)}` }, 'must be an image with its digest'],
  ['another member', { checksum, codebases: [] }, 'Invalid key'],
])('refuses %s', async (_, image, message) => {
  expect(await refusal(adopt('1', image))).toContain(message)
})

test('readers refuse an image outside of format 2', async () => {
  await adopt('1', { checksum })
  const { details: _, ...bare } = (await headOf()).releases[0] ?? {}
  const manifest = { ...(await headOf()), format: 1, releases: [bare] }
  expect(() => decodeChannel(bytesOf(manifest) as Verified<Uint8Array>)).toThrow('has details both here and')
})
