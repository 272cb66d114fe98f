/** The real Deno over a bucket: the suites of all ports, what it is told of failures, and the scenes. */
import type { ChildProcess } from 'node:child_process'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { parseStore } from '../../src/runtime/own-settings.ts'
import { openStore } from '../../src/runtime/store.ts'
import { useCredentials } from '../s3/open.ts'
import { type Fault, startS3 } from '../s3/server.ts'
import { makeSceneStore, publicUrl } from '../scenes/fixture.ts'
import { playScene, sceneNames } from '../scenes/runner.ts'
import { sendOver } from '../scenes/send.ts'
import { firstLine, startDeno } from './start-deno.ts'

/** What src/runtime/deno.ts names for a bucket: it reads no file and writes none. */
const permissions = [
  '--allow-env=PLATTE_*,PORT,AWS_*,HOME,USERPROFILE,HOMEPATH,HOMEDRIVE,_X_AMZN_TRACE_ID',
  '--allow-sys=osRelease,homedir',
  '--allow-net=127.0.0.1',
]
const s3 = await startS3({ pageSize: 1000 })
const children: ChildProcess[] = []

function run(script: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  const child = startDeno(script, { permissions, args, env: { AWS_EC2_METADATA_DISABLED: 'true', ...s3.env, ...env } })
  children.push(child)
  return child
}

const suite = (...args: readonly string[]) => firstLine(run('test/runtimes/s3-suite.deno.ts', [s3.setting, ...args]))

let url = ''
beforeAll(async () => {
  useCredentials(s3)
  const { documents, packages } = await openStore(parseStore(s3.setting))
  const { pin } = await makeSceneStore(documents, packages)
  const env = {
    PLATTE_STORE: s3.setting,
    PLATTE_ROOT: pin,
    PLATTE_PUBLIC_URL: publicUrl,
    PORT: '0',
    PLATTE_LOCKS: 'on',
    PLATTE_LOCKS_CREATE: 'on',
  }
  const line = await firstLine(run('src/runtime/deno.ts', [], env))
  expect(line).toMatchObject({ level: 'info', event: 'serve' })
  url = line.url
})
beforeEach(() => {
  s3.fault = () => undefined
})
afterAll(async () => {
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
  vi.unstubAllEnvs()
  await s3.close()
})

test.each(sceneNames)('%s', (name) => playScene(name, sendOver(url)))

test('passes the suites of all ports', async () => {
  expect(await suite()).toEqual([])
})

test.each<[Fault, document: RegExp, body: RegExp]>([
  ['reset', /check PLATTE_STORE$/, /check PLATTE_STORE$/],
  ['slow-down', /503 SlowDown: check PLATTE_STORE$/, /503 SlowDown: check PLATTE_STORE$/],
  ['truncated', /check PLATTE_STORE$/, /check PLATTE_STORE$/],
  ['hang', /did not answer within 3 s: check PLATTE_STORE$/, /did not answer within 3 s: check PLATTE_STORE$/],
  ['stalls', /did not answer within 3 s: check PLATTE_STORE$/, /sent nothing for 3 s: check PLATTE_STORE$/],
])('a bucket that fails (%s) gives a readable error', async (fault, document, body) => {
  s3.bucket.put('here/packages/os.gz', new Uint8Array(3_000_000), { ifMatch: undefined, ifNoneMatch: undefined })
  s3.fault = () => fault
  expect(await suite('fails')).toEqual([expect.stringMatching(document), expect.stringMatching(body)])
})
