/** `platte adopt` of update URLs, as processes: dry, once, again, and while serving. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { app, publishThere, type Scene, scene } from './scene.ts'

const folder = mkdtempSync(join(tmpdir(), 'platte-update-url-'))
const env: NodeJS.ProcessEnv = { PATH: process.env.PATH, HOME: folder, NO_COLOR: '1', PORT: '0' }
let there: Scene
let server: ChildProcess | undefined

async function platte(...args: readonly string[]) {
  const one = spawn(process.execPath, [inject('cli'), ...args], { cwd: folder, env })
  const [out, talk, [code]] = await Promise.all([text(one.stdout), text(one.stderr), once(one, 'close')])
  return { code, out, talk }
}

beforeAll(async () => {
  there = await scene()
  await publishThere(there.origin, '1.0')
  Object.assign(env, { PLATTE_STORE: 'file:store', PLATTE_KEYS: 'keys', PLATTE_APP: app })
  env.PLATTE_ROOT = (await platte('init')).out.trim().replace('PLATTE_ROOT=', '')
})
afterAll(async () => {
  server?.kill('SIGKILL')
  await there.close()
  rmSync(folder, { recursive: true })
})

const words = (kind: string, path: string) =>
  ['adopt', `${kind}:${there.url}/service/update2/${path}`, '--channel', 'stable', '--boards', 'any'] as const

test.each([
  ['gupdate', 'crx', 'one'],
  ['omaha-json', 'json', 'two'],
])('%s: dry, once, and again', async (kind, path, channel) => {
  const run = (...more: string[]) => platte(...words(kind, path), '--as', channel, '--create', ...more)
  expect((await run('--dry-run')).out).toContain(`Dry run: ${channel} would become revision 1. Nothing written.`)
  expect(await run()).toMatchObject({ code: 0, out: expect.stringContaining(`${channel} updated (revision 1)`) })
  expect(await run()).toMatchObject({ code: 0, out: `No change: ${channel} is already at revision 1.\n` })
  expect(readdirSync(join(folder, 'store/packages', app, '1.0'))).toEqual(['any'])
})

test('what is missing is said with an example of this kind', async () => {
  const { code, talk } = await platte('adopt', 'gupdate:https://x.example/', '--as', 'one')
  expect([code, talk]).toEqual([
    2,
    expect.stringMatching(/--channel and --boards are missing\n.*--boards any --as prod/),
  ])
})

test('while serving', async () => {
  const entry = 'channel = "stable"\nboards = ["any"]\nas = "served"\ncreate = true'
  const upstream = `gupdate:${there.url}/service/update2/crx`
  writeFileSync(join(folder, 'adopt.toml'), `[[adopt]]\nupstream = "${upstream}"\n${entry}\n`)
  server = spawn(process.execPath, [inject('cli'), 'serve', '--adopt', 'adopt.toml'], { cwd: folder, env })
  let said = ''
  for (const stream of [server.stdout, server.stderr]) stream?.on('data', (chunk) => (said += chunk))
  const line = `"event":"adopt","app":"${app}","channel":"served","upstream":"${there.url}","kind":"changed","seq":1`
  await vi.waitFor(() => expect(said).toContain(line), { timeout: 60_000, interval: 200 })
})
