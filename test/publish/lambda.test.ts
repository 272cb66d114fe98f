/** The publish function as the built Lambda function, over the strict S3: parts go to the bucket itself. */
import { afterAll, vi } from 'vitest'
import { nodeHasher } from '../../src/adapters/hashers.ts'
import { s3Documents } from '../../src/adapters/s3-documents.ts'
import { s3Packages } from '../../src/adapters/s3-packages.ts'
import { sendThrough } from '../lambda/doors.ts'
import { useFunction } from '../lambda/function.ts'
import { openStrict, useCredentials } from '../s3/open.ts'
import { startS3 } from '../s3/server.ts'
import { flowSuite } from './flow-suite.ts'
import { startIssuer } from './issuer.ts'
import { emptyStore } from './store.ts'

const issuer = await startIssuer()
const s3 = await startS3()
useCredentials(s3)
const client = await openStrict(s3)
const { env } = await emptyStore(issuer, s3Documents(client), s3Packages(client, nodeHasher))
const { start } = useFunction()
const send = sendThrough('function URL', await start({ ...env, PLATTE_STORE: s3.setting }))
afterAll(async () => {
  vi.unstubAllEnvs()
  await s3.close()
  issuer.close()
})

const call = async (path: string, { method = 'GET', headers, body }: RequestInit): Promise<Response> => {
  const bytes = body === undefined ? undefined : new Uint8Array(await new Response(body).arrayBuffer())
  const sent = { method, path, headers: { ...(headers as Record<string, string>) }, ...(bytes && { body: bytes }) }
  const answer = await send(sent as Parameters<typeof send>[0])
  return new Response(answer.body as Uint8Array<ArrayBuffer>, { status: answer.status })
}

flowSuite('on Lambda', () => ({ issuer, fetch: call }))
