/**
 * Files of the folder stores: durable writes under a temporary name, folders, lists, and the system's errors in plain words.
 *
 * A key is a path below the root. Names that start with a dot are not keys, so `.tmp` (files being written), `.next` (see
 * documents.ts) and `.uploads` (see uploads.ts) are never served or listed. A file that is a symbolic link is refused;
 * folders that are links are followed when read, and not listed.
 */
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, link, lstat, mkdir, open, readdir, stat, unlink } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { checkKey, isKey } from '../../documents/paths.ts'
import type { Instant } from '../../kernel/clock.ts'
import { type ErrorCode, PlatteError } from '../../kernel/errors.ts'
import { sharedRuns } from '../../kernel/shared-runs.ts'

type Doing = 'read' | 'write' | 'list' | 'remove'

const words: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  EACCES: ['forbidden', 'this user has no permission to'],
  EPERM: ['forbidden', 'this user, or this file system (it has to know hard links), does not allow to'],
  ENOSPC: ['store-unavailable', 'the disk is full, cannot'],
  EDQUOT: ['store-unavailable', 'the disk quota is used up, cannot'],
  EFBIG: ['store-unavailable', 'the limit for the size of a file is reached, cannot'],
  EROFS: ['store-unavailable', 'the file system is read-only, cannot'],
  EISDIR: ['store-unavailable', 'there is a folder where a file should be, cannot'],
  ENOTDIR: ['store-unavailable', 'there is a file where a folder should be, cannot'],
  EEXIST: ['store-unavailable', 'there is a file where a folder should be, cannot'],
  ELOOP: ['store-unavailable', 'there is a symbolic link where a file should be, cannot'],
  EXDEV: ['store-unavailable', 'the store has to lie in one file system, cannot'],
  EMFILE: ['store-unavailable', 'this process has too many open files, cannot'],
}

/** A system error as ours, naming the path; any other error is returned. */
export function storeError(cause: unknown, doing: Doing, path: string): unknown {
  const name = errorName(cause)
  if (name === undefined) return cause
  const [code, why] = words[name] ?? ['store-unavailable', 'cannot']
  return new PlatteError(code, `${path}: ${why} ${doing} it (${name})`, { cause })
}

/** The name of a system error, such as `ENOENT`. */
export function errorName(error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof PlatteError || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** Runs `work`; system errors become ours. */
export async function attempt<T>(doing: Doing, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw storeError(error, doing, path)
  }
}

/** The same; `undefined` if there is no such file or folder. */
export const attemptIfThere = <T>(doing: Doing, path: string, work: () => Promise<T>): Promise<T | undefined> =>
  attempt(doing, path, () =>
    work().catch((error: unknown) => {
      if (errorName(error) !== 'ENOENT') throw error
      return undefined
    }),
  )

/** Opens a file for reading; a pipe does not hang, a link is not followed. @returns `undefined` if it does not exist. */
export async function openFile(root: string, path: string) {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const file = await attemptIfThere('read', path, async () => {
    const handle = await open(path, flags)
    return { handle, stats: await handle.stat({ bigint: true }) }
  })
  if (file === undefined) await checkRoot(root)
  if (file === undefined || file.stats.isFile()) return file
  await file.handle.close()
  throw new PlatteError('store-unavailable', `${path}: is a folder or a device, not a file`)
}

/** A store that is not mounted must not look empty. */
export async function checkRoot(root: string): Promise<void> {
  if ((await attemptIfThere('read', root, () => stat(root)))?.isDirectory()) return
  const hint =
    'mount what belongs there; `platte mirror` copies a store, `platte init` without PLATTE_ROOT makes a new one'
  throw new PlatteError('store-unavailable', `${root}: the folder of the store does not exist`, { hint })
}

/** Makes a folder of the store and its parents durably, but never the root: a store that is not mounted stays away. */
export async function makeFolder(root: string, path: string): Promise<void> {
  await checkRoot(root)
  let parent = root
  const changed: string[] = []
  for (const name of relative(root, path).split(sep)) {
    const folder = join(parent, name)
    const makeOne = () => mkdir(folder).then(() => true, isThereAlready)
    // A concurrent removal may take the parent away; callers try again.
    if (await attemptIfThere('write', folder, makeOne)) changed.push(parent)
    parent = folder
  }
  await Promise.all(changed.map(syncFolder))
}

function isThereAlready(error: unknown): false {
  if (errorName(error) !== 'EEXIST') throw error
  return false
}

/** Makes the names in a folder survive a power cut, where the file system supports that. */
export const syncFolder = sharedRuns((path) =>
  attempt('write', path, async () => {
    const handle = await open(path, constants.O_RDONLY)
    try {
      await handle.sync()
    } catch (error) {
      if (!['EINVAL', 'ENOTSUP'].includes(errorName(error) ?? '')) throw error
    } finally {
      await handle.close()
    }
  }),
)

const temporaryFolder = (root: string): string => join(root, '.tmp')

/** Writes and syncs a file under a temporary name; after a failure nothing stays. @returns the path, and what `fill` returned. */
export async function writeTemporary<T>(root: string, fill: (handle: FileHandle, path: string) => Promise<T>) {
  const path = join(temporaryFolder(root), randomUUID())
  const openNew = () => open(path, 'wx')
  const handle =
    (await attemptIfThere('write', path, openNew)) ??
    (await attempt('write', path, async () => {
      await makeFolder(root, dirname(path))
      return await openNew()
    }))
  try {
    const result = await fill(handle, path)
    await attempt('write', path, async () => {
      await handle.sync()
      await handle.close()
    })
    return { path, result }
  } catch (error) {
    await handle.close().catch(() => undefined)
    await discardFile(path)
    throw error
  }
}

/** A write may be short, as on a disk that becomes full. */
export const writeWhole = (handle: FileHandle, path: string, chunk: Uint8Array): Promise<void> =>
  attempt('write', path, async () => {
    for (let at = 0; at < chunk.length; ) at += (await handle.write(chunk, at)).bytesWritten
  })

/** A concurrent removal may take away the folder that was just made. */
const linkAtMost = 4

/** Links a written file to a free name: of many writers exactly one gets it. @returns whether we have the name. */
export async function linkTo(root: string, temporary: string, path: string): Promise<boolean> {
  for (let tries = 1; ; tries++) {
    try {
      await link(temporary, path)
      return true
    } catch (error) {
      const isNoFolder = errorName(error) === 'ENOENT' && tries < linkAtMost
      // A network file system may retry a link whose answer was lost, and then report that it exists.
      if (!isNoFolder && (await areOne(temporary, path))) return true
      if (errorName(error) === 'EEXIST') return false
      if (!isNoFolder) throw storeError(error, 'write', path)
    }
    await makeFolder(root, dirname(path))
  }
}

const statOrNone = (path: string) => lstat(path, { bigint: true }).catch(() => undefined)

export const isThere = async (path: string): Promise<boolean> => (await statOrNone(path)) !== undefined

async function areOne(a: string, b: string): Promise<boolean> {
  const [first, second] = await Promise.all([statOrNone(a), statOrNone(b)])
  return first !== undefined && first.ino === second?.ino && first.dev === second.dev
}

/** Removes a file; a missing one is no error. */
export const removeFile = (path: string): Promise<void> => attemptIfThere('remove', path, () => unlink(path))

/** Removes a file that nobody needs; after a failure it stays until it is swept. */
export const discardFile = (path: string): Promise<void> => removeFile(path).catch(() => undefined)

/** Removes files directly in a folder after `keepMs`; of more than `most`, the first by name after a minute. Never fails. */
export async function sweep(folder: string, now: Instant, keepMs: number, most = Number.POSITIVE_INFINITY) {
  const names = (await readdir(folder).catch(() => [])).sort()
  for (const [i, name] of names.entries()) {
    const { mtimeMs = now, ctimeMs = now } = (await statOrNone(join(folder, name))) ?? {}
    const isOfCrowd = i < names.length - most && Math.abs(now - Number(ctimeMs)) > 60_000
    if (isOfCrowd || mtimeMs < now - keepMs) await discardFile(join(folder, name))
  }
}

const hourMs = 60 * 60 * 1000
const swept = new Map<string, Instant>()

/** Removes what crashed writers left behind a day ago, at most once an hour in a process. */
export async function sweepTemporary(root: string, now: Instant): Promise<void> {
  if (Math.abs(now - (swept.get(root) ?? Number.NEGATIVE_INFINITY)) < hourMs) return
  swept.set(root, now)
  await sweep(temporaryFolder(root), now, 24 * hourMs)
}

/** All keys that start with `prefix`, in byte order. */
export async function* listFiles(root: string, prefix: string): AsyncIterable<string> {
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  if (folder !== '') checkKey(folder.slice(0, -1))
  await checkRoot(root)
  for await (const key of walk(root, folder)) if (key.startsWith(prefix)) yield key
}

/** The names of the non-empty folders in `folder`, which ends in "/". */
export async function* listFolders(root: string, folder: string): AsyncIterable<string> {
  checkKey(folder.slice(0, -1))
  await checkRoot(root)
  for (const name of await namesIn(root, folder)) {
    if (!name.endsWith('/')) continue
    for await (const _ of walk(root, folder + name)) {
      yield name.slice(0, -1)
      break
    }
  }
}

async function* walk(root: string, folder: string): AsyncIterable<string> {
  for (const name of await namesIn(root, folder)) {
    if (name.endsWith('/')) yield* walk(root, folder + name)
    else yield folder + name
  }
}

/** The keys in a folder, in byte order; those of folders end in "/". */
async function namesIn(root: string, folder: string): Promise<readonly string[]> {
  const path = join(root, folder)
  const entries = await readdir(path, { withFileTypes: true }).catch(async (error: unknown) => {
    if (!['ENOENT', 'ENOTDIR'].includes(errorName(error) ?? '')) throw storeError(error, 'list', path)
    return checkRoot(root).then(() => [])
  })
  return entries
    .filter((entry) => isKey(folder + entry.name) && (entry.isDirectory() || entry.isFile()))
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
    .sort()
}
