/**
 * The fault table of publishing through the function: whatever write fails, before it landed or after, with the process
 * going on or dying there, the pipeline that runs again (with the same request and token, or with new ones) ends with one
 * release at one number.
 */

import { afterAll, expect, test } from 'vitest'
import { type ChannelCommand, readCommand } from '../../src/channels/commands.ts'
import { verifyToken } from '../../src/publish-api/authorise.ts'
import { answerCommand } from '../../src/publish-api/publish-function.ts'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { type Fault, faultsOf, faultyDocuments, faultyPackages } from '../faults/faulty.ts'
import { files, orderOf, type UploadScene, uploadAll, uploadScene } from '../uploads/scene.ts'
import { ask, newReader } from '../world.ts'
import { policyFor, startIssuer } from './issuer.ts'

const time = { now: 0 }
const issuer = await startIssuer(() => time.now)
afterAll(() => issuer.close())
const order = readCommand('publish', {
  ...orderOf([...files]),
  notes: '# Two\n',
  rampOver: 'PT48H',
  create: true,
}) as ChannelCommand
const bytes = new Uint8Array([2])

/** @param plan which of its writes fail. */
async function send({ uploading }: UploadScene, text: string, plan: Readonly<Record<number, Fault>> = {}) {
  const faults = faultsOf(plan)
  const publisher = {
    ...uploading,
    documents: faultyDocuments(uploading.documents, faults),
    packages: faultyPackages(uploading.packages, faults),
  }
  const { clock } = uploading
  const policy = policyFor(issuer)
  const token = await verifyToken({ policy, remembered: new Map(), transport: nodeTransport(), clock }, text)
  const answer = await answerCommand({ publisher, policy }, { command: order, isPlan: false, bytes, token }).catch(
    ({ code }) => code,
  )
  return { answer, writes: faults.writes }
}

async function uploaded(): Promise<UploadScene> {
  const scene = await uploadScene()
  time.now = scene.time.now
  await uploadAll(scene.uploading)
  return scene
}

const { writes, answer } = await send(await uploaded(), await issuer.token())

test('a publish makes a fixed number of writes', () => {
  expect(answer).toMatchObject({ kind: 'published', seq: 1, offered: true })
  // The mark, the notes, the manifest, the catalog, the answer.
  expect(writes).toBe(5)
})

const faults: readonly Fault[] = ['before', 'after', 'kill-before', 'kill-after']
const rows = faults.flatMap((fault) =>
  Array.from({ length: writes }, (_, i) => i + 1).flatMap((n) => [
    [fault, n, 'the same token'] as const,
    [fault, n, 'a new token'] as const,
  ]),
)
test.each(rows)('%s write %i, and again with %s', async (fault, n, which) => {
  const scene = await uploaded()
  const token = await issuer.token()
  await send(scene, token, { [n]: fault })
  scene.time.now += 60_000
  time.now = scene.time.now
  const again = await send(scene, which === 'the same token' ? token : await issuer.token())
  expect(again.answer).toMatchObject({ seq: 1, offered: true })
  const manifests: string[] = []
  for await (const key of scene.bucket.list('apps/')) manifests.push(key)
  expect(manifests.length).toBe(1)
  scene.time.now += 48 * 3_600_000
  expect(await ask(newReader(scene))).toBe('update 2')
})
