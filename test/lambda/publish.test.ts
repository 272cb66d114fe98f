/** The publish function as the built function, in this process and under the real runtime client: parts go to the bucket. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, vi } from 'vitest'
import { nodeHasher } from '../../src/adapters/hashers.ts'
import { s3Documents } from '../../src/adapters/s3-documents.ts'
import { s3Packages } from '../../src/adapters/s3-packages.ts'
import { flowSuite, type Target } from '../publish/flow-suite.ts'
import { startIssuer } from '../publish/issuer.ts'
import { emptyStore } from '../publish/store.ts'
import { openStrict, useCredentials } from '../s3/open.ts'
import { startS3 } from '../s3/server.ts'
import { buildLambda } from './build.ts'
import { sendThrough } from './doors.ts'
import { type Invoke, useFunction } from './function.ts'
import { clientFolder } from './reporter.ts'
import { type Started, startClient } from './start-client.ts'

const issuer = await startIssuer()
afterAll(() => issuer.close())

/** A bucket for one run, and what a function over it is told. */
async function openBucket() {
  const s3 = await startS3()
  useCredentials(s3)
  const client = await openStrict(s3)
  const { env } = await emptyStore(issuer, s3Documents(client), s3Packages(client, nodeHasher))
  return { s3, env: { ...env, PLATTE_STORE: s3.setting } }
}

function targetOf(invoke: Invoke): Target {
  const send = sendThrough('function URL', invoke)
  return {
    issuer,
    fetch: async (path, { method = 'GET', headers, body }) => {
      const bytes = body === undefined ? undefined : new Uint8Array(await new Response(body).arrayBuffer())
      const sent = { method, path, headers: { ...(headers as Record<string, string>) }, ...(bytes && { body: bytes }) }
      const answer = await send(sent as Parameters<typeof send>[0])
      return new Response(answer.body as Uint8Array<ArrayBuffer>, { status: answer.status })
    },
  }
}

describe('in this process', async () => {
  const { start } = useFunction()
  const { s3, env } = await openBucket()
  const invoke = await start(env)
  afterAll(async () => {
    vi.unstubAllEnvs()
    await s3.close()
  })
  flowSuite('on Lambda', () => targetOf(invoke))
})

describe.skipIf(clientFolder === undefined)('the runtime client of Lambda', () => {
  const folder = mkdtempSync(join(tmpdir(), 'platte-lambda-'))
  let bucket: Awaited<ReturnType<typeof openBucket>>
  let started: Started
  beforeAll(async () => {
    bucket = await openBucket()
    vi.unstubAllEnvs()
    started = await startClient(buildLambda(folder).file, bucket.s3, bucket.env)
  })
  afterAll(async () => {
    await started?.stop()
    await bucket?.s3.close()
    rmSync(folder, { recursive: true })
  })
  flowSuite('under it', () => targetOf(started.invoke))
})
