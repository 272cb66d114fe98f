/** Every way of a payload into a channel judges it; what is refused leaves nothing. */
import { generateKeyPairSync } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { loadHead } from '../../src/catalog/commit-channel.ts'
import { loadForWriting } from '../../src/catalog/read.ts'
import { editRoot, publishRoot } from '../../src/catalog/roots.ts'
import { summarise } from '../../src/catalog/summary.ts'
import { loadRoot } from '../../src/catalog/walk-roots.ts'
import { readCommand } from '../../src/channels/commands.ts'
import { planCommand } from '../../src/channels/execute-command.ts'
import { planPublish } from '../../src/channels/publish.ts'
import type { Source } from '../../src/channels/staging.ts'
import { isoText } from '../../src/kernel/format.ts'
import { type PayloadKey, readPayloadKey } from '../../src/payload/keys.ts'
import { completeUpload, openUploads } from '../../src/publish-api/uploads.ts'
import { changeLine } from '../../src/release/diff.ts'
import { seal } from '../../src/trust/envelope.ts'
import { adopt, execute } from '../changes.ts'
import { sampleKeyPem, signedByAnother, signedSample, unsignedSample } from '../payloads.ts'
import { announced, openMissing, sendParts, orderOf as uploadOrder, uploadScene } from '../uploads/scene.ts'
import {
  app,
  ask,
  bytesOf,
  newKey,
  newReader,
  newStore,
  orderOf,
  publishOne,
  refusal,
  type TestStore,
} from '../world.ts'

const stable = { app, channel: 'stable' }
let sampleKey: PayloadKey
let otherKey: PayloadKey
const other = generateKeyPairSync('rsa', { modulusLength: 2048 })
beforeAll(async () => {
  sampleKey = await readPayloadKey(sampleKeyPem, 'sample')
  otherKey = await readPayloadKey(other.publicKey.export({ type: 'spki', format: 'pem' }).toString(), 'other')
})

const file = (name: string, bytes: Uint8Array): Source => ({
  name,
  size: bytes.length,
  open: () => new Blob([new Uint8Array(bytes)]).stream(),
})
const os = (bytes: Uint8Array, ...extras: Source[]) => ({ sources: [file('os.gz', bytes), ...extras] as const })

const refused: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ['cut', signedSample.subarray(0, 30_000), /os\.gz has 30000 bytes.*\(update_engine's error 11\)/],
  ['longer', Buffer.concat([signedSample, Buffer.alloc(9)]), /error 11/],
  ['unsigned', unsignedSample, /os\.gz is not signed \(update_engine's error 17\)/],
  ['signed by another', signedByAnother, /signed by none of the payload keys \(update_engine's error 18\)/],
  ['no payload', bytesOf('#!/bin/sh'), /error 21/],
]

/** A store at format 2 whose channels have payload keys. */
async function keyed(keys: readonly PayloadKey[], store?: TestStore, channels = ['stable']): Promise<TestStore> {
  const made = store ?? (await newStore())
  const { publisher, time } = made
  const next = await editRoot(await loadRoot(publisher), { format: 2 }, isoText(time.now))
  await publishRoot(publisher, await seal('platte-root+jws', bytesOf(next), made.keys.root))
  for (const channel of channels) await execute(publisher, 'channel-create', { app, channel, payloadKeys: keys })
  return made
}

async function packagesOf({ packages }: Pick<TestStore, 'packages'>): Promise<string[]> {
  const keys: string[] = []
  for await (const key of packages.list?.('packages/') ?? []) keys.push(key)
  return keys
}

describe('publish', () => {
  test.each(refused)('%s: refused, and nothing is left', async (_, bytes, words) => {
    const store = await keyed([otherKey, sampleKey])
    expect(await refusal(publishOne(store, '2', os(bytes)))).toMatch(words)
    expect(await refusal(planPublish(store.publisher, orderOf('2', os(bytes))))).toMatch(words)
    expect(await packagesOf(store)).toEqual([])
    expect(await ask(newReader(store))).not.toMatch(/^update/)
    expect(await publishOne(store, '2', { ...os(bytes), raw: true })).toMatchObject({ kind: 'published' })
  })

  test('signed by one of two keys', async () => {
    const store = await keyed([otherKey, sampleKey])
    expect(await publishOne(store, '2', os(signedSample))).toMatchObject({ kind: 'published' })
    expect(await publishOne(store, '2', os(signedSample))).toMatchObject({ kind: 'unchanged' })
  })

  test('without keys, only its structure counts', async () => {
    const store = await newStore()
    expect(await publishOne(store, '2', os(unsignedSample))).toMatchObject({ kind: 'published' })
    expect(await refusal(publishOne(store, '3', os(unsignedSample.subarray(0, 9000))))).toMatch(/error 11/)
  })

  test('an extra package is judged where it begins as a payload', async () => {
    const store = await keyed([sampleKey])
    const extra = (bytes: Uint8Array) => os(signedSample, file('oem-azure.gz', bytes))
    expect(await refusal(publishOne(store, '2', extra(unsignedSample)))).toMatch(/oem-azure\.gz is not signed/)
    expect(await packagesOf(store)).toEqual([])
    await publishOne(store, '2', extra(bytesOf('any other file')))
    await publishOne(store, '3', extra(signedSample))
  })

  test('a payload that is in the store already', async () => {
    const store = await keyed([sampleKey])
    await publishOne(store, '2', { ...os(unsignedSample), channel: 'beta' })
    const packages = [{ name: 'os.gz', ...(await digestsOf(unsignedSample)) }]
    const command = readCommand('publish', { ...stable, version: '2', board: 'amd64-usr', packages, createBoard: true })
    expect(await refusal(planCommand(store.publisher, command))).toMatch(/error 17/)
    expect(await refusal(planCommand(store.publisher, { ...command, raw: true }))).toBe('accepted')
  })
})

const digestsOf = async (bytes: Uint8Array) => {
  const { size, sha256, sha1 } = announced({ name: 'x', bytes })
  return { size, sha256, sha1 }
}

describe('promote', () => {
  const promotion = { ...stable, version: '2', from: 'beta' }
  test.each([
    ['unsigned', unsignedSample, /error 17/],
    ['signed by another', signedByAnother, /error 18/],
  ])('%s: refused under the keys of the destination', async (_, bytes, words) => {
    const store = await keyed([sampleKey])
    await publishOne(store, '2', { ...os(bytes), channel: 'beta' })
    expect(await refusal(execute(store.publisher, 'promote', promotion))).toMatch(words)
    expect(await ask(newReader(store))).not.toMatch(/^update/)
    expect(await execute(store.publisher, 'promote', { ...promotion, raw: true })).toMatchObject({ kind: 'changed' })
  })

  test('signed', async () => {
    const store = await keyed([sampleKey])
    await publishOne(store, '2', { ...os(signedSample, file('oem.gz', bytesOf('oem'))), channel: 'beta' })
    expect(await execute(store.publisher, 'promote', promotion)).toMatchObject({ kind: 'changed' })
    expect(await ask(newReader(store))).toBe('update 2')
  })

  test('packages at other URLs cannot be judged', async () => {
    const store = await keyed([sampleKey])
    const there = { channel: 'beta', codebases: ['https://example.org/os/'] }
    await publishOne(store, '2', { ...os(signedSample), ...there })
    expect(await refusal(execute(store.publisher, 'promote', promotion))).toMatch(/are at other URLs/)
  })
})

describe('adopt', () => {
  async function scene(bytes: Uint8Array) {
    const origin = await newStore()
    await publishOne(origin, '2', { ...os(bytes), raw: true })
    const [root, release, timestamp] = [await newKey('EdDSA'), await newKey('EdDSA'), await newKey('EdDSA')]
    const own = await newStore({ root: [root], release: [release], timestamp: [timestamp] })
    const run = (more: object = {}) =>
      adopt(own.publisher, origin.publisher, { from: stable, to: 'prod', afterMs: 0, create: true, ...more })
    return { own, run }
  }

  test.each(refused)('%s: refused, and nothing is left', async (_, bytes, words) => {
    const { own, run } = await scene(bytes)
    await keyed([sampleKey], own, ['prod'])
    expect(await refusal(run())).toMatch(words)
    expect(await packagesOf(own)).toEqual([])
    expect(await run({ raw: true })).toMatchObject({ kind: 'changed' })
  })

  test('what is in the store already is judged, too', async () => {
    const { own, run } = await scene(unsignedSample)
    await keyed([sampleKey], own, ['prod'])
    await publishOne(own, '2', { ...os(unsignedSample), channel: 'beta' })
    expect(await refusal(run())).toMatch(/error 17/)
  })

  test('without keys, only its structure counts', async () => {
    expect(await (await scene(unsignedSample)).run()).toMatchObject({ kind: 'changed' })
    expect(await refusal((await scene(unsignedSample.subarray(0, 900))).run())).toMatch(/error 11/)
  })
})

describe('an upload', () => {
  async function send(bytes: Uint8Array, { keys = [sampleKey], ...more }: { keys?: PayloadKey[]; raw?: true } = {}) {
    const scene = await uploadScene()
    const one = { name: 'os.gz', bytes }
    const order = uploadOrder([one], more)
    const [upload] = await openUploads(scene.uploading, order, keys)
    if (upload?.kind !== 'missing') throw new Error('it is missing')
    for (let left = upload; left.parts.length > 0; ) {
      await sendParts(scene.uploading, left, one)
      const [next] = await openUploads(scene.uploading, order, keys)
      if (next?.kind !== 'missing' || next.parts.length === left.parts.length) break
      left = next
    }
    return { scene, outcome: completeUpload(scene.uploading, upload.id) }
  }

  test.each(refused)('%s: refused, and nothing is left', async (_, bytes, words) => {
    const { scene, outcome } = await send(bytes)
    expect(await refusal(outcome)).toMatch(words)
    expect(await packagesOf(scene)).toEqual([])
    expect((await openMissing(scene.uploading, uploadOrder([{ name: 'os.gz', bytes }]))).length).toBe(1)
    const raw = await send(bytes, { raw: true })
    expect(await raw.outcome).toMatchObject({ kind: 'received' })
  })

  test('signed; and unsigned without keys', async () => {
    expect(await (await send(signedSample)).outcome).toMatchObject({ kind: 'received' })
    expect(await (await send(unsignedSample, { keys: [] })).outcome).toMatchObject({ kind: 'received' })
  })
})

describe('payload keys', () => {
  const edit = (store: TestStore, payloadKeys: readonly PayloadKey[] | null) =>
    execute(store.publisher, 'channel-edit', { ...stable, payloadKeys })
  const manifestOf = async ({ publisher }: TestStore) =>
    (await loadHead(publisher, await loadForWriting(publisher), stable))?.manifest

  test('need format 2 of the store', async () => {
    const store = await newStore()
    await publishOne(store, '2', os(signedSample))
    expect(await refusal(edit(store, [sampleKey]))).toMatch(/^refused: a payload key needs format 2/)
  })

  test('are set, shown by their SHA-256, and removed', async () => {
    const store = await keyed([sampleKey])
    expect(await manifestOf(store)).toMatchObject({ format: 2, payloadKeys: [sampleKey] })
    const set = await edit(store, [sampleKey, otherKey])
    const [one, two] = [sampleKey.sha256, otherKey.sha256]
    expect(set.changes.map(changeLine)).toEqual([`~ payload keys: ${one} -> ${one}, ${two}`])
    const { channels } = await summarise(store.publisher, stable)
    expect(channels[0]?.payloadKeys).toEqual([one, two])
    await edit(store, null)
    expect(await manifestOf(store)).toMatchObject({ format: 1 })
    expect(await manifestOf(store)).not.toHaveProperty('payloadKeys')
    expect(await publishOne(store, '2', os(unsignedSample))).toMatchObject({ kind: 'published' })
  })

  test('stay when the channel is renamed or described', async () => {
    const store = await keyed([sampleKey])
    await execute(store.publisher, 'channel-edit', { ...stable, description: 'for the fleet' })
    expect(await manifestOf(store)).toMatchObject({ payloadKeys: [sampleKey] })
  })

  test.each([
    ['nine keys', () => Array.from({ length: 9 }, () => sampleKey), /payloadKeys/],
    ['a key twice', () => [sampleKey, sampleKey], /names a key twice/],
    ['no key', () => [{ ...sampleKey, spki: 'A'.repeat(200) }], /no public RSA key/],
    ['another SHA-256', () => [{ ...sampleKey, sha256: otherKey.sha256 }], /no public RSA key/],
  ])('%s: refused', async (_, keys, words) => {
    const store = await keyed([])
    expect(await refusal((async () => edit(store, keys()))())).toMatch(words)
  })
})
