/** Two signatures: the pipeline's and the function's, so that neither ships alone. */

import { afterAll, beforeEach, expect, test } from 'vitest'
import { type ChannelCommand, readCommand } from '../../src/channels/commands.ts'
import type { Signing } from '../../src/channels/commit.ts'
import { draftCommand } from '../../src/channels/execute-command.ts'
import type { Publisher } from '../../src/channels/publish.ts'
import { verifyToken } from '../../src/publish-api/authorise.ts'
import { proposalOf } from '../../src/publish-api/countersign.ts'
import { provenanceOf } from '../../src/publish-api/policy.ts'
import { answerCommand } from '../../src/publish-api/publish-function.ts'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { app, ask, minute, newKey, newReader, newStore, publishOne, refusal, type TestStore } from '../world.ts'
import { policyFor, startIssuer } from './issuer.ts'

const issuer = await startIssuer(() => store.time.now)
afterAll(() => issuer.close())
const [pipeline, own, stranger] = [await newKey('EdDSA'), await newKey('ES256'), await newKey('EdDSA')]
let store: TestStore

const order = readCommand('ramp', {
  app,
  channel: 'stable',
  version: '2',
  over: 'PT48H',
  lower: true,
}) as ChannelCommand

beforeEach(async () => {
  store = await newStore({ release: [pipeline, own], threshold: 2 })
  await publishOne(store, '2')
})

/** What the function answers to an order, with what the pipeline signed. */
async function send(manifest: object | undefined, sent: ChannelCommand = order, more: Partial<Publisher> = {}) {
  const publisher = { ...store.publisher, release: [own], ...more }
  const policy = policyFor(issuer)
  const authorising = { policy, remembered: new Map(), transport: nodeTransport(), clock: publisher.clock }
  const token = await verifyToken(authorising, await issuer.token())
  return answerCommand(
    { publisher, policy },
    { command: sent, isPlan: false, manifest, bytes: new Uint8Array([1]), token },
  )
}

/** What the pipeline signs. */
async function propose(signed: ChannelCommand = order, more: Signing = {}, release = [pipeline]) {
  const claims = { repository: 'octocat/os', ref: 'refs/tags/v2', sha: '0123456789abcdef0123456789abcdef01234567' }
  const job = { run_id: '77', job_workflow_ref: 'octocat/os/.github/workflows/release.yml@refs/tags/v2' }
  const provenance = provenanceOf(issuer.url, { ...claims, ...job })
  return proposalOf(release, await draftCommand(store.publisher, signed, { provenance, ...more }))
}

const seqOf = async (): Promise<number> => {
  let count = 0
  for await (const _ of store.bucket.list(`apps/${app}/stable/`)) count++
  return count
}

test('a manifest signed by both is in force', async () => {
  expect(await send(await propose())).toMatchObject({ kind: 'changed', seq: 2, inForce: true })
  expect(await ask(newReader(store), { machineId: 'x' })).toBe('not-in-ramp')
})

test('neither can publish alone', async () => {
  expect(await refusal(send(undefined))).toMatch(/^credentials: root 1 wants 2 release keys/)
  expect(await refusal(send(await propose(), order, { release: [] }))).toMatch(/^credentials: .*1 of 2 needed/)
  expect(await refusal(send(await propose(order, {}, [stranger]).catch(() => ({}))))).toMatch(/^(usage|credentials)/)
  expect(await seqOf()).toBe(1)
})

test('the function signs only what follows from the request', async () => {
  const other = readCommand('ramp', {
    app,
    channel: 'stable',
    version: '2',
    over: 'PT1H',
    lower: true,
  }) as ChannelCommand
  expect(await refusal(send(await propose(other)))).toMatch(/^conflict: the signed manifest is not revision 2/)
  expect(await refusal(send(await propose(order, { provenance: { repository: 'somebody/else' } })))).toMatch(
    /^conflict/,
  )
  expect(await refusal(send(await propose(order, { provenance: undefined })))).toMatch(/^conflict/)
  expect(await seqOf()).toBe(1)
})

test('a lost race stores nothing, and the error has a hint', async () => {
  const proposed = await propose()
  await publishOne(store, '3')
  expect(await refusal(send(proposed))).toMatch(/^conflict: the signed manifest is not revision 3/)
  expect(await send(await propose())).toMatchObject({ kind: 'changed', seq: 3 })
})

test('an old or malformed proposal is refused', async () => {
  const proposed = await propose()
  store.time.now += 11 * 60_000
  expect(await refusal(send(proposed))).toMatch(/^usage: manifest: was issued too long ago/)
  expect(await refusal(send({ payload: 'e30', signatures: [] }))).toMatch(/^usage: manifest/)
  const { signatures } = proposed as { readonly signatures: readonly unknown[] }
  for (const payload of ['null', '[]', '7', '"text"', '{', '', 'no JSON', '{}', '{"issuedAt":"2026-02-30T00:00:00Z"}'])
    expect(await refusal(send({ payload: Buffer.from(payload).toString('base64url'), signatures }))).toMatch(
      /^usage: manifest: /,
    )
  for (const envelope of [[], {}, { payload: null }, { payload: 'bnVsbA', signatures: null }])
    expect(await refusal(send(envelope))).toMatch(/^usage: manifest: /)
})

test.each([
  [9, /^usage: manifest: was issued too long ago, or in the future/],
  [4, /^accepted$/],
])('a proposal dated %i minutes ahead', async (minutes, want) => {
  const proposed = await propose(order, { at: store.time.now + minutes * minute })
  expect(await refusal(send(proposed))).toMatch(want)
  expect(await ask(newReader(store), { version: '2' })).toBe('up-to-date')
})

test.each<readonly [string, string]>([
  ['no UTF-8', '\xff\xfe'],
  ['another document', '{"format":1,"type":"catalog"}'],
  ['nested without an end', `{"issuedAt":${'['.repeat(200_000)}${']'.repeat(200_000)}}`],
])('a proposal whose payload is %s', async (_, payload) => {
  const changed = { ...(await propose()), payload: Buffer.from(payload, 'latin1').toString('base64url') }
  expect(await refusal(send(changed))).toMatch(/^usage: manifest: /)
})

test.each<readonly [string, (kid: string) => string, number, RegExp]>([
  ['of another type', (kid) => `{"alg":"EdDSA","kid":"${kid}","typ":"other"}`, 1, /^credentials: .*signed as "other"/],
  [
    'that no key made, 15 times',
    (kid) => `{"alg":"EdDSA","kid":"${kid}","typ":"platte-channel+jws"}`,
    15,
    /^credentials: /,
  ],
])('a proposal with a further signature %s', async (_, header, count, want) => {
  const { payload, signatures } = (await propose()) as { payload: string; signatures: readonly object[] }
  const further = {
    protected: Buffer.from(header('k'.repeat(43))).toString('base64url'),
    signature: Buffer.alloc(64).toString('base64url'),
  }
  expect(await refusal(send({ payload, signatures: [...signatures, ...Array(count).fill(further)] }))).toMatch(want)
})

test('a rename makes two manifests, and is refused', async () => {
  const rename = readCommand('channel-rename', { app, channel: 'stable', name: 'steady' }) as ChannelCommand
  expect(await refusal(send(await propose(), rename))).toMatch(/^refused: renaming makes two manifests/)
})
