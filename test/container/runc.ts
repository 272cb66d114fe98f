/**
 * Containers of the image by runc, as Docker and Kubernetes start them: namespaces of their own, no capabilities, no new
 * privileges, a read-only root. Each has a network of its own with nothing but loopback, which tests enter to ask it.
 */
import { type ChildProcess, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

const given = process.env.PLATTE_IMAGE
if (given === undefined) throw new Error('no image; CONTRIBUTING.md has the command of these tests')
/** The files of the image. */
export const rootfs = realpathSync(join(given, 'rootfs'))

interface ImageConfig {
  readonly User: string
  readonly Env: readonly string[]
  readonly Entrypoint: readonly string[]
  readonly Cmd: readonly string[]
  readonly ExposedPorts: Readonly<Record<string, object>>
  readonly Labels: Readonly<Record<string, string>>
}

export const image: ImageConfig = JSON.parse(readFileSync(join(given, 'config.json'), 'utf8')).OCIv1.config

export interface Mount {
  /** On this machine. */
  readonly source: string
  /** In the container. */
  readonly destination: string
  readonly readOnly?: boolean
}

export interface ContainerOptions {
  readonly args: readonly string[]
  /** Beside the image's own. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly mounts?: readonly Mount[]
  /** `uid:gid`; without it, the image's. */
  readonly user?: string
  readonly groups?: readonly number[]
  /** `host`: that of this machine, in the place of one of its own. */
  readonly network?: 'host'
}

/** Where runc keeps what it knows of running containers, and their bundles. */
const state = mkdtempSync('/tmp/platte-runc-')
let count = 0

const namespaces = ['pid', 'network', 'ipc', 'uts', 'mount'].map((type) => ({ type }))
const system = [
  { destination: '/proc', type: 'proc', source: 'proc' },
  { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=65536k'] },
]

function specOf({ args, env = {}, mounts = [], user = image.User, groups = [], network }: ContainerOptions): object {
  const [uid, gid] = user.split(':').map(Number)
  const own = namespaces.filter(({ type }) => type !== 'network' || network !== 'host')
  const variables = { ...Object.fromEntries(image.Env.map((pair) => pair.split(/=(.*)/s))), ...env }
  return {
    ociVersion: '1.0.2',
    process: {
      ...{ terminal: false, user: { uid, gid, additionalGids: groups }, args, cwd: '/', noNewPrivileges: true },
      env: Object.entries(variables).flatMap(([name, value]) => (value === undefined ? [] : `${name}=${value}`)),
    },
    root: { path: rootfs, readonly: true },
    mounts: [
      ...system,
      ...mounts.map(({ source, destination, readOnly }) => ({
        ...{ source, destination, type: 'bind', options: ['rbind', readOnly ? 'ro' : 'rw', 'nosuid', 'nodev'] },
      })),
    ],
    linux: { namespaces: own, maskedPaths: ['/proc/kcore', '/proc/keys'], readonlyPaths: ['/proc/sys'] },
  }
}

function bundleOf(options: ContainerOptions): {
  readonly id: string
  readonly words: readonly string[]
  readonly pidFile: string
} {
  const id = `platte-test-${process.pid}-${count++}`
  const bundle = join(state, id)
  mkdirSync(bundle)
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(specOf(options)))
  const pidFile = join(bundle, 'pid')
  return { id, pidFile, words: ['--root', join(state, 'run'), 'run', '--bundle', bundle, '--pid-file', pidFile, id] }
}

/** Runs a container to its end. */
export const run = (options: ContainerOptions, input = '') =>
  spawnSync('runc', bundleOf(options).words, { encoding: 'utf8', input, timeout: 120_000 })

export interface Answer {
  readonly status: number
  readonly body: string
}

export interface Container {
  /** Of its first process, on this machine. */
  readonly pid: number
  readonly process: ChildProcess
  /** What it wrote to stdout and stderr until now. */
  readonly output: () => string
  /** Asks it from within its network. @returns `undefined` without an answer. */
  readonly ask: (url: string, body?: string) => Answer | undefined
  /** Runs a command in it, as its user. */
  readonly exec: (args: readonly string[], input?: string) => SpawnSyncReturns<string>
  readonly signal: (name: string) => void
  /** Exit code, and the signal that ended it. */
  readonly ended: Promise<unknown>
}

const fetcher = `const [url, body] = JSON.parse(process.argv[1])
fetch(url, { ...(body !== null && { method: 'POST', body }), signal: AbortSignal.timeout(10_000) })
  .then(async (r) => console.log(JSON.stringify({ status: r.status, body: await r.text() })), () => process.exit(9))`

const running: Container[] = []

/** Starts a container, and waits until its output has `ready`. @throws Error where it ends before. */
export async function start(options: ContainerOptions, ready: RegExp): Promise<Container> {
  const { id, words, pidFile } = bundleOf(options)
  const process = spawn('runc', words, { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(process, 'exit')
  let output = ''
  const isReady = new Promise<void>((resolve) => {
    for (const stream of [process.stdout, process.stderr])
      stream.on('data', (chunk) => {
        output += chunk
        if (ready.test(output)) resolve()
      })
  })
  const early = ended.then(() => Promise.reject(new Error(`it ended: ${output}`)))
  await Promise.race([isReady, early])
  early.catch(() => {})
  const pid = Number(readFileSync(pidFile, 'utf8'))
  const runc = (args: readonly string[], input = '') =>
    spawnSync('runc', ['--root', join(state, 'run'), ...args], { encoding: 'utf8', input })
  const container: Container = {
    ...{ pid, process, ended, output: () => output },
    ask: (url, body) => {
      const inside = [
        '--net',
        `--target=${pid}`,
        globalThis.process.execPath,
        '-e',
        fetcher,
        JSON.stringify([url, body ?? null]),
      ]
      const { status, stdout } = spawnSync('nsenter', inside, { encoding: 'utf8' })
      return status === 0 ? JSON.parse(stdout) : undefined
    },
    exec: (args, input) => runc(['exec', id, ...args], input),
    signal: (name) => void runc(['kill', id, name]),
  }
  running.push(container)
  return container
}

/** Ends what still runs, and removes what runc keeps. */
export async function stopAll(): Promise<void> {
  for (const { process, signal, ended } of running) {
    if (process.exitCode !== null || process.signalCode !== null) continue
    signal('KILL')
    await ended
  }
  rmSync(state, { recursive: true, force: true })
}

/** A folder on this machine that a user of a container may write. */
export function makeVolume(parent: string, name: string, user = image.User): string {
  const folder = join(parent, name)
  const [uid = 0, gid = 0] = user.split(':').map(Number)
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true, mode: 0o700 })
  chownSync(folder, uid, gid)
  return folder
}
