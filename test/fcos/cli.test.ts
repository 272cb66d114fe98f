/** `platte adopt` of a stream, as processes: dry, once, again, withheld; and what does not go with it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type Builds, startBuilds, updatesPath, versions } from './streams.ts'

const folder = mkdtempSync(join(tmpdir(), 'platte-fcos-'))
const env: NodeJS.ProcessEnv = { PATH: process.env.PATH, HOME: folder, NO_COLOR: '1', PLATTE_STORE: 'file:store' }
Object.assign(env, { PLATTE_KEYS: 'keys', PLATTE_APP: 'fedora-coreos' })
let builds: Builds

async function platte(...args: readonly string[]) {
  const one = spawn(process.execPath, [inject('cli'), ...args], { cwd: folder, env })
  const [out, talk, [code]] = await Promise.all([text(one.stdout), text(one.stderr), once(one, 'close')])
  return { code, out, talk }
}

beforeAll(async () => {
  builds = await startBuilds()
  env.PLATTE_ROOT = (await platte('init')).out.trim().replace('PLATTE_ROOT=', '')
})
afterAll(async () => {
  await builds.close()
  rmSync(folder, { recursive: true })
})

const adopt = (...more: readonly string[]) => platte('adopt', builds.place, '--as', 'stable', ...more)

test('a store that older readers may read has no room for it, and the hint says what makes it', async () => {
  const { code, talk } = await adopt('--create')
  expect([code, talk]).toEqual([3, expect.stringMatching(/needs format 2.*hint: .*platte root format 2/s)])
  await platte('root', 'format', '2', '--oldest-reader', '0.2.0', '--out', 'root-2.json')
  await platte('root', 'sign', 'root-2.json', '--key', 'keys/root.jwk', '--out', 'root-2.jws')
  expect(await platte('root', 'publish', 'root-2.jws')).toMatchObject({ code: 0 })
})

test('dry, once, and again', async () => {
  const dry = await adopt('--create', '--dry-run')
  expect(dry).toMatchObject({ code: 0, talk: '' })
  expect(dry.out).toContain('Dry run: stable would become revision 1. Nothing written.')
  for (const version of [versions.end, versions.barrier, versions.good, versions.next])
    expect(dry.out).toContain(version)
  expect(dry.out).not.toContain(versions.unmarked)
  expect(await adopt('--create')).toMatchObject({
    code: 0,
    out: expect.stringContaining('stable updated (revision 1)'),
  })
  expect(await adopt()).toMatchObject({ code: 0, out: 'No change: stable is already at revision 1.\n' })
  expect(await platte('verify')).toMatchObject({ code: 0 })
})

test('what the upstream paused exits with 3, and what it is with JSON', async () => {
  builds.otherwise.set(updatesPath, { stream: 'stable', metadata: {}, releases: [] })
  expect(await adopt('--boards', 'x86_64', '--json')).toMatchObject({
    code: 3,
    out: expect.stringContaining('channel stable: offers nothing for x86_64'),
  })
  builds.otherwise.delete(updatesPath)
})

test.each<[string[], RegExp]>([
  [['fedora-coreos/stable'], /^error: such a server has no APP\/CHANNEL.*hint: platte adopt fcos:\S+ --as stable\n$/s],
  [['--floor', '--reason', 'x'], /^error: --floor: its floors come with it/],
  [['--channel', 'next'], /^error: http:\S+, channel stable: has no channel "next"/],
  [['--releases-json', 'releases.json'], /^error: the list of releases is not a plain http\(s\) URL/],
])('%j is wrong usage', async (more, words) => {
  expect(await adopt(...more)).toMatchObject({ code: 2, talk: expect.stringMatching(words) })
})
