/** Machines that reboot in turns: with the real locksmithd or locksmithctl of a version, and as Zincati asks. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

/** Made by `.ci/locksmith`: a folder for each version, and `bus`. */
export const locksmiths = process.env.PLATTE_LOCKSMITH ?? ''
export const versions = ['flatcar-0.7.0', 'coreos-0.6.2', 'coreos-0.3'] as const
export type Version = (typeof versions)[number]

export interface RealMachine {
  readonly id: string
  /** Waits for its turn, reboots, and comes up again. Its slot is free once `isUp` was seen to be right. */
  reboot(down: () => Promise<void>): Promise<void>
  /** Ends what was started. */
  end(): void
}

interface Where {
  readonly id: string
  readonly group: string
  /** Environment, or options, of locksmith: where it asks, and as whom. */
  readonly endpoint: string
  readonly user?: { readonly name: string; readonly password: string }
  readonly folder: string
}

/** A system of its own as far as locksmithd sees it: a machine id, an empty `/run`, and a system bus. */
const asMachine = `mount -t tmpfs none /run && mkdir /run/update-engine /run/dbus &&
  ln -s "$1/bus" /run/dbus/system_bus_socket && mount --bind "$1/machine-id" /etc/machine-id && exec "$2"`

/** systemd starts it again after ten seconds; here after a tenth of them, as all its pauses are shorter. */
const restartMs = 1000

export async function startLocksmithd(version: Version, where: Where): Promise<RealMachine> {
  const { id, group, endpoint, user } = where
  const folder = join(where.folder, id)
  mkdirSync(folder)
  writeFileSync(join(folder, 'machine-id'), `${id}\n`)
  const log = openSync(join(folder, 'log'), 'a')
  const bus = spawn(join(locksmiths, 'bus'), [join(folder, 'bus')], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface(bus.stdout)[Symbol.asyncIterator]()
  await lines.next()
  const env = {
    PATH: process.env.PATH,
    REBOOT_STRATEGY: 'etcd-lock',
    LOCKSMITHD_ENDPOINT: endpoint,
    LOCKSMITHD_GROUP: group,
    ...(user && { LOCKSMITHD_ETCD_USERNAME: user.name, LOCKSMITHD_ETCD_PASSWORD: user.password }),
  }
  let [daemon, isOn]: [ChildProcess | undefined, boolean] = [undefined, true]
  const start = (): void => {
    const args = ['-rm', 'sh', '-c', asMachine, 'sh', folder, join(locksmiths, version, 'locksmithd')]
    const started = spawn('unshare', args, { env, stdio: ['ignore', 'ignore', log] })
    daemon = started
    // It ends where it cannot ask.
    started.on('exit', (code) => {
      if (code !== null) setTimeout(() => isOn && daemon === started && start(), restartMs)
    })
  }
  start()
  return {
    id,
    async reboot(down) {
      bus.stdin.write('needs a reboot\n')
      await lines.next()
      if (daemon?.exitCode === null) {
        const ended = once(daemon, 'exit')
        daemon.kill('SIGKILL')
        await ended
      }
      await down()
      bus.stdin.write('up\n')
      await lines.next()
      start()
    },
    end() {
      isOn = false
      daemon?.kill('SIGKILL')
      bus.kill('SIGKILL')
    },
  }
}

/** What operators' scripts do without locksmithd. */
export function locksmithctl(version: Version, { id, group, endpoint, user }: Where): RealMachine {
  const access = user ? ['-etcd-username', user.name, '-etcd-password', user.password] : []
  const run = (command: 'lock' | 'unlock'): Promise<string> =>
    new Promise((resolve) => {
      const args = ['-endpoint', endpoint, ...access, '-group', group, command, id]
      execFile(join(locksmiths, version, 'locksmithctl'), args, { timeout: 60_000 }, (error, _, stderr) =>
        resolve(error ? stderr || String(error) : ''),
      )
    })
  return {
    id,
    async reboot(down) {
      while (!/^$|holder exists/.test(await run('lock'))) await sleep(500)
      await down()
      while (!/^$|holder does not exist/.test(await run('unlock'))) await sleep(500)
    },
    end: () => {},
  }
}

/** As Zincati: JSON on several lines, without a content type, until the answer is 200. */
export function zincati({ id, group, endpoint }: Where): RealMachine {
  const post = async (path: string): Promise<boolean> => {
    const body = new TextEncoder().encode(JSON.stringify({ client_params: { id, group } }, null, 2))
    const init = { method: 'POST', headers: { 'fleet-lock-protocol': 'true' }, body }
    return (await fetch(new URL(path, endpoint), init).catch(() => undefined))?.status === 200
  }
  return {
    id,
    async reboot(down) {
      while (!(await post('v1/pre-reboot'))) await sleep(500)
      await down()
      while (!(await post('v1/steady-state'))) await sleep(500)
    },
    end: () => {},
  }
}
