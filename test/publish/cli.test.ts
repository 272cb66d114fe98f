/** The command line in a pipeline, against `platte serve`: processes, sockets, and GitHub's token service as a job sees it. */
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { payloadText } from '../payloads.ts'
import { serve } from '../upstream/server.ts'
import { app } from '../world.ts'
import { policyFor, startIssuer } from './issuer.ts'

const dir = mkdtempSync(join(tmpdir(), 'platte-pipeline-'))
const main = inject('cli')
const issuer = await startIssuer()
let claims: Record<string, unknown> = {}
const request: string[] = []

/** What `permissions: id-token: write` gives a job. */
const tokens = createServer(async ({ url, headers }, response) => {
  request.push(`${headers.authorization} ${new URL(url ?? '', 'http://x').searchParams.get('audience')}`)
  response.end(JSON.stringify({ value: await issuer.token(claims) }))
})

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function platte(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const { PATH = '' } = process.env
  return new Promise((done) => {
    execFile(process.execPath, [main, ...args], { cwd: dir, env: { PATH, ...env } }, (error, stdout, stderr) =>
      done({ code: error ? Number(error.code) : 0, stdout, stderr }),
    )
  })
}

let endpoint = ''
let pin = ''
let server: ReturnType<typeof spawn>
const job = (): Record<string, string> => ({
  PLATTE_APP: app,
  PLATTE_ENDPOINT: endpoint,
  PLATTE_AUDIENCE: 'https://updates.example.org',
  ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${(tokens.address() as AddressInfo).port}/token?api-version=2.0`,
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'canary-request-token',
})

beforeAll(async () => {
  await new Promise<void>((listening) => tokens.listen(0, '127.0.0.1', listening))
  const store = { PLATTE_STORE: 'file:store', PLATTE_KEYS: 'keys' }
  const { stdout } = await platte(['init', '--root-keys', 'offline'], store)
  pin = /PLATTE_ROOT=(\S+)/.exec(stdout)?.[1] ?? ''
  writeFileSync(join(dir, 'policy.json'), JSON.stringify({ v: 1, ...policyFor(issuer) }))
  writeFileSync(join(dir, 'update.gz'), payloadText('a payload'))
  const env = { ...store, PLATTE_ROOT: pin, PLATTE_PUBLISH_POLICY: 'file:policy.json', PORT: '0' }
  server = spawn(process.execPath, [main, 'serve'], { cwd: dir, env: { PATH: process.env.PATH, ...env } })
  const { stderr } = server
  if (stderr === null) throw new Error('no stderr')
  for await (const line of createInterface(stderr)) {
    endpoint = /listening on (\S+)\/v1\/update\//.exec(line)?.[1] ?? ''
    if (endpoint) break
  }
})
afterAll(async () => {
  const ended = new Promise((exit) => server.once('exit', exit))
  server.kill()
  await ended
  tokens.close()
  issuer.close()
  rmSync(dir, { recursive: true })
})

const publish = [
  'publish',
  'update.gz',
  '--channel',
  'stable',
  '--version',
  '1.0.0',
  '--board',
  'amd64-usr',
  '--create',
]

test('publish twice: nothing is uploaded twice', async () => {
  const dry = await platte([...publish, '--dry-run'], job())
  expect(dry).toMatchObject({
    code: 0,
    stdout:
      '+ 1.0.0 amd64-usr: update.gz 33\nDry run: 1.0.0 for amd64-usr would become revision 1 of stable. Nothing written.\n',
  })
  const first = await platte([...publish, '--json'], job())
  expect({ ...first, stdout: JSON.parse(first.stdout) }).toMatchObject({
    code: 0,
    stdout: {
      kind: 'published',
      seq: 1,
      offered: true,
      rule: 'os-stable',
      manifest: expect.stringContaining('/apps/'),
    },
  })
  const again = await platte(publish, job())
  expect(again).toMatchObject({
    code: 0,
    stdout: 'No change: 1.0.0 for amd64-usr is already published in stable (revision 1).\n',
  })
  expect(new Set(request)).toEqual(new Set(['Bearer canary-request-token https://updates.example.org']))
  expect(first.stderr + again.stderr).not.toContain('canary')
})

test('files at URLs are copied before they are uploaded, and cannot be referenced', async () => {
  const bytes = Buffer.from(payloadText('a payload'))
  const server = await serve(
    (_, response) => void response.writeHead(200, { 'Content-Length': bytes.length }).end(bytes),
  )
  const [command, file, ...more] = publish
  const args = [command ?? '', `${server.url}${file}`, ...more, '--version', '1.1.0']
  const sums = await platte(args, job())
  expect([sums.code, sums.stderr]).toEqual([5, expect.stringContaining('update.gz.sha256: is not what')])
  await server.close()
  const plain = await serve(({ url }, response) => {
    const isHere = url === '/update.gz'
    response
      .writeHead(isHere ? 200 : 404, { 'Content-Length': isHere ? bytes.length : 0 })
      .end(isHere ? bytes : undefined)
  })
  args[1] = `${plain.url}${file}`
  expect(await platte(args, job())).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Published 1\.1\.0/) })
  const referenced = await platte([...args, '--reference'], job())
  expect([referenced.code, referenced.stderr]).toEqual([2, expect.stringContaining('signs only what it has read')])
  await plain.close()
})

test('a release without a file needs no upload', async () => {
  const store = { PLATTE_STORE: 'file:store', PLATTE_KEYS: 'keys', PLATTE_ROOT: pin }
  const format2 = ['root format 2 --oldest-reader 0.2.0 --out root.json', 'root sign root.json --key offline/root.jwk']
  for (const words of [...format2, 'root publish root.jws']) await platte(words.split(' '), store)
  const oci = `quay.io/fedora/fedora-coreos@sha256:${'0'.repeat(64)}`
  const args = ['publish', '--oci', oci, ...publish.slice(2, -2), 'x86_64', '--create-board', '--json']
  const dry = await platte([...args, '--dry-run'], job())
  expect(JSON.parse(dry.stdout)).toMatchObject({ kind: 'dry-run', packages: [], image: { oci } })
  const done = await platte(args, job())
  expect(JSON.parse(done.stdout)).toMatchObject({ kind: 'published', packages: [], image: { oci }, rule: 'os-stable' })
})

test('edits use the endpoint, too', async () => {
  const dry = await platte(['channel', 'create', 'staging', '--dry-run', '--json'], job())
  expect(JSON.parse(dry.stdout)).toMatchObject({ kind: 'dry-run', seq: 1 })
  const made = await platte(['channel', 'create', 'staging'], job())
  expect(made).toMatchObject({ code: 0, stdout: 'staging updated (revision 1). Live within 1 minute.\n' })
  const promoted = await platte(['promote', '1.0.0', '--from', 'stable', '--to', 'staging'], job())
  expect(promoted.stdout).toContain('staging updated (revision 2).')
  const held = await platte(['hold', '1.0.0', '--channel', 'staging', '--reason', 'boot loop'], job())
  expect(held.stdout).toContain('+ hold')
})

test('what reaches more machines is confirmed here before it is sent', async () => {
  const unhold = ['unhold', '1.0.0', '--channel', 'staging']
  const asked = await platte(unhold, job())
  expect([asked.code, asked.stderr]).toEqual([2, expect.stringContaining('1.0.0 goes from 0 % to 100 % of machines')])
  const lifted = await platte([...unhold, '--yes'], job())
  expect([lifted.code, lifted.stdout]).toEqual([0, expect.stringContaining('- hold of 1.0.0: boot loop')])
})

test.each<readonly [string, readonly string[], Record<string, unknown>, Record<string, string>, number, RegExp]>([
  [
    'a rule that does not allow it',
    ['prune', '--channel', 'stable'],
    {},
    {},
    3,
    /rule os-stable: allows .*, not prune/,
  ],
  ['another environment', publish, { environment: 'test' }, {}, 3, /rule os-stable: claim environment is "test"/],
  ['another channel', ['hold', '1.0.0', '--channel', 'alpha', '--reason', 'x'], {}, {}, 3, /not .*\/alpha/],
  ['what the channel refuses', ['ramp', '9.9', '--channel', 'stable', '--over', '2h'], {}, {}, 3, /no release "9.9"/],
  ['a token for somebody else', publish, { aud: 'https://elsewhere.example' }, {}, 4, /claim aud/],
  [
    'no token',
    publish,
    {},
    { ACTIONS_ID_TOKEN_REQUEST_URL: '' },
    4,
    /no identity token\nhint: GitHub: permissions: id-token: write/,
  ],
  [
    'an endpoint that others on the way can read',
    publish,
    {},
    { PLATTE_ENDPOINT: 'http://updates.example.org' },
    2,
    /PLATTE_ENDPOINT.*gets no token: it would travel unencrypted\nhint: use https/,
  ],
  ['no such endpoint', publish, {}, { PLATTE_ENDPOINT: 'http://127.0.0.1:9' }, 1, /did not answer/],
])('%s', async (_, args, said, env, code, words) => {
  claims = said
  const ended = await platte(args, { ...job(), ...env })
  claims = {}
  expect([ended.code, ended.stderr]).toEqual([code, expect.stringMatching(words)])
  expect(ended.stderr).not.toContain('canary')
})

test('a policy can be tested without a server', async () => {
  writeFileSync(join(dir, 'token'), await issuer.token())
  const check = ['policy', 'check', '--publish-policy', 'file:policy.json', '--claims', 'token', '--app', app]
  expect(await platte([...check, '--channel', 'stable'])).toMatchObject({
    code: 0,
    stdout: `rule os-stable allows publish in ${app}/stable\n`,
  })
  const refused = await platte([...check, '--channel', 'alpha'])
  expect([refused.code, refused.stderr]).toEqual([3, expect.stringContaining('rule os-stable: is for')])
})
