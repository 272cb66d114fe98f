/**
 * The systemd unit without systemd: its ExecStart line is run with its variables, as an unprivileged user who may write
 * to the store and to nothing else; and the command that stands beside it, as somebody of the same group.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundleCli } from '../bench/bundle.ts'
import { payloadText } from '../payloads.ts'
import { bodyOf } from '../protocol/samples.ts'
import { addNode, below, canDropPrivileges, contained, give, isRoot, uid } from './container.ts'

const repository = resolve(import.meta.dirname, '../..')
const source = (name: string): string => readFileSync(join(repository, 'infra/systemd', name), 'utf8')
const unit = source('platte.service')
  .split('\n')
  .filter((line) => !/^(#|\[|$)/.test(line))
  .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const)
const setting = (name: string): string => unit.findLast(([key]) => key === name)?.[1] ?? ''
/** `NAME=value` lines, as systemd and sh read them. */
const variables = (text: string) =>
  Object.fromEntries([...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]))

const board = ['--board', 'amd64-usr']

test('every setting occurs once, except lists', () => {
  const names = unit.map(([name]) => name).filter((name) => name !== 'SystemCallFilter')
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
  expect(names.length).toBeGreaterThan(40)
})

describe.runIf(canDropPrivileges)('platte.service', () => {
  // Not below TMPDIR, which another user may not be able to enter.
  const root = mkdtempSync('/tmp/platte-systemd-')
  const store = `/var/lib/${setting('StateDirectory')}`
  const credentials = '/run/credentials/platte.service'
  const [credential = '', keyFile = ''] = setting('LoadCredential').split(':')
  /** Somebody of the group who may publish; the user himself where we cannot become another one. */
  const publisher = isRoot ? { uid: 1001, gid: uid } : undefined
  const masked = ['sh', '-c', `umask ${setting('UMask')}; exec "$@"`, 'sh']
  let server: ChildProcess | undefined

  /** What belongs to the publisher, out of the service's reach. */
  const home = '/var/home'
  function platte(...words: readonly string[]): string {
    const app = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'
    const env = { PLATTE_KEYS: `${home}/keys`, PLATTE_APP: app }
    const ref = { root, env, volumes: [store, home], ...(publisher && { user: publisher }) }
    const { command, args, options } = contained(ref, ['sh', '/opt/bin/platte', ...words])
    const { status, stdout, stderr } = spawnSync(command, args, { ...options, encoding: 'utf8' })
    if (status !== 0) throw new Error(`${stdout}${stderr}`)
    return stdout
  }

  const install = (path: string, text: string, mode = 0o644): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
    chmodSync(join(root, path), mode)
  }

  /** The variables of the service: those of the file win. */
  function environment(): Record<string, string> {
    const file = variables(readFileSync(join(root, setting('EnvironmentFile')), 'utf8'))
    return { ...variables(setting('Environment').replace('%d', credentials)), ...file, PORT: '0' }
  }

  async function start(): Promise<string> {
    const words = [...masked, ...setting('ExecStart').split(' ')]
    const { command, args, options } = contained({ root, env: environment(), volumes: [store] }, words)
    server = spawn(command, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
    for await (const chunk of server.stderr ?? []) {
      const url = /listening on (\S+)\/v1/.exec(`${chunk}`)?.[1]
      if (url) return url
    }
    throw new Error('it did not start')
  }

  async function stop(): Promise<unknown> {
    const ended = server && once(server, 'exit')
    server?.kill('SIGTERM')
    return await ended
  }

  async function ask(url: string): Promise<string> {
    const answer = await fetch(`${url}/v1/update/`, { method: 'POST', body: bodyOf('full-update-01') })
    return (
      /status="(noupdate)"|manifest version="([\d.]+)"/
        .exec(await answer.text())
        ?.slice(1)
        .join('') ?? ''
    )
  }

  function publish(version: string): void {
    platte('publish', `${home}/os_update.gz`, '--channel', 'beta', '--version', version, ...board)
  }

  beforeAll(() => {
    chmodSync(root, 0o755)
    addNode(root)
    bundleCli(join(root, 'opt/platte'))
    install('opt/bin/platte', below(root, source('platte')))
    install(setting('EnvironmentFile'), source('platte.env').replace('file:', `file:${root}`))
    mkdirSync(join(root, store), { recursive: true })
    give(join(root, store))
    chmodSync(join(root, store), Number.parseInt(setting('StateDirectoryMode'), 8))
    mkdirSync(join(root, home))
    give(join(root, home), publisher)
    install(`${home}/os_update.gz`, payloadText())
    const pin = platte('init', '--root-keys', `${home}/offline`).trim()
    const env = join(root, setting('EnvironmentFile'))
    const settings = readFileSync(env, 'utf8').replace('PLATTE_ROOT=\n', `${pin}\n`)
    writeFileSync(env, settings.replace(/PLATTE_PUBLIC_URL=$/m, 'PLATTE_PUBLIC_URL=https://updates.example.org'))
    // What root does for the service: it reads the key, which nobody else may, and hands over a copy.
    install(keyFile, readFileSync(join(root, home, 'keys/timestamp.jwk'), 'utf8'), 0o600)
    install(`${credentials}/${credential}`, readFileSync(join(root, keyFile), 'utf8'), 0o400)
    give(join(root, credentials, credential))
  })
  afterAll(() => {
    if (server?.exitCode === null && server.signalCode === null) server.kill('SIGKILL')
    rmSync(root, { recursive: true, force: true })
  })

  test('ExecStart answers a check, and stops on SIGTERM', async () => {
    const url = await start()
    expect(await ask(url)).toBe('noupdate')
    expect(await (await fetch(`${url}/healthz`)).json()).toMatchObject({ status: 'ok' })
    expect(await stop()).toEqual([0, null])
  })

  test('the service and operators take turns writing to one store', async () => {
    platte('publish', `${home}/os_update.gz`, '--channel', 'beta', '--version', '4152.2.0', ...board, '--create')
    // Without the timestamp key a publish is in force when the service has signed the catalog.
    rmSync(join(root, home, 'keys/timestamp.jwk'))
    for (const version of ['4152.2.1', '4152.2.2']) {
      publish(version)
      await start()
      expect(await stop()).toEqual([0, null])
      expect(platte('explain', '--channel', 'beta', '--version', '4081.2.0', ...board)).toContain(
        `update to ${version}`,
      )
    }
    platte('verify')
  })
})
