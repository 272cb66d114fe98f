/** The image that buildah built, in the containers of infra/docker/compose.yaml. */
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { readCompose, type Service } from '../infra/compose.ts'
import { execForm, parseDockerfile } from '../infra/dockerfile.ts'
import { payloadText } from '../payloads.ts'
import { bodyOf } from '../protocol/samples.ts'
import { type Container, image, type Mount, makeVolume, rootfs, run, start, stopAll } from './runc.ts'

const docker = resolve(import.meta.dirname, '../../infra/docker')
const app = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'
const folder = mkdtempSync('/tmp/platte-image-')
const store = makeVolume(folder, 'store')
const keys = makeVolume(folder, 'keys')
const origin = 'http://127.0.0.1:8787'
let pin = ''

const services = () =>
  readCompose(join(docker, 'compose.yaml'), {
    ...{ PLATTE_PUBLIC_URL: 'http://updates.lan:8787', PLATTE_KEYS_DIR: '/etc/platte/keys' },
    ...{ PLATTE_ROOT: pin, PLATTE_APP: app },
  }).services

/** The mounts of a service, with folders of this machine in the place of its volumes. */
function mountsOf({ volumes, secrets = [] }: Service): readonly Mount[] {
  const sources: Readonly<Record<string, string>> = { '/var/lib/platte': store, '/keys': keys }
  return [
    ...volumes.map((volume) => {
      const destination = volume.split(':').at(-1) ?? ''
      return { source: sources[destination] ?? '', destination }
    }),
    ...secrets.map((name) => ({ source: join(keys, name), destination: `/run/secrets/${name}`, readOnly: true })),
  ]
}

/** What starts a service: its own command, or `words` after the entry point. */
const optionsOf = (service: Service, words: readonly string[] = image.Cmd) => ({
  args: [...image.Entrypoint, ...words],
  env: service.environment,
  mounts: mountsOf(service),
  user: service.user,
})

function cli(...words: readonly string[]): string {
  const { status, stdout, stderr } = run(optionsOf(services().cli, words))
  if (status !== 0) throw new Error(stderr)
  return stdout
}

const serve = (): Promise<Container> => start(optionsOf(services().platte), /listening on/)

/** Docker runs it in the container. */
function health(container: Container): number | null {
  const [final] = parseDockerfile(readFileSync(join(docker, 'Dockerfile'), 'utf8')).slice(-1)
  return container.exec(final ? execForm(final, 'HEALTHCHECK') : []).status
}

const offered = (container: Container): string =>
  container.ask(`${origin}/v1/update/`, bodyOf('full-update-01'))?.body ?? ''

afterAll(async () => {
  await stopAll()
  rmSync(folder, { recursive: true, force: true })
})

describe('the image', () => {
  const files = readdirSync(rootfs, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(rootfs, join(parentPath, name)))
    .filter((file) => !file.startsWith('lib64/'))
  const writable = readdirSync(rootfs, { recursive: true, encoding: 'utf8' }).filter((file) => {
    const { uid, gid, mode } = statSync(join(rootfs, file))
    return uid !== 0 || gid !== 0 || (mode & 0o022) !== 0
  })

  test('has the program, Node, its libraries, and names for the user', () => {
    const others = files.filter((file) => !/^(opt\/platte|lib)\//.test(file))
    expect(others.sort()).toEqual([
      ...['etc/group', 'etc/nsswitch.conf', 'etc/passwd', 'usr/local/bin/node', 'usr/local/bin/platte'],
    ])
    expect(files).toContain('opt/platte/platte.mjs')
    expect(files.filter((file) => file.startsWith('lib/')).length).toBe(7)
  })

  test('has less than 140 MB, and nothing that its user could change but the folder of the store', () => {
    const sizes = files.map((file) => statSync(join(rootfs, file)).size)
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(140e6)
    expect(writable).toEqual(['var/lib/platte'])
  })

  test('says what it is', () => {
    expect(image.Labels).toMatchObject({
      'org.opencontainers.image.title': 'Platte',
      'org.opencontainers.image.description': expect.stringContaining('Omaha'),
      'org.opencontainers.image.licenses': manifest.license,
      'org.opencontainers.image.version': manifest.version,
      'org.opencontainers.image.revision': expect.stringMatching(/^\w+$/),
    })
    expect(Object.keys(image.ExposedPorts)).toEqual(['8787/tcp'])
    expect(image.User).toBe(services().platte.user)
  })

  test('prints its version', () => {
    expect(run({ args: [...image.Entrypoint, '--version'] }).stdout).toBe(`${manifest.version}\n`)
  })

  test('without its settings the server lists them and exits', () => {
    const { status, stderr } = run({ args: [...image.Entrypoint, ...image.Cmd] })
    expect(stderr).toMatch(/PLATTE_ROOT .*is missing/)
    expect(stderr).toMatch(/PLATTE_PUBLIC_URL .*is missing, and 0\.0\.0\.0/)
    expect(status).toBe(2)
  })
})

describe('compose.yaml', () => {
  test('init, doctor and publish by the cli, a check and a download by the server', async () => {
    pin = cli('init', '--root-keys', '/keys/offline').replace('PLATTE_ROOT=', '').trim()
    expect(cli('doctor')).toContain('this store can hold channels')
    const payload = join(keys, 'os_update.gz')
    writeFileSync(payload, payloadText())
    chownSync(payload, 1000, 1000)
    const release = ['--app', app, '--channel', 'beta', '--version', '4152.2.0', '--board', 'amd64-usr', '--create']
    cli('publish', '/keys/os_update.gz', ...release)

    const server = await serve()
    expect(health(server)).toBe(0)
    expect(offered(server)).toContain('<manifest version="4152.2.0">')
    const codebase = /codebase="http:\/\/updates\.lan:8787([^"]+)"/.exec(offered(server))?.[1]
    expect(server.ask(`${origin}${codebase}os_update.gz`)).toEqual({ status: 200, body: payloadText() })

    const status = readFileSync(`/proc/${server.pid}/status`, 'utf8')
    expect(status).toMatch(/^Uid:\t1000\t1000\t1000\t1000$/m)
    expect(status).toMatch(/^NoNewPrivs:\t1$/m)
    expect(status).toMatch(/^Cap(Eff|Bnd):\t0+$/m)

    server.signal('STOP')
    expect(health(server)).toBe(1)
    server.signal('CONT')
    expect(health(server)).toBe(0)
    server.signal('TERM')
    expect(await server.ended).toEqual([0, null])
  })

  test('another container over the same volume goes on', async () => {
    const server = await serve()
    expect(offered(server)).toContain('<manifest version="4152.2.0">')
    expect(server.ask(`${origin}/healthz`)?.body).toContain('"status":"ok"')
    server.signal('INT')
    expect(await server.ended).toEqual([0, null])
  })

  test('a killed container leaves a store that the next one serves', async () => {
    const server = await serve()
    server.signal('KILL')
    await server.ended
    expect(cli('verify')).toContain('packages 1')
    expect(offered(await serve())).toContain('<manifest version="4152.2.0">')
  })

  test.each([
    ['the store', '/var/lib/platte/x', true],
    ['the program', '/opt/platte/platte.mjs', false],
    ['the root', '/x', false],
    ['a secret', '/run/secrets/timestamp.jwk', false],
  ])('the server may write to %s: %s %s', (_, path, may) => {
    const write = "try { fs.appendFileSync(process.argv[1], '') } catch { process.exit(1) }"
    const { status } = run({ ...optionsOf(services().platte), args: ['node', '-e', write, path] })
    expect(status).toBe(may ? 0 : 1)
  })

  test('commands that watch end with a signal, as the first process of their container', async () => {
    const mounts = [
      { source: store, destination: '/upstream' },
      { source: makeVolume(folder, 'copy'), destination: '/copy' },
    ]
    const args = [...image.Entrypoint, 'mirror', 'file:/upstream', '--store', 'file:/copy/store', '--watch', '1h']
    const mirror = await start({ args, env: { PLATTE_ROOT: pin }, mounts }, /packages 1/)
    mirror.signal('TERM')
    expect(await mirror.ended).toEqual([0, null])
  })
})
