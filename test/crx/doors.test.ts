/** Every way of a package of Chromium into a channel judges it as browsers do; what is refused leaves nothing. */
import { describe, expect, test } from 'vitest'
import { readCommand } from '../../src/channels/commands.ts'
import { planCommand } from '../../src/channels/execute-command.ts'
import { type PublishOrder, planPublish } from '../../src/channels/publish.ts'
import type { Source } from '../../src/channels/staging.ts'
import { completeUpload, openUploads } from '../../src/publish-api/uploads.ts'
import { adopt, execute } from '../changes.ts'
import { announced, sendParts, orderOf as uploadOrder, uploadScene } from '../uploads/scene.ts'
import { bytesOf, newKey, newStore, orderOf, publishOne, refusal, type TestStore } from '../world.ts'
import { archiveOf, crxOf, ec, fileOf, idOf, rsa } from './make.ts'

const app = idOf(rsa)
const good = crxOf(archiveOf({ version: '2' }))
const by = 'by the key that its id'
const refused: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ['cut', good.subarray(0, -1), /x\.crx: has a wrong RSA signature \(number 1\)/],
  [
    'another app',
    crxOf(archiveOf({ version: '2' }), { signers: [[3, ec]] }),
    new RegExp(`is app ${idOf(ec)}, not ${app}`),
  ],
  ['signed by another', crxOf(archiveOf({ version: '2' }), { signers: [[3, ec]], owner: rsa }), new RegExp(by)],
  ['another version', crxOf(archiveOf({ version: '3' })), /x\.crx: is version 3, not 2/],
  ['no package', bytesOf('MZ'), /x\.crx: does not begin with Cr24/],
  ['short', bytesOf('Cr2'), /x\.crx: does not begin with Cr24/],
]

const of = (bytes: Uint8Array, ...extras: Source[]) => {
  return { app, board: 'any', createBoard: true, sources: [fileOf(bytes), ...extras] } satisfies Partial<PublishOrder>
}

async function packagesOf({ packages }: Pick<TestStore, 'packages'>): Promise<string[]> {
  const keys: string[] = []
  for await (const key of packages.list?.('packages/') ?? []) keys.push(key)
  return keys
}

describe('publish', () => {
  test.each(refused)('%s: refused, and nothing is left', async (_, bytes, words) => {
    const store = await newStore()
    expect(await refusal(publishOne(store, '2', of(bytes)))).toMatch(words)
    expect(await refusal(planPublish(store.publisher, orderOf('2', of(bytes))))).toMatch(words)
    expect(await packagesOf(store)).toEqual([])
  })

  test('by its own key; whatever a patch is', async () => {
    const store = await newStore()
    const extra = fileOf(bytesOf('Cr24 as a patch may begin'), 'from-1.puff')
    expect(await publishOne(store, '2', of(good, extra))).toMatchObject({ kind: 'published' })
  })

  test('--raw leaves it unjudged', async () => {
    const store = await newStore()
    expect(await publishOne(store, '2', { ...of(bytesOf('MZ')), raw: true })).toMatchObject({ kind: 'published' })
  })

  test.each([
    ['whole', good, 'accepted'],
    ['cut', good.subarray(0, -1), /wrong RSA signature/],
    ['another file', bytesOf('MZ'), 'accepted'],
  ])('of an app that no key names, %s: its id and version do not count', async (_, bytes, words) => {
    const store = await newStore()
    const order = { ...of(bytes), app: '8a69d345-d564-463c-aff1-a69d9e530f96', board: 'win-x64' }
    expect(await refusal(publishOne(store, '7', order))).toMatch(words)
  })

  test('what is in the store already', async () => {
    const store = await newStore()
    await publishOne(store, '2', { ...of(bytesOf('MZ')), channel: 'beta', raw: true })
    const { size, sha256, sha1 } = announced({ name: 'x.crx', bytes: bytesOf('MZ') })
    const packages = [{ name: 'x.crx', size, sha256, sha1 }]
    const command = readCommand('publish', {
      app,
      channel: 'stable',
      version: '2',
      board: 'any',
      packages,
      create: true,
    })
    expect(await refusal(planCommand(store.publisher, command))).toMatch(/does not begin with Cr24/)
  })
})

test.each(refused)('promote, %s: refused; --raw promotes it', async (_, bytes, words) => {
  const store = await newStore()
  await publishOne(store, '2', { ...of(bytes), channel: 'beta', raw: true })
  const promotion = { app, channel: 'stable', version: '2', from: 'beta' }
  await execute(store.publisher, 'channel-create', { app, channel: 'stable' })
  expect(await refusal(execute(store.publisher, 'promote', promotion))).toMatch(words)
  expect(await execute(store.publisher, 'promote', { ...promotion, raw: true })).toMatchObject({ kind: 'changed' })
})

test.each(refused)('adopt from a Platte, %s: refused, and nothing is left', async (_, bytes, words) => {
  const origin = await newStore()
  await publishOne(origin, '2', { ...of(bytes), raw: true })
  const [root, release, timestamp] = [await newKey('EdDSA'), await newKey('EdDSA'), await newKey('EdDSA')]
  const own = await newStore({ root: [root], release: [release], timestamp: [timestamp] })
  const adoption = { from: { app, channel: 'stable' }, to: 'prod', afterMs: 0, create: true }
  const run = (more: object = {}) => adopt(own.publisher, origin.publisher, { ...adoption, ...more })
  expect(await refusal(run())).toMatch(words)
  expect(await packagesOf(own)).toEqual([])
  expect(await run({ raw: true })).toMatchObject({ kind: 'changed' })
})

describe('an upload', () => {
  async function send(bytes: Uint8Array, more: { raw?: true } = {}) {
    const scene = await uploadScene()
    const one = { name: 'x.crx', bytes }
    const order = { ...uploadOrder([one], more), app, version: '2', board: 'any' }
    const [upload] = await openUploads(scene.uploading, order)
    if (upload?.kind !== 'missing') throw new Error('it is missing')
    await sendParts(scene.uploading, upload, one)
    return { scene, outcome: completeUpload(scene.uploading, upload.id) }
  }

  test.each(refused)('%s: refused, and nothing is left', async (_, bytes, words) => {
    const { scene, outcome } = await send(bytes)
    expect(await refusal(outcome)).toMatch(words)
    expect(await packagesOf(scene)).toEqual([])
    expect(await (await send(bytes, { raw: true })).outcome).toMatchObject({ kind: 'received' })
  })

  test('whole', async () => {
    expect(await (await send(good)).outcome).toMatchObject({ kind: 'received' })
  })
})
