/**
 * What systemd does to a process, as far as this machine lets us: a user without rights of his own, no new privileges
 * and no capabilities; as root also a mount namespace in which everything but the volumes is read-only. What is
 * installed lies below a folder, so absolute paths are changed to lead there. Shell and coreutils are this machine's.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, constants, copyFileSync, mkdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const bin = 'usr/local/bin'
export const isRoot = process.getuid?.() === 0
/** The user of the service; who is not root cannot become another one. */
export const uid = isRoot ? 1000 : (process.getuid?.() ?? 0)
const owner: User = { uid, gid: isRoot ? uid : (process.getgid?.() ?? 0) }

const has = (words: readonly string[]): boolean => spawnSync(words[0] ?? '', words.slice(1)).status === 0
export const canDropPrivileges = has(['setpriv', '--no-new-privs', 'true'])
const canMount = isRoot && has(['unshare', '--mount', '--propagation', 'private', 'mount', '--bind', '/', '/mnt'])

/** An absolute path, or a text with some in it, as it is below `root`. */
export const below = (root: string, text: string): string =>
  text.replaceAll(/(?<![\w./-])\/(?=(?:src|opt|etc|var|run|keys)\b)/g, `${root}/`)

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
