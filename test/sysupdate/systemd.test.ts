/**
 * The real systemd-sysupdate. Only where PLATTE_SYSUPDATE names it: `.ci/sysupdate run npm test -- test/sysupdate`.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

const program = process.env.PLATTE_SYSUPDATE
const home = mkdtempSync(join(tmpdir(), 'platte-sysupdate-test-'))
const machine = join(home, 'machine')
const env: NodeJS.ProcessEnv = { PATH: process.env.PATH, PLATTE_STORE: 'file:store', PLATTE_KEYS: 'keys', PORT: '0' }
env.PLATTE_APP = 'docker'
let server: ChildProcess | undefined

const platte = (...args: readonly string[]): string =>
  execFileSync(process.execPath, [inject('cli'), ...args], { env, encoding: 'utf8', cwd: home, stdio: 'pipe' })

/** A new process knows at once what was published. @returns where it listens. */
async function serve(): Promise<string> {
  await stop()
  server = spawn(process.execPath, [inject('cli'), 'serve'], { cwd: home, env, stdio: ['ignore', 'ignore', 'pipe'] })
  for await (const chunk of server.stderr ?? []) {
    const url = /listening on (\S+)\/v1/.exec(`${chunk}`)?.[1]
    if (url) return url
  }
  throw new Error('it did not start')
}

async function stop(): Promise<void> {
  if (server === undefined) return
  const ended = once(server, 'exit')
  server.kill()
  await ended
}

/** @returns its exit code, and what it printed. */
const sysupdate = (...args: readonly string[]): Promise<readonly [code: number, printed: string]> =>
  new Promise((resolve) =>
    execFile(program ?? '', [machine, ...args], { timeout: 120_000 }, (error, stdout, stderr) =>
      resolve([typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout + stderr]),
    ),
  )

function publish(version: string): void {
  writeFileSync(join(home, 'docker.raw'), `docker ${version}`)
  const where = ['--channel', 'stable', '--board', 'x86-64', '--create']
  writeFileSync(join(home, 'zfs.raw.gz'), gzipSync(`zfs ${version}`))
  platte('publish', 'docker.raw', 'zfs.raw.gz', '--raw', '--version', version, ...where)
}

const hold = (version: string) => platte('hold', version, '--channel', 'stable', '--reason', 'it does not start')

beforeAll(async () => {
  if (program === undefined) return
  for (const folder of ['etc/sysupdate.d', 'etc/sysupdate.zfs.d', 'etc/extensions', 'opt'])
    mkdirSync(join(machine, folder), { recursive: true })
  writeFileSync(join(machine, 'etc/machine-id'), '0123456789abcdef0123456789abcdef\n')
  env.PLATTE_ROOT = /PLATTE_ROOT=(\S+)/.exec(platte('init'))?.[1]
  publish('1.0.0')
  const url = await serve()
  env.PORT = new URL(url).port
  for (const [file, to] of [
    ['docker.raw', 'sysupdate.d'],
    ['zfs.raw.gz', 'sysupdate.zfs.d'],
  ] as const) {
    const choice = ['--channel', 'stable', '--board', 'x86-64', '--transfer', file]
    const transfer = platte('client-config', ...choice, '--public-url', url)
    for (const ending of ['conf', 'transfer']) writeFileSync(join(machine, 'etc', to, `a.${ending}`), transfer)
  }
})
afterAll(async () => {
  await stop()
  rmSync(home, { recursive: true })
})

function installed(name = 'docker') {
  const file =
    readlinkSync(join(machine, 'etc/extensions', `${name}.raw`))
      .split('/')
      .at(-1) ?? ''
  return [file, readFileSync(join(machine, 'opt/extensions', name, file), 'utf8')]
}

test.skipIf(program === undefined)('lists, installs 1, then 2, and not 3, which is held', async () => {
  expect(await sysupdate('list')).toEqual([0, expect.stringMatching(/1\.0\.0 .*candidate/)])
  expect(await sysupdate('update')).toEqual([0, expect.stringMatching(/Successfully installed update '1\.0\.0'/)])
  expect(installed()).toEqual(['docker_1.0.0.raw', 'docker 1.0.0'])

  publish('2.0.0')
  await serve()
  expect(await sysupdate('check-new')).toEqual([0, expect.stringMatching(/^2\.0\.0$/m)])
  expect((await sysupdate('update'))[0]).toBe(0)
  expect(installed()).toEqual(['docker_2.0.0.raw', 'docker 2.0.0'])

  publish('3.0.0')
  hold('3.0.0')
  await serve()
  expect(await sysupdate('update')).toEqual([0, expect.stringMatching(/No update needed/)])
  expect(installed()).toEqual(['docker_2.0.0.raw', 'docker 2.0.0'])
})

test.skipIf(program === undefined)('a compressed package is unpacked, and has a name without that', async () => {
  expect((await sysupdate('-C', 'zfs', 'update'))[0]).toBe(0)
  expect(installed('zfs')).toEqual(['zfs_2.0.0.raw', 'zfs 2.0.0'])
})

test.skipIf(program === undefined)('a channel that offers nothing leaves a machine with what it has', async () => {
  for (const version of ['1.0.0', '2.0.0']) hold(version)
  await serve()
  expect(await sysupdate('update')).toEqual([0, expect.stringMatching(/No update needed/)])
  expect(installed()).toEqual(['docker_2.0.0.raw', 'docker 2.0.0'])
})
