/** The files of a release; the executables built twice, and used by somebody who has no Node. arm64 needs `.ci/arm64 run`. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { unsignedSample } from '../payloads.ts'
import { cloneTo, repository, run, sha256, version } from './clone.ts'
import { ask, start } from './served.ts'

const root = mkdtempSync(join(tmpdir(), 'platte-executables-test-'))
const clone = join(root, 'clone')
const archive = (folder: string, processor: string): string =>
  join(folder, `platte-${version}-linux-${processor}.tar.gz`)
const emulator = process.env.PLATTE_ARM64 ?? ''

const release = join(clone, 'dist/release')
const tools = ['postject']

beforeAll(() => {
  cloneTo(clone, tools)
  run(clone, 'npm', ['run', '--silent', 'build:release'])
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

test('a build elsewhere makes the same bytes', () => {
  const another = join(root, 'another/place/of/the/clone')
  cloneTo(another, tools)
  run(another, process.execPath, ['infra/release/executables.ts', 'x64'])
  expect(sha256(archive(join(another, 'dist/executables'), 'x64'))).toBe(sha256(archive(release, 'x64')))
})

test('checksums name every file, and the SBOM every package that is bundled', () => {
  const files = readdirSync(release).filter((name) => name !== 'SHA256SUMS')
  const lines = files.sort().map((name) => `${sha256(join(release, name))}  ${name}\n`)
  expect(readFileSync(join(release, 'SHA256SUMS'), 'utf8')).toBe(lines.join(''))
  const kinds = ['.cdx.json', '-linux-arm64.tar.gz', '-linux-x64.tar.gz', '.tgz']
  expect(new Set(files)).toEqual(new Set(kinds.map((kind) => `platte-${version}${kind}`)))
  const { components } = JSON.parse(readFileSync(join(release, `platte-${version}.cdx.json`), 'utf8'))
  const { dependencies } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'))
  const purls = components.map(({ purl }: { purl: string }) => decodeURIComponent(purl))
  expect(purls).toEqual(
    expect.arrayContaining(Object.entries(dependencies).map(([name, pinned]) => `pkg:npm/${name}@${pinned}`)),
  )
  expect(purls.filter((purl: string) => /vitest|wrangler|esbuild/.test(purl))).toEqual([])
})

test.each([
  ['x64', ''],
  ['arm64', emulator],
])('%s: init, publish, serve, an answered check', async (processor, before) => {
  if (processor === 'arm64' && emulator === '') throw new Error('use .ci/arm64 run npm run test:package')
  const folder = join(root, processor)
  mkdirSync(folder)
  execFileSync('tar', ['-xzf', archive(release, processor), '--strip-components=1', '-C', folder])
  const [command = '', ...first] = [...before.split(' '), join(folder, 'platte')].filter((word) => word !== '')
  // No PATH: nothing of this machine's Node is found.
  const env = { PLATTE_STORE: 'file:store', PLATTE_KEYS: 'keys', PLATTE_APP: 'e96281a6-d1af-4bde-9a0a-97b76e56dc57' }
  const found = before === '' ? command : execFileSync('which', [command], { encoding: 'utf8' }).trim()
  const platte = (args: readonly string[], more = {}): string =>
    execFileSync(found, [...first, ...args], {
      ...{ cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
      env: { ...env, ...more },
    })

  expect(platte(['--version'])).toBe(`${version}\n`)
  const PLATTE_ROOT = platte(['init', '--root-keys', 'offline']).trim().replace('PLATTE_ROOT=', '')
  writeFileSync(join(folder, 'payload.gz'), unsignedSample)
  const place = ['--channel', 'stable', '--version', '4152.2.0', '--board', 'amd64-usr', '--create']
  platte(['publish', 'payload.gz', ...place], { PLATTE_ROOT })
  const served = await start(found, [...first, 'serve'], { cwd: folder, env: { ...env, PLATTE_ROOT, PORT: '0' } })
  try {
    expect(await ask(served.url)).toContain('<manifest version="4152.2.0">')
  } finally {
    await served.stop()
  }
})
