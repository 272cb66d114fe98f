/** What reaches more machines at once asks on a terminal: a real one, made by `script`. The scene `reach` has the rest. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { payloadText } from '../payloads.ts'
import { atTerminal } from './at-terminal.ts'

const main = inject('cli')
let folder: string
let env: Record<string, string | undefined>

const platte = (words: string) =>
  spawnSync(process.execPath, [main, ...words.split(' ')], { cwd: folder, env, encoding: 'utf8' })

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'platte-confirm-'))
  env = { PATH: process.env.PATH, HOME: folder, PLATTE_STORE: 'file:store', PLATTE_KEYS: 'keys', PLATTE_APP: 'my.app' }
  env.PLATTE_ROOT = /PLATTE_ROOT=(.*)/.exec(platte('init').stdout)?.[1]
  for (const [version, ramp] of [
    ['1.0.0', '--create-board'],
    ['2.0.0', '--ramp-over 365d'],
  ]) {
    writeFileSync(join(folder, 'update.gz'), payloadText(version))
    platte(`publish update.gz --channel stable --version ${version} --board any --create ${ramp}`)
  }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const answering = (words: string, answer: string) => atTerminal(main, { words, cwd: folder, env }, [answer])

const finish = 'ramp 2.0.0 --channel stable --finish'
const question = /2\.0\.0 goes from [\d.]+ % to 100 % of machines at once\r\n.*Go on\? \[y\/N\]/
const ctrl = (letter: string): string => String.fromCharCode(letter.charCodeAt(0) - 64)

test.each([
  ['no', 'n\r'],
  ['a line without words', '\r'],
  ['another word', 'yeah\r'],
  ['Ctrl-C', ctrl('C')],
  ['Ctrl-D', ctrl('D')],
])('%s changes nothing', { timeout: 60_000 }, async (_, answer) => {
  const { code, shown } = await answering(finish, answer)
  expect([code, shown]).toEqual([3, expect.stringMatching(question)])
  expect(shown).toContain('error: not confirmed: nothing was written')
  expect(platte('history --channel stable --json').stdout).not.toContain('"seq":3')
})

test('yes goes on; what was done asks no more', { timeout: 60_000 }, async () => {
  const { code, shown } = await answering(finish, 'y\r')
  expect([code, shown]).toEqual([0, expect.stringMatching(question)])
  expect(shown).toContain('stable updated (revision 3)')
  const again = await answering(finish, 'n\r')
  expect([again.code, again.shown]).toEqual([0, expect.not.stringContaining('[y/N]')])
})

test('a rollback asks, a hold and --yes do not', { timeout: 60_000 }, async () => {
  const rollback = await answering('rollback 2.0.0 --channel stable --reason loop', 'n\r')
  expect([rollback.code, rollback.shown]).toEqual([3, expect.stringContaining('go back to 1.0.0 at once')])
  const hold = await answering('hold 2.0.0 --channel stable --reason loop', 'n\r')
  expect([hold.code, hold.shown]).toEqual([0, expect.not.stringContaining('[y/N]')])
  const unhold = await answering('unhold 2.0.0 --channel stable --yes', 'n\r')
  expect([unhold.code, unhold.shown]).toEqual([0, expect.stringContaining('goes from 0 % to 100 %')])
})
