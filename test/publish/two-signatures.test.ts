/**
 * Two signatures as docs/keys.md and docs/ci.md set them up: the store by their own blocks, a server with one release key,
 * and a pipeline with the other that reaches nothing but the endpoint.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { parse } from 'yaml'
import { actions } from '../../src/channels/commands.ts'
import { generateKey } from '../../src/trust/keys.ts'
import { runBash } from '../infra/runner.ts'
import { payloadText } from '../payloads.ts'
import { app } from '../world.ts'
import { audience, policyFor, startIssuer } from './issuer.ts'

const main = inject('cli')
const folder = mkdtempSync(join(tmpdir(), 'platte-two-'))
const job = join(folder, 'job')
const issuer = await startIssuer()
let server: ChildProcess | undefined
let endpoint = ''
let pipeline: Readonly<Record<string, string>> = {}

const docs = (name: string) => readFileSync(resolve(import.meta.dirname, '../../docs', name), 'utf8')
/** The blocks of a section, as somebody copies them. */
function blocksOf(name: string, heading: string, kind: string): readonly string[] {
  const section = docs(name).split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  return [...section.matchAll(new RegExp(`^ *\`\`\`${kind}\\n([\\s\\S]*?)^ *\`\`\`$`, 'gm'))].map(
    ([, text = '']) => text,
  )
}

beforeAll(async () => {
  for (const name of [join(folder, 'bin'), job]) mkdirSync(name)
  writeFileSync(join(folder, 'bin/platte'), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`, { mode: 0o755 })
  const PATH = `${join(folder, 'bin')}:${process.env.PATH}`
  const [channels = ''] = blocksOf('ci.md', 'Set it up', 'sh test')
  const [second = ''] = blocksOf('keys.md', 'Require two signatures', 'sh test')
  const lines = ['set -euo pipefail', channels, second, 'echo "pin $PLATTE_ROOT"'].join('\n')
  const made = await runBash(['-c', lines], { cwd: folder, env: { PATH } })
  expect(made).toMatchObject({ status: 0 })
  const pin = /^pin (\S+)$/m.exec(made.stdout)?.[1] ?? ''
  await serve({ PATH, PLATTE_ROOT: pin })
  const [said = ''] = blocksOf('ci.md', 'Require two signatures', 'yaml')
  const { env } = parse(said) as { readonly env: Readonly<Record<string, string>> }
  const secret = readFileSync(join(folder, 'keys/release-b.jwk'), 'utf8')
  const known = { 'secrets.RELEASE_JWK': secret }
  const filled = Object.entries(env).map(([name, value]) => [
    name,
    value.replace(/^\$\{\{ (\S+) \}\}$/, (_, one: keyof typeof known) => known[one]),
  ])
  pipeline = { PATH, PLATTE_YES: '1', PLATTE_APP: app, PLATTE_ENDPOINT: endpoint, PLATTE_AUDIENCE: audience }
  pipeline = { ...pipeline, ...Object.fromEntries(filled), PLATTE_ROOT: pin }
  for (const [name, text] of [
    ['update.gz', payloadText('1')],
    ['oem.gz', 'an extra'],
    ['notes.md', '# 1'],
    ['c.json', '{"kernel":"6"}'],
  ])
    writeFileSync(join(job, name ?? ''), text ?? '')
})

/** With one release key, as ci.md gives it; the other is nowhere near. */
async function serve(env: Readonly<Record<string, string>>): Promise<void> {
  const policy = { v: 1, ...policyFor(issuer, { allow: [`${app}/*`], actions }) }
  writeFileSync(join(folder, 'policy.json'), JSON.stringify(policy))
  const keys = { PLATTE_RELEASE_KEY: 'keys/release.jwk', PLATTE_TIMESTAMP_KEY: 'keys/timestamp.jwk' }
  // A CDN that pipelines do not reach.
  const own = {
    PLATTE_PACKAGES_URL: 'http://127.0.0.1:9',
    PLATTE_STORE: 'file:store',
    PLATTE_PUBLISH_POLICY: 'file:policy.json',
    PORT: '0',
  }
  server = spawn(process.execPath, [main, 'serve'], { cwd: folder, env: { ...env, ...keys, ...own } })
  for await (const line of createInterface(server.stderr as NodeJS.ReadableStream)) {
    endpoint = /listening on (\S+)\/v1\/update\//.exec(line)?.[1] ?? ''
    if (endpoint) return
  }
  throw new Error('platte serve did not start')
}

afterAll(() => {
  server?.kill('SIGKILL')
  issuer.close()
  rmSync(folder, { recursive: true })
})

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A command in the job, with its variables. */
async function platte(words: string, variables = pipeline): Promise<Ended> {
  const env = { ...variables, PLATTE_ID_TOKEN: await issuer.token() }
  return new Promise((done) => {
    execFile(process.execPath, [main, ...words.split(' ')], { cwd: job, env }, (error, stdout, stderr) =>
      done({ code: error ? Number(error.code) : 0, stdout, stderr }),
    )
  })
}

/** The job without its key. */
function keyless(): typeof pipeline {
  const { PLATTE_RELEASE_KEY: _, RELEASE_JWK: __, ...without } = pipeline
  return without
}

/** How many signatures the manifest of an answer has. */
async function signatures({ stdout }: Ended): Promise<number> {
  const { manifest } = JSON.parse(stdout) as { readonly manifest: string }
  const envelope = (await (await fetch(manifest)).json()) as { readonly signatures: readonly unknown[] }
  return envelope.signatures.length
}

const publish = 'publish update.gz oem.gz --channel beta --version 1.0.0'
/** What the release key signs, in an order in which each is a change. */
const signed: readonly string[] = [
  `${publish} --board amd64-usr --notes notes.md --components c.json --cve CVE-2026-0001 --ramp-over 48h`,
  `${publish} --board arm64-usr --create-board`,
  'publish update.gz --channel new --version 1.0.0 --board any --create --create-board',
  'publish update.gz --channel beta --version 2.0.0 --board amd64-usr',
  'publish update.gz --channel beta --version 3.0.0 --board amd64-usr',
  'promote 1.0.0 --from beta --to stable --ramp-over 48h',
  'ramp 1.0.0 --channel stable --over 24h --lower',
  'ramp 1.0.0 --channel stable --finish',
  'window --channel stable --days Mon-Thu --from 22:00 --to 04:00 --time-zone Europe/Berlin',
  'window --channel stable --remove',
  'target 1.0.0 --channel stable --not-oem pxe',
  'withdraw 3.0.0 --channel beta --reason broken',
  'withdraw 3.0.0 --channel beta --undo',
  'floor 2.0.0 --channel beta --reason first',
  'floor 2.0.0 --channel beta --undo',
  'dead-end 1.0.0 --channel beta --reason end',
  'rollback 3.0.0 --channel beta --reason broken',
  'rollback 3.0.0 --channel beta --undo',
  'channel create lts --description slow --alias old',
  'channel edit lts --alias older',
  'follow beta --channel lts --after 7d',
  'follow --stop --channel lts',
  'channel delete lts',
  'prune --channel beta --keep 1',
]

test.each(signed)('%s', async (words) => {
  const ended = await platte(`${words} --json`)
  expect([ended.code, ended.stderr]).toEqual([0, expect.not.stringContaining('error')])
  expect(JSON.parse(ended.stdout).kind).toMatch(/^(published|changed)$/)
  expect(await signatures(ended)).toBe(2)
})

test('a repetition changes nothing', async () => {
  const again = 'publish update.gz --channel new --version 1.0.0 --board any'
  expect(await platte(again)).toMatchObject({ code: 0, stdout: expect.stringContaining('No change') })
  expect(await platte('promote 1.0.0 --from new --to stable --board any --dry-run')).toMatchObject({ code: 0 })
})

test.each([
  'hold 1.0.0 --channel new --reason broken',
  'unhold 1.0.0 --channel new',
  'ramp --pause --channel new',
  'ramp --resume --channel new',
])('%s: the endpoint alone', async (words) => {
  expect(await platte(words, keyless())).toMatchObject({ code: 0, stdout: expect.stringContaining('updated') })
  expect(await platte(words)).toMatchObject({ code: 0, stdout: expect.stringContaining('No change') })
})

test('renaming is refused, and says what to do', async () => {
  const { code, stderr } = await platte('channel rename new newer')
  expect([code, stderr]).toEqual([3, expect.stringContaining('hint: create a channel with the new name')])
})

test('neither ships alone', async () => {
  const words = 'withdraw 1.0.0 --channel new --reason broken'
  expect(await platte(words, keyless())).toMatchObject({ code: 4, stderr: expect.stringContaining('release keys') })
  const RELEASE_JWK = JSON.stringify(await generateKey('EdDSA'))
  expect(await platte(words, { ...pipeline, RELEASE_JWK })).toMatchObject({ code: 4 })
  expect(await platte(words)).toMatchObject({ code: 0 })
})
