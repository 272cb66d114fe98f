/** Adopting from a recorded Nebraska on the command line: once, while serving, and by a publish function. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { type Nebraska, nebraska, recording } from '../nebraska.ts'
import { policyFor, startIssuer } from '../publish/issuer.ts'

const app = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'
const main = inject('cli')
const folder = mkdtempSync(join(tmpdir(), 'platte-adopt-'))
const issuer = await startIssuer()
const env: NodeJS.ProcessEnv = { PATH: process.env.PATH, HOME: folder, NO_COLOR: '1', PORT: '0', PLATTE_APP: app }
let upstream: Nebraska
const servers: ChildProcess[] = []

async function platte(more: NodeJS.ProcessEnv, ...args: readonly string[]) {
  const one = spawn(process.execPath, [main, ...args], { cwd: folder, env: { ...env, ...more } })
  const [out, talk, [code]] = await Promise.all([text(one.stdout), text(one.stderr), once(one, 'close')])
  return { code, out, talk }
}

/** A store with its own keys. @returns what opens it. */
async function newStore(name: string): Promise<NodeJS.ProcessEnv> {
  const store = { PLATTE_STORE: `file:${name}`, PLATTE_KEYS: `${name}-keys` }
  const { out } = await platte(store, 'init', '--root-keys', `${name}-offline`)
  return { ...store, PLATTE_ROOT: out.trim().replace('PLATTE_ROOT=', '') }
}

/** @returns the URL. */
async function serve(more: NodeJS.ProcessEnv, ...args: readonly string[]): Promise<string> {
  const server = spawn(process.execPath, [main, 'serve', ...args], { cwd: folder, env: { ...env, ...more } })
  servers.push(server)
  server.stdout.resume()
  for await (const line of createInterface({ input: server.stderr })) {
    const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(line) ?? []
    if (url) return url
  }
  throw new Error('it does not listen')
}

/** The answer to a recorded machine, and the package that it names. */
async function asked(url: string, name: string) {
  const response = await fetch(`${url}/v1/update/`, { method: 'POST', body: recording(`server/${name}.request.xml`) })
  const answer = await response.text()
  const told = recording(`server/${name}.response.xml`)
  const of = (xml: string, attribute: string): string[] =>
    [...xml.matchAll(new RegExp(` ${attribute}="([^"]*)"`, 'g'))].map(([, value = '']) => value)
  return ['version', 'name', 'hash', 'size', 'sha256'].map((one) => [of(answer, one), of(told, one)] as const)
}

async function sameAsRecorded(url: string): Promise<void> {
  for (const name of ['client-amd64-below-floor', 'client-amd64-at-floor', 'client-amd64-current'])
    for (const [found, told] of await asked(url, name)) expect(found).toEqual(told)
}

const from = () =>
  ['adopt', `omaha:${upstream.url}v1/update/`, '--channel', 'stable', '--boards', 'amd64-usr,arm64-usr'] as const

beforeAll(async () => {
  upstream = await nebraska()
})
afterAll(async () => {
  for (const one of servers) one.kill('SIGKILL')
  await upstream.close()
  await issuer.close()
  rmSync(folder, { recursive: true, force: true })
})

test('once: a dry run writes nothing, the first run publishes, the second changes nothing', async () => {
  const store = await newStore('once')
  const dry = await platte(store, ...from(), '--as', 'stable', '--create', '--dry-run')
  expect([dry.code, dry.out]).toEqual([
    0,
    expect.stringMatching(/Dry run: stable would become revision 1\. Nothing written\.\n$/),
  ])
  expect(readdirSync(join(folder, 'once'))).not.toContain('packages')
  expect(upstream.files()).toEqual([])
  const first = await platte(store, ...from(), '--as', 'stable', '--create')
  expect([first.code, first.talk, first.out]).toEqual([
    0,
    '',
    expect.stringMatching(/stable updated \(revision 1\)\. Live within 1 minute\.\n$/),
  ])
  const again = await platte(store, ...from(), '--as', 'stable')
  expect([again.code, again.out]).toEqual([0, 'No change: stable is already at revision 1.\n'])
  expect(upstream.files()).toHaveLength(5)
  await sameAsRecorded(await serve(store))
})

test('a board that the upstream refuses is named, and the others are adopted', async () => {
  const store = await newStore('partly')
  const paused = recording('server/client-unknown-group.response.xml')
  upstream.otherwise.answer = ({ board }) => (board === 'arm64-usr' ? paused : undefined)
  const { code, out, talk } = await platte(store, ...from(), '--as', 'stable', '--create')
  expect([code, out]).toEqual([3, expect.stringMatching(/stable updated \(revision 1\)/)])
  expect(talk).toMatch(/error: not adopted: arm64-usr\n/)
  upstream.otherwise.answer = () => undefined
})

test('what is missing or does not go together is said before anything is asked', async () => {
  const store = await newStore('usage')
  const asks = upstream.asked.length
  const place = `omaha:${upstream.url}v1/update/`
  const refused = async (...args: readonly string[]) => {
    const { code, talk } = await platte(store, 'adopt', ...args, '--as', 'stable')
    return [code, talk.split('\n')[0]]
  }
  expect(await refused(place)).toEqual([2, 'error: --channel and --boards are missing'])
  expect(await refused(place, `${app}/stable`)).toEqual([
    2,
    'error: such a server has no APP/CHANNEL: name the app with --app',
  ])
  expect(await refused(upstream.url)).toEqual([2, 'error: APP/CHANNEL of the upstream is missing'])
  expect(await refused(upstream.url, `${app}/stable`, '--channel', 'x')).toEqual([
    2,
    'error: --channel is for other servers than a Platte',
  ])
  expect(upstream.asked).toHaveLength(asks)
})

test('while serving: the channels of a file fill themselves', async () => {
  const store = await newStore('served')
  const place = `omaha:${upstream.url}v1/update/`
  writeFileSync(
    join(folder, 'adopt.toml'),
    `every = "1h"
[[adopt]]
upstream = "${place}"
channel = "stable"
boards = ["amd64-usr", "arm64-usr"]
as = "stable"
create = true
[[adopt]]
upstream = "${place}"
channel = "frozen"
boards = ["arm64-usr"]
as = "frozen"
create = true
`,
  )
  const url = await serve(store, '--adopt', 'adopt.toml')
  await vi.waitFor(() => sameAsRecorded(url), { timeout: 120_000, interval: 500 })
})

test('while serving: another Platte and an Omaha server in one file, each for itself', async () => {
  const origin = await newStore('origin')
  await platte(origin, ...from(), '--as', 'stable', '--create')
  const there = await serve(origin)
  const store = await newStore('both')
  const wrong = `1:sha256:${'0'.repeat(64)}`
  const entry = (lines: string): string => `[[adopt]]\nchannel = "stable"\ncreate = true\n${lines}\n`
  writeFileSync(
    join(folder, 'both.toml'),
    [
      entry(`upstream = "${there}"\nroot = "${wrong}"\nas = "wrong"`),
      entry(`upstream = "${there}"\nroot = "${origin.PLATTE_ROOT}"\nas = "stable"`),
      entry(`upstream = "omaha:${upstream.url}v1/update/"\nboards = ["amd64-usr"]\nas = "beta"`),
    ].join(''),
  )
  const url = await serve(store, '--adopt', 'both.toml')
  await vi.waitFor(() => sameAsRecorded(url), { timeout: 120_000, interval: 500 })
  const shown = async () => (await platte(store, 'show')).out
  await vi.waitFor(async () => expect(await shown()).toMatch(/beta/), { timeout: 60_000, interval: 500 })
  expect(await shown()).not.toMatch(/wrong/)
  const again = await platte(
    store,
    'adopt',
    there,
    `${app}/stable`,
    '--as',
    'stable',
    '--upstream-root',
    origin.PLATTE_ROOT ?? '',
  )
  expect([again.code, again.out]).toEqual([0, 'No change: stable is already at revision 1.\n'])
})

test.each([
  ['adopt --watch', [...'--as stable --create --watch 30d'.split(' ')]],
  ['serve --adopt', undefined],
])('%s: a pause that is longer than a timer can wait is a pause', async (name, flags) => {
  const store = await newStore(name.replace(' --', '-'))
  const place = `omaha:${upstream.url}v1/update/`
  const entry = 'channel = "stable"\nboards = ["amd64-usr"]\nas = "stable"\ncreate = true'
  writeFileSync(join(folder, 'slow.toml'), `every = "30d"\n[[adopt]]\nupstream = "${place}"\n${entry}\n`)
  const args = flags ? [...from(), ...flags] : ['serve', '--adopt', 'slow.toml']
  const one = spawn(process.execPath, [main, ...args], { cwd: folder, env: { ...env, ...store } })
  servers.push(one)
  let said = ''
  for (const stream of [one.stdout, one.stderr]) stream.on('data', (chunk) => (said += chunk))
  await vi.waitFor(() => expect(said).toMatch(/stable updated|"event":"adopt"/), { timeout: 60_000, interval: 500 })
  one.kill()
  await once(one, 'close')
  expect(said).not.toMatch(/already at|unchanged|TimeoutOverflowWarning/)
  if (!flags) expect(said).toContain(`"channel":"stable","upstream":"${new URL(upstream.url).origin}"`)
})

test.each([
  ['every = 3', /adopt\.toml: every/],
  ['every = "30s"', /adopt\.toml: every: must be a duration such as 30m, 1h or 7d/],
  ['[[adopt]]\nupstream = "ftp://x/"', /adopt\.toml: adopt\.0\.upstream: must be like omaha:/],
  ['[[adopt]]\nupstream = "https://x/"\nchannel = "a"\nas = "a"', /adopt\.0\.root: not a pin of a root: ""/],
  [
    '[[adopt]]\nupstream = "https://x/"\nchannel = "a"\nas = "a"\nroot = "1:x"',
    /adopt\.0\.root: not a pin of a root: "1:x"/,
  ],
  ['[[adopt]]\nupstream = "https://me:pw@x/"', /adopt\.0\.upstream: holds credentials/],
  [
    `[[adopt]]\nupstream = "https://x/"\nchannel = "a"\nas = "a"\nroot = "1:sha256:${'0'.repeat(64)}"\nheld = "b"`,
    /adopt\.0\.held/,
  ],
  ['[[adopt]', /adopt\.toml line 1: is not TOML/],
  [
    '[[adopt]]\nupstream = "omaha:https://x/"\nchannel = "a"\nboards = []\nas = "a"',
    /adopt\.0\.boards: names no board/,
  ],
])('a file that says %j is refused at the start', async (content, words) => {
  writeFileSync(join(folder, 'adopt.toml'), content)
  const { code, talk } = await platte({ ...(await newStore(`bad${content.length}`)) }, 'serve', '--adopt', 'adopt.toml')
  expect([code, talk]).toEqual([2, expect.stringMatching(words)])
})

test('by a publish function: a pipeline that may adopt downloads, uploads and asks for one change', async () => {
  const { PLATTE_STORE: _, PLATTE_KEYS: __, ...pin } = await newStore('function')
  const policy = { v: 1, ...policyFor(issuer, { actions: ['adopt'], allow: [`${app}/stable`] }) }
  writeFileSync(join(folder, 'policy.json'), JSON.stringify(policy))
  const store = { ...pin, PLATTE_STORE: 'file:function', PLATTE_KEYS: 'function-keys' }
  const url = await serve({ ...store, PLATTE_PUBLISH_POLICY: 'file:policy.json' })
  const job = async () => ({
    ...pin,
    ...{ PLATTE_ENDPOINT: url, PLATTE_AUDIENCE: 'https://updates.example.org', PLATTE_ID_TOKEN: await issuer.token() },
  })
  const first = await platte(await job(), ...from(), '--as', 'stable', '--create')
  expect([first.code, first.talk, first.out]).toEqual([0, '', expect.stringMatching(/stable updated \(revision 1\)/)])
  await sameAsRecorded(url)
  const read = upstream.files().length
  const again = await platte(await job(), ...from(), '--as', 'stable')
  expect([again.code, again.out]).toEqual([0, 'No change: stable is already at revision 1.\n'])
  expect(upstream.files()).toHaveLength(read)
  const elsewhere = await platte(await job(), ...from(), '--as', 'beta', '--create')
  expect([elsewhere.code, elsewhere.talk]).toEqual([3, expect.stringMatching(/the policy does not let this token/)])
  const refused = await platte(await job(), ...from(), '--as', 'stable', '--packages', 'reference')
  expect([refused.code, refused.talk]).toEqual([2, expect.stringMatching(/signs only what it has read/)])
})
