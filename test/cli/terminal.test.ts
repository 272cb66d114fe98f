/** What a terminal, a pipe and a script see. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { estimator } from '../../src/cli/estimate.ts'
import { alignedIn } from '../../src/cli/terminal.ts'

const dir = mkdtempSync(join(tmpdir(), 'platte-terminal-'))
afterAll(() => rmSync(dir, { recursive: true }))

const env = (more: object) => ({ PATH: process.env.PATH, HOME: dir, PLATTE_STORE: 'file:store', ...more })
const platte = (words: readonly string[], { env: more = {}, node = [] as readonly string[] } = {}) =>
  spawnSync(process.execPath, [...node, inject('cli'), ...words], { cwd: dir, env: env(more), encoding: 'utf8' })
/** The same in a pipe, or with a redirection. */
const shell = (words: string) =>
  spawnSync('bash', ['-o', 'pipefail', '-c', `"${process.execPath}" "${inject('cli')}" ${words}`], {
    ...{ cwd: dir, env: env(pin), encoding: 'utf8' },
  })
/** The same on a terminal of 100 columns; both streams are one. */
const onTerminal = (words: string, more: object = {}) =>
  spawnSync('script', ['-qec', `stty cols 100; "${process.execPath}" "${inject('cli')}" ${words}`, '/dev/null'], {
    ...{ cwd: dir, env: env({ TERM: 'xterm-256color', ...more }), encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
  })

const made = platte(['init', '--keys', 'keys'])
const pin = { PLATTE_ROOT: /PLATTE_ROOT=(.*)/.exec(made.stdout)?.[1] }
platte(
  ['channel', 'create', 'stable', '--app', 'io.example.agent', '--keys', 'keys', '--description', 'x '.repeat(80)],
  {
    env: pin,
  },
)

describe('colours', () => {
  const red = '\u001b[31merror:'
  test('are for terminals', () => {
    expect(platte(['show']).stderr).toMatch(/^error:/)
    expect(onTerminal('show').stdout).toContain(red)
  })
  test('are what NO_COLOR and FORCE_COLOR say', () => {
    expect(onTerminal('show', { NO_COLOR: '1' }).stdout).not.toContain('\u001b[')
    expect(platte(['show'], { env: { FORCE_COLOR: '1' } }).stderr).toContain(red)
  })
})

describe('a table', () => {
  const list = ['channel', 'list', '--app', 'io.example.agent']

  test('is cut to the width of a terminal, and complete elsewhere', () => {
    const lines = onTerminal(list.join(' '), pin).stdout.trimEnd().split('\r\n')
    expect(lines.length).toBe(2)
    expect(lines.filter((line) => line.length > 100)).toEqual([])
    expect(lines[1]).toMatch(/^stable .*…/)
    expect(platte(list, { env: pin }).stdout).toContain('x '.repeat(80).trim())
  })

  test('has its first column cut last, and no cell to less than 8', () => {
    const rows = [
      ['0123456789', 'abcdefghijkl', 'xyz'],
      ['1', '2', '3'],
    ]
    expect(alignedIn(rows, 27)[0]).toBe('0123456789  abcdefghi…  xyz')
    expect(alignedIn(rows, 23)[0]).toBe('0123456…  abcdefg…  xyz')
    expect(alignedIn(rows, 1)[0]).toBe('0123456…  abcdefg…  xyz')
    const shown = [
      ['APP', 'CHANNEL', 'NOTES', 'STATE'],
      ['e96281a6-d1af-4bde', 'alpha', '', 'ramp: 10 % of amd64-usr'],
      ['e96281a6-d1af-4bde', 'beta', '', 'offered'],
    ]
    expect(alignedIn(shown, 44)).toEqual([
      'APP         CHANNEL  STATE',
      'e96281a6-…  alpha    ramp: 10 % of amd64-usr',
      'e96281a6-…  beta     offered',
    ])
    expect(alignedIn(shown, 80)[0]).toMatch(/NOTES/)
  })
})

describe('--quiet', () => {
  test('leaves notes and results for people out', () => {
    const { status, stdout, stderr } = platte(['init', '--keys', 'keys', '-q'])
    expect([status, stdout, stderr]).toEqual([0, '', ''])
  })
  test('goes with a command that changes a channel', () => {
    const prune = ['prune', '--channel', 'stable', '--app', 'io.example.agent', '--keep', '2', '--keys', 'keys', '-q']
    const { status, stdout, stderr } = platte(prune, { env: pin })
    expect([status, stdout, stderr]).toEqual([0, '', ''])
  })
  test('leaves errors and JSON', () => {
    expect(platte(['show', '--quiet']).stderr).toMatch(/^error: /)
    expect(JSON.parse(platte(['init', '--keys', 'keys', '--quiet', '--json']).stdout)).toHaveProperty('pin')
  })
})

describe('diff --detailed-exitcode', () => {
  const file = join(dir, 'channels.toml')
  writeFileSync(file, '[apps."io.example.agent".channels.stable]\ndescription = "y"\n')
  const diff = ['diff', file, '--detailed-exitcode']

  test('exits with 2 where something would change, also for a reader that goes away', () => {
    expect(platte(diff, { env: pin }).status).toBe(2)
    expect(shell(`${diff.join(' ')} | true`).status).toBe(2)
  })
  test('exits with 1 after any error, which keeps its name', () => {
    expect(platte(['diff', '--detailed-exitcode']).status).toBe(1)
    const { status, stdout } = platte([...diff, '--json'])
    expect([status, JSON.parse(stdout).error.code]).toEqual([1, 'configuration'])
  })
})

test('output that cannot be written is an error', () => {
  const { status, stderr } = shell('channel list --app io.example.agent >/dev/full')
  expect([status, stderr]).toEqual([1, expect.stringMatching(/^error: the output cannot be written: ENOSPC.*\n$/)])
})

describe('a failure with --json', () => {
  test.each([
    ['of a command', ['lock', 'unlock', 'm1'], 3, 'refused'],
    ['of the settings', ['show', '--root', 'x'], 2, 'configuration'],
    ['of an option', ['show', '--nonsense'], 2, 'usage'],
    ['of a name', ['shwo'], 2, 'usage'],
  ])('%s is one document', (_, words, status, code) => {
    const failed = platte([...words, '--json'])
    expect(failed.status).toBe(status)
    expect(JSON.parse(failed.stdout)).toEqual({ error: expect.objectContaining({ code, message: expect.any(String) }) })
    expect(failed.stderr).toMatch(/^error: /)
  })
})

test('a name that is nearly one of a command gets that as a hint', () => {
  expect(platte(['shwo']).stderr).toContain('did you mean platte show?')
  expect(platte(['nonsense']).stderr).toContain('platte --help lists the commands')
})

test.each(['20.19.5', '22.17.1'])('Node %s is refused in one line', (version) => {
  const older = `Object.defineProperty(process.versions,'node',{value:${JSON.stringify(version)}})`
  const { status, stderr } = platte(['show'], { node: ['--import', `data:text/javascript,${older}`] })
  expect([status, stderr]).toEqual([1, `error: Platte needs Node 22.18 or newer; this is ${version}\n`])
})

describe('the time left of a transfer', () => {
  test('is that of its rate, and does not jump when bytes come in bursts', () => {
    let now = 0
    const left = estimator(100_000_000, () => now)
    const seconds: number[] = []
    // 1 MB a second, in bursts of 2 s; then nothing for 3 s.
    for (let done = 0, i = 0; i < 300; i++) {
      now += 100
      if (i % 20 === 0 && i < 270) done += 2_000_000
      const ms = left(done)
      if (ms !== undefined) seconds.push(ms / 1000)
    }
    expect(seconds.length).toBeGreaterThan(270)
    expect(seconds[0]).toBeLessThan(110)
    expect(seconds.at(100)).toBeGreaterThan(70)
    expect(seconds.at(100)).toBeLessThan(105)
    const jumps = seconds.slice(1).map((one, i) => Math.abs(one / (seconds[i] ?? 1) - 1))
    expect(Math.max(...jumps)).toBeLessThan(0.05)
  })

  test('is unknown before two seconds', () => {
    let now = 0
    const left = estimator(100, () => now)
    now = 1999
    expect(left(50)).toBeUndefined()
    now = 2000
    expect(left(50)).toBeCloseTo(2000)
  })
})
