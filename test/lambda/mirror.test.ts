/** A function that is a mirror, with the variables and the permissions of the template: its schedule copies, step by step. */
import { afterAll, expect, test, vi } from 'vitest'
import { publicDocument } from '../../src/documents/paths.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { s3Documents } from '../../src/store/s3/documents.ts'
import { s3Packages } from '../../src/store/s3/packages.ts'
import { memoryDocuments, memoryPackages } from '../memory.ts'
import { bodyOf } from '../protocol/samples.ts'
import { openStrict, useCredentials } from '../s3/open.ts'
import { startS3 } from '../s3/server.ts'
import { makeSceneStore } from '../scenes/fixture.ts'
import { fileServer, serve } from '../upstream/server.ts'
import { sendThrough } from './doors.ts'
import { useFunction } from './function.ts'
import { givenBy } from './template.ts'

const { start, logged } = useFunction()
const s3 = await startS3()
useCredentials(s3)
const { publisher, pin } = await makeSceneStore(memoryDocuments(), memoryPackages(nodeHasher), () => Date.now())
const upstream = await serve(fileServer(publisher, { tags: 'content', ranges: true }))
const { variables, allows } = givenBy({ Root: pin, Upstream: upstream.url })
const invoke = await start({ ...variables, PLATTE_STORE: s3.setting })
s3.allows = allows
afterAll(async () => {
  vi.unstubAllEnvs()
  await upstream.close()
  await s3.close()
})

test('after some steps the mirror is complete, and machines are answered from the copy', async () => {
  const steps = () => logged().filter(({ event }) => event === 'mirror')
  do await invoke({ source: 'aws.events' })
  while (steps().at(-1)?.kind === 'more' && steps().length < 20)
  expect(steps().length).toBeGreaterThan(1)
  expect(logged().filter(({ level }) => level !== 'info')).toEqual([])
  const client = await openStrict(s3)
  const [documents, packages] = [s3Documents(client), s3Packages(client, nodeHasher)]
  for await (const key of publisher.documents.list?.('') ?? []) {
    if (publicDocument(key) === undefined) continue
    expect([key, (await documents.get(key, 1e6))?.bytes]).toEqual([
      key,
      (await publisher.documents.get(key, 1e6))?.bytes,
    ])
  }
  for await (const key of publisher.packages.list?.('') ?? [])
    expect([key, (await packages.stat(key))?.size]).toEqual([key, (await publisher.packages.stat(key))?.size])
  const request = {
    method: 'POST',
    path: '/v1/update/',
    headers: {},
    body: new TextEncoder().encode(bodyOf('full-update-01')),
  }
  const { body } = await sendThrough('function URL', invoke)(request)
  expect(new TextDecoder().decode(body)).toContain('<manifest version="4152.2.0">')
})

test('a complete mirror costs one request, to the upstream', async () => {
  upstream.seen.length = 0
  s3.seen.length = 0
  await invoke({ source: 'aws.events' })
  expect([upstream.seen.length, s3.seen.length]).toEqual([1, 0])
})
