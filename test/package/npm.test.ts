/** The npm package: built twice, installed into empty folders without a network, on each Node that it is for. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fetchNode } from '../../infra/release/runtimes.ts'
import { packageOf, run, sha256 } from './clone.ts'
import { ask, start } from './served.ts'

/** Of commands, from an empty folder to an answer. */
const mostMs = 30_000

const root = mkdtempSync(join(tmpdir(), 'platte-package-'))
let tarball = ''
beforeAll(() => {
  tarball = packageOf(join(root, 'clone'))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

function emptyFolder(name: string): string {
  const folder = join(root, name)
  mkdirSync(folder)
  return folder
}

/** The oldest that works, the one of this project, and a newer one. */
const nodes = ['22.18.0', '24', '26.10.0']
const folderOf = (version: string): string =>
  version === '24' ? dirname(process.execPath) : join(fetchNode(version, 'x64'), 'bin')

test('a build elsewhere makes the same bytes', () => {
  expect(sha256(packageOf(join(root, 'another/place/of/the/clone')))).toBe(sha256(tarball))
})

test.each(nodes)('Node %s: from an empty folder to the first answered check', async (version) => {
  const folder = emptyFolder(`node-${version}`)
  const node = folderOf(version)
  const since = performance.now()
  run(folder, 'npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], node)
  const args = ['platte', 'start', '--port', '0']
  const env = { ...process.env, PATH: `${node}:${process.env.PATH}` }
  const served = await start('npx', ['--offline', ...args], { cwd: folder, env })
  try {
    expect(await ask(served.url)).toContain('<manifest version="4152.2.0">')
    const ms = Math.round(performance.now() - since)
    process.stdout.write(`Node ${version}: the first check was answered ${ms} ms after the install began\n`)
    expect(ms).toBeLessThan(mostMs)
  } finally {
    await served.stop()
  }
})

test('it has no dependencies and no scripts, and everything that it names', async () => {
  const folder = emptyFolder('contents')
  run(folder, 'npm', ['install', '--offline', '--no-audit', '--no-fund', tarball])
  const installed = join(folder, 'node_modules/platte')
  const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
  expect(Object.keys(manifest).filter((name) => /dependencies|scripts|private/i.test(name))).toEqual([])
  const entries = Object.keys(manifest.exports).map((name) => name.replace('.', 'platte'))
  const load = entries.map((name) => `await import('${name}')`).join('\n')
  run(folder, process.execPath, ['--input-type=module', '--eval', load])
  expect(readFileSync(join(installed, 'LICENSES.txt'), 'utf8')).toMatch(/^hono \d/m)
})

test('npm pack in the clone itself has the command, too', () => {
  const clone = join(root, 'clone')
  rmSync(join(clone, 'dist/cli'), { recursive: true })
  const [{ files }] = JSON.parse(run(clone, 'npm', ['pack', '--silent', '--json', '--dry-run']))
  expect(files.map(({ path }: { path: string }) => path)).toContain('dist/cli/platte.mjs')
})

test('an older Node is named', () => {
  const folder = emptyFolder('node-20')
  run(folder, 'tar', ['-xzf', tarball, '--strip-components=1'])
  const node = join(fetchNode('20.20.2', 'x64'), 'bin/node')
  const { status, stdout, stderr } = spawnSync(node, ['dist/cli/platte.mjs', 'start'], {
    cwd: folder,
    encoding: 'utf8',
  })
  expect({ status, stdout, stderr }).toEqual({
    ...{ status: 1, stdout: '' },
    stderr: 'error: Platte needs Node 22.18 or newer; this is 20.20.2\n',
  })
})

test('wrangler deploys the Worker of the package', () => {
  const folder = emptyFolder('worker')
  run(folder, 'tar', ['-xzf', tarball, '--strip-components=1'])
  const wrangler = join(import.meta.dirname, '../../node_modules/.bin/wrangler')
  expect(run(folder, wrangler, ['deploy', '--env=', '--dry-run'])).toContain('env.PLATTE_BUCKET (platte)')
})
