/**
 * What a container does to a process, as far as this machine lets us: a user without rights of his own, no new privileges
 * and no capabilities; as root also a mount namespace in which everything but the volumes is read-only. The image's
 * files lie below a folder, so its absolute paths are changed to lead there. What the base image brings (Node, a shell,
 * coreutils) is this machine's.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, constants, copyFileSync, cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { delimiter, dirname, join, resolve } from 'node:path'
import type { Stage } from './dockerfile.ts'

const repository = resolve(import.meta.dirname, '../..')
const bin = 'usr/local/bin'
export const isRoot = process.getuid?.() === 0
/** The user of the image; who is not root cannot become another one. */
export const uid = isRoot ? 1000 : (process.getuid?.() ?? 0)
const owner: User = { uid, gid: isRoot ? uid : (process.getgid?.() ?? 0) }

const has = (words: readonly string[]): boolean => spawnSync(words[0] ?? '', words.slice(1)).status === 0
export const canDropPrivileges = has(['setpriv', '--no-new-privs', 'true'])
export const canMount =
  isRoot && has(['unshare', '--mount', '--propagation', 'private', 'mount', '--bind', '/', '/mnt'])

/** An absolute path of the image, or a text with some in it, as it is below `root`. */
export const below = (root: string, text: string): string =>
  text.replaceAll(/(?<![\w./-])\/(?=(?:src|opt|etc|var|run|keys)\b)/g, `${root}/`)

export interface BuildOptions {
  /** A folder in which each stage gets one of its own. */
  readonly folder: string
  /** Whether `npm ci` is run as it stands, or the packages that are installed here are lent. */
  readonly install: 'run' | 'lend'
}

/** Carries out every instruction that builds. @returns the folder of the last stage. */
export function build(stages: readonly Stage[], options: BuildOptions): string {
  const roots = new Map<string, string>()
  process.umask(0o022)
  for (const { name, steps } of stages) {
    const root = join(options.folder, name || 'image')
    roots.set(name, root)
    mkdirSync(root, { mode: 0o755 })
    let workdir = '/'
    for (const { op, text } of steps) {
      if (op === 'WORKDIR') workdir = text
      const at = join(root, workdir)
      mkdirSync(at, { recursive: true })
      if (op === 'COPY') copy(text, { at, root, roots })
      if (op === 'RUN') run(text, { at, root, install: options.install })
    }
  }
  return addNode(roots.get('') ?? '')
}

function copy(
  text: string,
  to: { readonly at: string; readonly root: string; readonly roots: ReadonlyMap<string, string> },
): void {
  const [, from, words = ''] = /^(?:--from=(\w+) )?([^-].*)$/.exec(text) ?? []
  const sources = words.split(' ')
  const target = sources.pop() ?? ''
  for (const source of sources) {
    const origin = from === undefined ? contextFile(source) : join(to.roots.get(from) ?? '', source)
    const ref = target.startsWith('/') ? join(to.root, target) : join(to.at, target)
    mkdirSync(dirname(ref), { recursive: true })
    cpSync(origin, target.endsWith('/') ? join(ref, source) : ref, { recursive: true })
  }
}

/** What the build may see: the ignore file lists exceptions from everything. */
function contextFile(name: string): string {
  const [everything, ...shown] = readFileSync(join(repository, 'infra/docker/Dockerfile.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => !/^(#|$)/.test(line))
  if (everything !== '*' || !shown.includes(`!${name}`)) throw new Error(`${name} is not in the build's context`)
  return join(repository, name)
}

function run(text: string, where: { readonly at: string; readonly root: string; readonly install: string }): void {
  const lend = /^npm ci\b/.test(text) && where.install === 'lend'
  if (lend) symlinkSync(join(repository, 'node_modules'), join(where.at, 'node_modules'))
  const command = lend ? 'true' : below(where.root, text).replaceAll(/\b1000\b/g, String(uid))
  execFileSync('sh', ['-c', command], { cwd: where.at, stdio: ['ignore', 'ignore', 'inherit'] })
}

/** A copy, because nobody but its owner may enter a clone below a private folder. */
export function addNode(root: string): string {
  mkdirSync(join(root, bin), { recursive: true })
  copyFileSync(process.execPath, join(root, bin, 'node'), constants.COPYFILE_FICLONE)
  chmodSync(join(root, bin, 'node'), 0o755)
  return root
}

/** A user and his group. */
export interface User {
  readonly uid: number
  readonly gid: number
}

/** How a process in a container is started. */
export interface Place {
  readonly root: string
  readonly env: Readonly<Record<string, string>>
  /** Where volumes are mounted, as the image names them. */
  readonly volumes: readonly string[]
  /** Without one: the image's. Only root can run things as somebody else. */
  readonly user?: User
}

/** Mounts as they are in a container with a read-only root: $1 is the root, $2 how many volumes follow. */
const mountAll = `set -e
root=$1; count=$2; shift 2
mount --bind "$root" "$root"
while [ "$count" -gt 0 ]; do mount --bind "$1" "$1"; shift; count=$((count - 1)); done
mount -o remount,bind,ro "$root"
mount -o remount,bind,ro /
exec "$@"`

/** The words and variables that start a command of the image in its container. */
export function contained({ root, env, volumes, user = owner }: Place, words: readonly string[]) {
  const mounts = volumes.map((volume) => below(root, volume))
  const namespace = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', mountAll, 'sh', root]
  const drop = [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', '--bounding-set=-all']
  const [command = '', ...args] = [
    ...(canMount ? [...namespace, String(mounts.length), ...mounts] : []),
    ...['setpriv', '--no-new-privs', ...(isRoot ? drop : [])],
    ...words.map((word) => below(root, word)),
  ]
  const settings = Object.entries(env).map(([name, value]) => [name, below(root, value)])
  const path = `${join(root, bin)}${delimiter}/usr/bin${delimiter}/bin${delimiter}/usr/sbin`
  return { command, args, options: { cwd: '/', env: { ...Object.fromEntries(settings), PATH: path } } }
}

/** Gives a folder or a file to a user, the image's if nobody else is named. */
export function give(path: string, { uid, gid }: User = owner): void {
  if (isRoot) chownSync(path, uid, gid)
}
