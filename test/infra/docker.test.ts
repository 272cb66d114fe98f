/**
 * The Dockerfile and compose.yaml without Docker: what builds the image is carried out, and its commands run in the next
 * best thing to a container (container.ts). With DOCKERFILE_INSTALL=1 the image's own `npm ci` is run, too.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { payloadText } from '../payloads.ts'
import { bodyOf } from '../protocol/samples.ts'
import { readCompose, type Service } from './compose.ts'
import { build, canDropPrivileges, canMount, contained, give, isRoot, uid } from './container.ts'
import { environmentOf, execForm, parseDockerfile } from './dockerfile.ts'

const docker = resolve(import.meta.dirname, '../../infra/docker')
const stages = parseDockerfile(readFileSync(join(docker, 'Dockerfile'), 'utf8'))
const [, final] = stages
if (final === undefined) throw new Error('the Dockerfile has no second stage')
const image = { env: environmentOf(final), entrypoint: execForm(final, 'ENTRYPOINT'), command: execForm(final, 'CMD') }
const given = { PLATTE_PUBLIC_URL: 'http://updates.lan:8787', PLATTE_KEYS_DIR: '/etc/platte/keys' }
const compose = (more = {}) => readCompose(join(docker, 'compose.yaml'), { ...given, ...more })
const lastOf = (op: string) => final.steps.findLast((step) => step.op === op)?.text

describe('compose.yaml', () => {
  const { services, secrets, volumes } = compose({ PLATTE_ROOT: '1:sha256:0' })

  test.each(['platte', 'cli'] as const)('%s has write access to its volumes only', (name) => {
    expect(services[name]).toMatchObject({
      user: lastOf('USER'),
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    })
  })

  test('gives the server the timestamp key and no other', () => {
    const { platte } = services
    expect(platte.secrets).toEqual(Object.keys(secrets))
    expect(secrets).toEqual({ 'timestamp.jwk': { file: '/etc/platte/keys/timestamp.jwk' } })
    expect(platte.environment.PLATTE_TIMESTAMP_KEY).toBe('/run/secrets/timestamp.jwk')
    expect(platte.volumes).toEqual([`${Object.keys(volumes)[0]}:${image.env.PLATTE_STORE?.replace('file:', '')}`])
  })

  test('uses the port of the image, and publishes it on this machine only by default', () => {
    expect(services.platte.ports).toEqual([`127.0.0.1:8787:${image.env.PORT}`])
    expect(compose({ PLATTE_LISTEN: '10.0.0.5:80' }).services.platte.ports).toEqual([`10.0.0.5:80:${image.env.PORT}`])
    expect(lastOf('EXPOSE')).toBe(image.env.PORT)
  })

  test('builds this image, and its stop grace period exceeds the drain time of the server', () => {
    expect(services.platte.build).toEqual({ context: '../..', dockerfile: 'infra/docker/Dockerfile' })
    expect(services.cli.image).toBe(services.platte.image)
    expect(Number.parseInt(services.platte.stop_grace_period ?? '', 10)).toBeGreaterThan(10)
  })

  test.each(['PLATTE_PUBLIC_URL', 'PLATTE_KEYS_DIR'])('requires %s', (name) => {
    expect(() => compose({ [name]: '' })).toThrow(`required variable ${name} is missing`)
  })
})

describe.runIf(canDropPrivileges)(`the image, as user ${uid}${canMount ? ', on a read-only file system' : ''}`, () => {
  // Not below TMPDIR, which another user may not be able to enter.
  const folder = mkdtempSync('/tmp/platte-image-')
  chmodSync(folder, 0o755)
  const app = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'
  /** A port of 127.0.0.1 that is free, in place of the image's own. */
  const local = { PLATTE_HOST: '127.0.0.1', PORT: '0' }
  let root = ''
  let pin = ''
  let server: ChildProcess | undefined

  const volumesOf = ({ volumes }: Service) => volumes.map((volume) => volume.split(':').at(-1) ?? '')

  /** Runs a command to its end, in a container of a service. */
  function runIn(service: Service, words: readonly string[], env = {}) {
    const ref = { root, env: { ...image.env, ...service.environment, ...env }, volumes: volumesOf(service) }
    const { command, args, options } = contained(ref, words)
    return spawnSync(command, args, { ...options, encoding: 'utf8', timeout: 120_000 })
  }

  function cli(...words: readonly string[]): string {
    const { cli } = compose({ PLATTE_ROOT: pin }).services
    const { status, stdout, stderr } = runIn(cli, [...image.entrypoint, ...words])
    if (status !== 0) throw new Error(stderr)
    return stdout
  }

  /** Starts the server, and waits until it listens. @returns its URL and its port. */
  async function serve(): Promise<string> {
    const { platte } = compose({ PLATTE_ROOT: pin }).services
    const env = { ...image.env, ...platte.environment, ...local }
    const { command, args, options } = contained({ root, env, volumes: volumesOf(platte) }, [
      ...image.entrypoint,
      ...image.command,
    ])
    server = spawn(command, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
    for await (const chunk of server.stderr ?? []) {
      const url = /listening on (\S+)\/v1/.exec(`${chunk}`)?.[1]
      if (url) return url
    }
    throw new Error('it did not start')
  }

  const health = (url: string): number | null => {
    const { platte } = compose({ PLATTE_ROOT: pin }).services
    return runIn(platte, execForm(final, 'HEALTHCHECK'), { ...local, PORT: new URL(url).port }).status
  }

  beforeAll(() => {
    const install = process.env.DOCKERFILE_INSTALL ? 'run' : 'lend'
    root = build(stages, { folder, install })
    mkdirSync(join(root, 'keys'), { mode: 0o700 })
    give(join(root, 'keys'))
  })
  afterAll(() => {
    if (server?.exitCode === null && server.signalCode === null) server.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })

  test('contains Node and the program', () => {
    const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    const program = files.filter(({ parentPath }) => parentPath.startsWith(join(root, 'opt/platte')))
    expect(files.filter((one) => !program.includes(one)).map(({ name }) => name)).toEqual(['node'])
    expect(program.map(({ name }) => name)).toContain('platte.mjs')
  })

  test('without its settings the server lists them and exits', () => {
    const { status, stderr } = runIn({ ...compose().services.platte, environment: {} }, [
      ...image.entrypoint,
      ...image.command,
    ])
    expect(stderr).toMatch(/PLATTE_ROOT .*is missing/)
    expect(stderr).toMatch(/PLATTE_PUBLIC_URL .*is missing, and 0\.0\.0\.0/)
    expect(status).toBe(2)
  })

  test('runs init and publish by the cli, and a check and a download by the server, until it is stopped', async () => {
    pin = cli('init', '--root-keys', '/keys/offline').replace('PLATTE_ROOT=', '').trim()
    writeFileSync(join(root, 'keys/os_update.gz'), payloadText())
    give(join(root, 'keys/os_update.gz'))
    const release = ['--app', app, '--channel', 'beta', '--version', '4152.2.0', '--board', 'amd64-usr', '--create']
    cli('publish', '/keys/os_update.gz', ...release)
    // A secret is the file itself, mounted: its owner and its mode stay.
    mkdirSync(join(root, 'run/secrets'), { recursive: true })
    cpSync(join(root, 'keys/timestamp.jwk'), join(root, 'run/secrets/timestamp.jwk'))
    give(join(root, 'run/secrets/timestamp.jwk'))

    const url = await serve()
    expect(health(url)).toBe(0)
    const answer = await (await fetch(`${url}/v1/update/`, { method: 'POST', body: bodyOf('full-update-01') })).text()
    expect(answer).toContain('<manifest version="4152.2.0">')
    const codebase = /codebase="http:\/\/updates\.lan:8787([^"]+)"/.exec(answer)?.[1]
    expect(await (await fetch(`${url}${codebase}os_update.gz`)).text()).toBe(payloadText())

    const status = readFileSync(`/proc/${server?.pid}/status`, 'utf8')
    expect(status).toMatch(new RegExp(`^Uid:\\t${uid}\\t${uid}\\t${uid}\\t${uid}$`, 'm'))
    expect(status).toMatch(/^NoNewPrivs:\t1$/m)
    expect(status).toMatch(/^CapEff:\t0+$/m)

    server?.kill('SIGSTOP')
    expect(health(url)).toBe(1)
    server?.kill('SIGCONT')
    expect(health(url)).toBe(0)
    const ended = server && once(server, 'exit')
    server?.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
    expect(health(url)).toBe(1)
  })

  test.runIf(isRoot).each([
    ['the store', '/var/lib/platte/x', true],
    ['the program', '/opt/platte/platte.mjs', false],
    ['a folder of root', '/var/x', false],
    ['a folder of its own that is not a volume', '/run/own/x', !canMount],
  ])('may write to %s: %s %s', (_, path, may) => {
    mkdirSync(join(root, 'run/own'), { recursive: true })
    give(join(root, 'run/own'))
    const write = "try { fs.appendFileSync(process.argv[1], 'x') } catch { process.exit(1) }"
    expect(runIn(compose().services.platte, ['node', '-e', write, path]).status).toBe(may ? 0 : 1)
  })
})
