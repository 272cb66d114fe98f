/** `platte publish` of a package of Chromium: app, version and board come from the package. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { archiveOf, crxOf, idOf, rsa } from './make.ts'

const dir = mkdtempSync(join(tmpdir(), 'platte-crx-'))
afterAll(() => rmSync(dir, { recursive: true }))
const env: Record<string, string | undefined> = { ...process.env, PLATTE_STORE: 'file:store', PLATTE_KEYS: 'keys' }
const id = idOf(rsa)

function platte(...words: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [inject('cli'), ...words], {
    cwd: dir,
    env,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

beforeAll(() => {
  for (const version of ['1.0', '2.0']) writeFileSync(join(dir, `x-${version}.crx`), crxOf(archiveOf({ version })))
  writeFileSync(join(dir, 'bad.crx'), crxOf(archiveOf({ version: '3.0' })).subarray(0, -1))
  writeFileSync(join(dir, 'setup.exe'), 'MZ')
  env.PLATTE_ROOT = platte('init').stdout.trim().replace('PLATTE_ROOT=', '')
})

test('app, version and board come from the package', () => {
  const { status, stdout, stderr } = platte('publish', 'x-1.0.crx', '--channel', 'stable', '--create')
  expect([status, stderr]).toEqual([0, expect.stringContaining(`x-1.0.crx is version 1.0 of ${id}`)])
  expect(stdout).toContain('Published 1.0 for any in stable (revision 1)')
  expect(readdirSync(join(dir, 'store/apps'))).toEqual([id])
})

test.each([
  ['another version', ['x-2.0.crx', '--version', '2.1'], 3, 'x-2.0.crx is version 2.0, not 2.1'],
  ['another app', ['x-2.0.crx', '--app', 'a'.repeat(32)], 3, `x-2.0.crx is app ${id}, not ${'a'.repeat(32)}`],
  ['a broken package', ['bad.crx'], 3, 'bad.crx: has a wrong RSA signature (number 1)'],
  [
    'another file without a version',
    ['setup.exe', '--board', 'win-x64'],
    2,
    "required option '--version <version>' not specified",
  ],
  [
    'another file without a board',
    ['setup.exe', '--version', '1'],
    2,
    "required option '--board <board>' not specified",
  ],
  [
    'a package that is not read',
    ['x-2.0.crx', '--raw', '--board', 'any'],
    2,
    "required option '--version <version>' not specified",
  ],
])('%s: refused', (_, words, status, problem) => {
  const ran = platte('publish', ...words, '--channel', 'stable')
  expect([ran.status, ran.stderr]).toEqual([status, expect.stringContaining(problem)])
})

test('an app that no key names may have it as any version', () => {
  const words = [
    '--app',
    '8a69d345-d564-463c-aff1-a69d9e530f96',
    '--board',
    'win-x64',
    '--channel',
    'stable',
    '--create',
  ]
  const ran = platte('publish', 'x-2.0.crx', '--version', '7', ...words)
  expect(ran).toMatchObject({ status: 0, stdout: expect.stringContaining('Published 7 for win-x64 in stable') })
})

test('the next version, with a board that is named', () => {
  const words = [
    'publish',
    'x-2.0.crx',
    '--channel',
    'stable',
    '--version',
    '2.0',
    '--board',
    'win-x64',
    '--create-board',
  ]
  expect(platte(...words).stdout).toContain('Published 2.0 for win-x64 in stable')
})

test('what is run and patches need format 2; a patch names the file of a version', () => {
  writeFileSync(join(dir, 'x-3.0.crx'), crxOf(archiveOf({ version: '3.0' })))
  writeFileSync(join(dir, 'x.puff'), 'PUF1 patch')
  const installer = ['--run', 'setup.exe', '--arguments', '--silent', '--min-browser', '120']
  const words = ['publish', 'x-3.0.crx', '--channel', 'stable', ...installer, '--patch-from']
  expect(platte(...words, '1.0=x.puff')).toMatchObject({ status: 3, stderr: expect.stringContaining('needs format 2') })
  const made = platte('root', 'format', '2', '--oldest-reader', '0.2.0', '--out', 'root-2.json')
  expect(made).toMatchObject({ status: 0 })
  platte('root', 'sign', 'root-2.json', '--key', 'keys/root.jwk', '--out', 'root-2.jws')
  expect(platte('root', 'publish', 'root-2.jws')).toMatchObject({ status: 0 })
  for (const [patch, status, problem] of [
    ['x.puff', 2, '--patch-from x.puff: is not VERSION=FILE'],
    ['9.0=x.puff', 5, '--patch-from 9.0: stable has no such release for any'],
    ['1.0=x-2.0.crx', 2, 'x-2.0.crx: is no patch of puffin or zucchini'],
  ] as const)
    expect(platte(...words, patch)).toMatchObject({ status, stderr: expect.stringContaining(problem) })
  expect(platte(...words, '1.0=x.puff')).toMatchObject({ status: 0 })
  const [app, version] = [join(dir, 'store/packages', id), '3.0/any']
  const folder = join(app, version, readdirSync(join(app, version))[0] ?? '')
  expect(readdirSync(folder).sort()).toEqual(['x-3.0.crx', 'x.puff'])
  const notes = join(dir, 'store/notes/releases')
  const details = readdirSync(notes).map((name) => readFileSync(join(notes, name), 'utf8'))
  const from = createHash('sha256')
    .update(readFileSync(join(dir, 'x-1.0.crx')))
    .digest('hex')
  const found = details.find((text) => text.includes('"3.0"'))
  expect(JSON.parse(found ?? '{}').boards.any.packages).toEqual([
    expect.objectContaining({ install: { run: 'setup.exe', arguments: '--silent', minBrowser: '120' } }),
    expect.objectContaining({ name: 'x.puff', required: false, patch: { from, kind: 'puff' } }),
  ])
})
