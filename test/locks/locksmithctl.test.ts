/**
 * The real locksmithctl against a server over a folder, as a transcript: `$` what was run, `>` stdout, `!` stderr, `=` the
 * exit code. Only where PLATTE_LOCKSMITH names the binaries: `.ci/locksmith run npm test -- test/locks/locksmithctl.test.ts`.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startServer } from '../../src/runtime/node.ts'
import type { Running } from '../../src/runtime/server.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import { openStore } from '../../src/runtime/store.ts'
import { lockTokens, makeSceneStore } from '../scenes/fixture.ts'
import { locksmiths } from './real-machines.ts'

const binary = locksmiths && join(locksmiths, 'coreos-0.6.2/locksmithctl')
const file = join(import.meta.dirname, 'locksmithctl.txt')
let running: Running
let dir: string

beforeAll(async () => {
  if (binary === '') return
  dir = await mkdtemp(join(tmpdir(), 'platte-locksmith-'))
  const { documents, packages } = await openStore({ kind: 'file', dir })
  const { publisher, pin } = await makeSceneStore(documents, packages)
  const env = {
    PLATTE_STORE: `file:${dir}`,
    PLATTE_ROOT: pin,
    PORT: '0',
    PLATTE_LOCKS: 'on',
    PLATTE_LOCKS_CREATE: 'on',
    PLATTE_LOCK_TOKENS: lockTokens,
  }
  running = await startServer(readSettings(env, ['store', 'pin']), publisher)
})
afterAll(async () => {
  if (binary === '') return
  await running.stop()
  await rm(dir, { recursive: true })
})

const lines = (prefix: string, text: string): string[] =>
  text.split('\n').flatMap((line) => (line === '' ? [] : [`${prefix} ${line}`]))

/** Panics and addresses apart, the same each time: indexes are written as N. */
function run(command: string): Promise<string> {
  const words = command.split(' ').map((word) => word.replace('SERVER', running.url).replace('_', ' '))
  return new Promise((resolve) => {
    execFile(binary, words, { timeout: 120_000 }, (error, stdout, stderr) => {
      const told = [`$ ${command}`, ...lines('>', stdout), ...lines('!', stderr), `= ${error?.code ?? 0}`]
      resolve(told.join('\n').replace(/\b\d{13}\b/g, 'N'))
    })
  })
}

test.skipIf(binary === '')('locksmithctl prints what its transcript records', async () => {
  const text = await readFile(file, 'utf8')
  const played: string[] = []
  for (const line of text.split('\n')) {
    if (line.startsWith('$ ')) played.push(await run(line.slice(2)))
    else if (!/^[>!=]/.test(line)) played.push(line)
  }
  const got = played.join('\n')
  if (process.env.UPDATE) await writeFile(file, got)
  else expect(got).toBe(text)
})
