/** What the manifests of infra/kubernetes start, in the image and under runc. */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { graceMs } from '../../src/runtime/server.ts'
import { payloadText } from '../payloads.ts'
import { bodyOf } from '../protocol/samples.ts'
import { type Pod, type PodContainer, readOverlay } from './pod.ts'
import { type Answer, type Container, type ContainerOptions, image, makeVolume, run, start, stopAll } from './runc.ts'

const app = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'
const release = ['--app', app, '--channel', 'beta', '--version', '4152.2.0', '--board', 'amd64-usr', '--create']
const folder = mkdtempSync('/tmp/platte-pods-')
const desk = makeVolume(folder, 'desk')

afterAll(async () => {
  await stopAll()
  rmSync(folder, { recursive: true, force: true })
})

/** A command of the operator, with all keys, away from the cluster. */
function operator(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
  more: Partial<ContainerOptions> = {},
) {
  const mounts = [{ source: desk, destination: '/desk' }]
  const args = [...image.Entrypoint, ...words]
  const { status, stdout, stderr } = run({ args, env: { PLATTE_KEYS: '/desk/keys', ...env }, mounts, ...more })
  if (status !== 0) throw new Error(stderr)
  return stdout
}

const pinOf = (output: string): string => output.replace('PLATTE_ROOT=', '').trim()

/** A volume as the kubelet makes it: of root, and writable for the group of the pod. */
function volumeOf({ securityContext }: Pod, name: string): string {
  const path = join(folder, name)
  mkdirSync(path)
  chownSync(path, 0, securityContext.fsGroup)
  chmodSync(path, 0o2775)
  return path
}

/** A Secret or ConfigMap with one file: of root, readable for the group of the pod. */
function fileVolumeOf(pod: Pod, name: string, file: string): string {
  const path = volumeOf(pod, name)
  const copy = join(path, file.split('/').at(-1) ?? '')
  copyFileSync(file, copy)
  chownSync(copy, 0, pod.securityContext.fsGroup)
  chmodSync(copy, 0o440)
  return path
}

function named(containers: readonly PodContainer[], name: string): PodContainer {
  const one = containers.find((each) => each.name === name)
  if (one === undefined) throw new Error(`no container ${name}`)
  return one
}

/** What the kubelet gets from each probe. */
function probe(server: Container, { ports, startupProbe, livenessProbe, readinessProbe }: PodContainer) {
  const ask = (one: PodContainer['startupProbe']): Answer['status'] | undefined => {
    const port = ports.find(({ name }) => name === one?.httpGet.port)?.containerPort
    return server.ask(`http://127.0.0.1:${port}${one?.httpGet.path}`)?.status
  }
  return [ask(startupProbe), ask(livenessProbe), ask(readinessProbe)]
}

/** For containers that reach each other, or a bucket. */
const network = { network: 'host' } as const
/** A container of the manifests with another port, for the network of this machine. */
const at = (one: PodContainer, port: number): PodContainer => ({
  ...one,
  ports: one.ports.map((each) => ({ ...each, containerPort: port })),
})

const offer = (server: Container, port = 8787): string =>
  server.ask(`http://127.0.0.1:${port}/v1/update/`, bodyOf('full-update-01'))?.body ?? ''

describe('a server with a volume, and a mirror of it', () => {
  const { podOf, optionsOf } = readOverlay('volume')
  const pod = podOf('Deployment')
  const server = named(pod.containers, 'platte')
  const store = volumeOf(pod, 'store')
  const settings: Record<string, string> = {}
  const given = () => ({
    settings,
    volumes: { store, tmp: volumeIn('tmp'), seed: join(folder, 'seed'), keys: join(folder, 'keys') },
  })
  const volumeIn = (name: string): string => makeVolume(folder, name)
  const serve = () => start(optionsOf(pod, server, given()), /listening on/)
  const seed = () => run(optionsOf(pod, named(pod.initContainers, 'seed'), given()))

  test('the seed fills an empty volume, and leaves it alone from then on', () => {
    const env = { PLATTE_STORE: 'file:/desk/store' }
    settings.PLATTE_ROOT = pinOf(operator(['init', '--root-keys', '/desk/offline'], env))
    const bundle = operator(['export'], { ...env, PLATTE_ROOT: settings.PLATTE_ROOT })
    writeFileSync(join(desk, 'seed.tar'), bundle)
    fileVolumeOf(pod, 'seed', join(desk, 'seed.tar'))
    fileVolumeOf(pod, 'keys', join(desk, 'keys/timestamp.jwk'))
    for (let n = 0; n < 2; n++) expect(seed()).toMatchObject({ status: 0 })
  })

  test('the server passes its probes, publishes what comes by exec, and has time to end', async () => {
    const running = await serve()
    expect(probe(running, server)).toEqual([200, 200, 200])
    const save = "process.stdin.pipe(fs.createWriteStream('/tmp/os_update.gz'))"
    expect(running.exec(['node', '-e', save], payloadText()).status).toBe(0)
    const publish = ['platte', 'publish', '/tmp/os_update.gz', ...release, '--release-key', '/dev/stdin']
    expect(running.exec(publish, readFileSync(join(desk, 'keys/release.jwk'), 'utf8'))).toMatchObject({ status: 0 })
    await expect.poll(() => offer(running), { interval: 2_000 }).toContain('<manifest version="4152.2.0">')
    running.signal('TERM')
    expect(await running.ended).toEqual([0, null])
    const { terminationGracePeriodSeconds = 0 } = pod
    const { preStop } = server.lifecycle ?? {}
    expect(terminationGracePeriodSeconds).toBeGreaterThan((preStop?.sleep.seconds ?? 0) + graceMs / 1000)
  })

  test('the next pod goes on with the same volume', async () => {
    expect(seed()).toMatchObject({ status: 0 })
    const running = await serve()
    expect(offer(running)).toContain('<manifest version="4152.2.0">')
    expect(running.ask('http://127.0.0.1:8787/metrics')?.body).toContain('platte_catalog_age_seconds')
    running.signal('KILL')
  })

  test('a mirror copies it without a key, and serves the copy', async () => {
    const overlay = readOverlay('mirror')
    const both = overlay.podOf('Deployment')
    expect(both.initContainers).toEqual([])
    const [port, copyPort] = [await freePort(), await freePort()]
    const origin = { ...given(), settings: { ...settings, PORT: `${port}` } }
    await start({ ...optionsOf(pod, server, origin), ...network }, /listening on/)

    const volumes = { store: volumeOf(both, 'copy'), tmp: volumeIn('tmp') }
    const upstream = { PLATTE_UPSTREAM: `http://127.0.0.1:${port}`, PORT: `${copyPort}` }
    const optionsOfCopy = (name: string): ContainerOptions => {
      const given = { settings: { ...settings, ...upstream }, volumes }
      return { ...overlay.optionsOf(both, named(both.containers, name), given), ...network }
    }
    await start(optionsOfCopy('mirror'), /packages 1/)
    const copy = await start(optionsOfCopy('platte'), /listening on/)
    expect(probe(copy, at(named(both.containers, 'platte'), copyPort))).toEqual([200, 200, 200])
    expect(offer(copy, copyPort)).toContain('<manifest version="4152.2.0">')
  })
})

describe('servers over a bucket', () => {
  const { podOf, optionsOf } = readOverlay('bucket')
  const { PLATTE_LIVE_S3 = '', AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '' } = process.env
  const secrets = { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY }
  const settings: Record<string, string> = { PLATTE_STORE: PLATTE_LIVE_S3.replace('/live?', `/pods-${process.pid}?`) }

  test('keep nothing: two answer what was published, and the job refreshes', async () => {
    expect(PLATTE_LIVE_S3).toMatch(/^s3:/)
    const env = { PLATTE_STORE: settings.PLATTE_STORE ?? '', ...secrets }
    rmSync(join(desk, 'keys'), { recursive: true, force: true })
    settings.PLATTE_ROOT = pinOf(operator(['init', '--root-keys', '/desk/roots'], env, network))
    writeFileSync(join(desk, 'os_update.gz'), payloadText())
    operator(['publish', '/desk/os_update.gz', ...release], { ...env, PLATTE_ROOT: settings.PLATTE_ROOT }, network)

    const job = podOf('CronJob')
    const keys = fileVolumeOf(job, 'job-keys', join(desk, 'keys/timestamp.jwk'))
    const options = optionsOf(job, named(job.containers, 'refresh'), { settings, secrets, volumes: { keys } })
    expect(run({ ...options, ...network })).toMatchObject({ status: 0 })

    const pod = podOf('Deployment')
    const server = named(pod.containers, 'platte')
    expect(server.volumeMounts).toEqual([])
    for (let n = 0; n < 2; n++) {
      const port = await freePort()
      const options = optionsOf(pod, server, { settings: { ...settings, PORT: `${port}` }, secrets })
      const running = await start({ ...options, ...network }, /listening on/)
      expect(probe(running, at(server, port))).toEqual([200, 200, 200])
      expect(offer(running, port)).toContain('<manifest version="4152.2.0">')
    }
  })
})

/** Of this machine. */
function freePort(): Promise<number> {
  const server = createServer()
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0))
    })
  })
}
