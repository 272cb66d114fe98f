/**
 * What both folder stores do with files: durable writes under a temporary name, folders that are there, and the system's
 * errors in plain words.
 *
 * A key is a path below the root. Names that start with a dot are no keys, so `.tmp` (files being written), `.next`
 * (see folder-documents.ts) and `.uploads` (see folder-uploads.ts) are never served or listed. The last part of a path is
 * never followed where it is a symbolic link; folders within the root that an operator replaced by links are followed
 * when read, but not listed.
 */
import { randomUUID } from 'node:crypto'
import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, link, lstat, mkdir, open, readdir, rm, rmdir, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Instant } from '../../kernel/clock.ts'
import { type ErrorCode, PlatteError } from '../../kernel/errors.ts'

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

/** The system's error as ours, naming the path; anything that is not the system's stays what it is. */
export function storeError(cause: unknown, doing: Doing, path: string): unknown {
  const name = errorName(cause)
  if (name === undefined) return cause
  const [code, why] = words[name] ?? ['store-unavailable', 'cannot']
  return new PlatteError(code, `${path}: ${why} ${doing} it (${name})`, { cause })
}

/** The system's name of an error, such as `ENOENT`. */
export function errorName(error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof PlatteError || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** Runs `work`; the system's errors become ours. */
export async function attempt<T>(doing: Doing, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw storeError(error, doing, path)
  }
}

/** A file that is open for reading; who has it closes it. */
export interface OpenFile {
  readonly handle: FileHandle
  readonly stats: BigIntStats
}

/**
 * Opens a file for reading, whatever else may lie there: a pipe does not hang, a link is not followed.
 * @returns `undefined` where there is no such file below a root that is there.
 */
export async function openFile(root: string, path: string): Promise<OpenFile | undefined> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const stats = await handle.stat({ bigint: true })
    if (stats.isFile()) return { handle, stats }
    await handle.close()
  } catch (error) {
    if (errorName(error) !== 'ENOENT') throw storeError(error, 'read', path)
    await checkRoot(root)
    return undefined
  }
  throw new PlatteError('store-unavailable', `${path}: is a folder or a device, not a file`)
}

/** A store that is not mounted must not look like one that is empty. */
export async function checkRoot(root: string): Promise<void> {
  try {
    await stat(root)
  } catch (cause) {
    if (errorName(cause) !== 'ENOENT') throw storeError(cause, 'read', root)
    const hint = 'mount what belongs there; `platte init` makes a new store'
    throw new PlatteError('store-unavailable', `${root}: the folder of the store is not there`, { cause, hint })
  }
}

/** Makes a folder and its parents, so that they outlive a power cut. */
export async function makeFolder(path: string): Promise<void> {
  await attempt('write', path, async () => {
    const first = await mkdir(path, { recursive: true })
    if (first === undefined) return
    for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made))
  })
}

/** Makes the names in a folder outlive a power cut. Some file systems cannot and say so; they do it unasked, or never. */
export async function syncFolder(path: string): Promise<void> {
  await attempt('write', path, async () => {
    const handle = await open(path, constants.O_RDONLY)
    try {
      await handle.sync()
    } catch (error) {
      if (!['EINVAL', 'ENOTSUP'].includes(errorName(error) ?? '')) throw error
    } finally {
      await handle.close()
    }
  })
}

const temporaryFolder = (root: string): string => join(root, '.tmp')

/**
 * Writes a file under a temporary name, to the disk itself. Where `fill` or the disk fails, nothing stays.
 * @param fill what it throws is thrown as it is.
 * @returns the path and what `fill` returned.
 */
export async function writeTemporary<T>(root: string, fill: (handle: FileHandle, path: string) => Promise<T>) {
  const path = join(temporaryFolder(root), randomUUID())
  const handle = await attempt('write', path, () => openNew(path))
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

/** The system may take less than it is given, as on a disk that becomes full. */
export const writeWhole = (handle: FileHandle, path: string, chunk: Uint8Array): Promise<void> =>
  attempt('write', path, async () => {
    for (let at = 0; at < chunk.length; ) at += (await handle.write(chunk, at)).bytesWritten
  })

async function openNew(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx')
  } catch (error) {
    if (errorName(error) !== 'ENOENT') throw error
    await makeFolder(dirname(path))
    return await open(path, 'wx')
  }
}

/**
 * Gives a written file a further name, which must be free: link(2), so that of many exactly one gets it.
 * @returns whether we have the name.
 */
export async function linkTo(temporary: string, path: string): Promise<boolean> {
  for (let tries = 1; ; tries++) {
    try {
      await link(temporary, path)
      return true
    } catch (error) {
      // A network file system may repeat a link whose answer was lost, and then say that it exists.
      if (await areOne(temporary, path)) return true
      if (errorName(error) === 'EEXIST') return false
      if (errorName(error) !== 'ENOENT' || tries === linkAtMost) throw storeError(error, 'write', path)
    }
    await makeFolder(dirname(path))
  }
}

/** Somebody who removes the last file of a folder may take the folder away that was just made. */
const linkAtMost = 4

async function areOne(a: string, b: string): Promise<boolean> {
  try {
    const [first, second] = await Promise.all([lstat(a, { bigint: true }), lstat(b, { bigint: true })])
    return first.ino === second.ino && first.dev === second.dev
  } catch {
    return false
  }
}

/** Removes a file; one that is not there is no error. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if (errorName(error) !== 'ENOENT') throw storeError(error, 'remove', path)
  }
}

/** Removes what the swaps of a removed document left beside it, and folders that became empty. Only tidies: it never fails. */
export async function tidyAfter(root: string, key: string): Promise<void> {
  const followers = join('.next', key)
  await rm(join(root, followers), { recursive: true, force: true }).catch(() => undefined)
  for (const path of [followers, key]) await removeEmptyFolders(root, path)
}

async function removeEmptyFolders(root: string, path: string): Promise<void> {
  try {
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) await rmdir(join(root, folder))
  } catch {
    // Others are using it.
  }
}

/** Removes a file that is of no use any more; where that fails it stays until it is swept. */
export const discardFile = (path: string): Promise<void> => removeFile(path).catch(() => undefined)

export const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  )

/** Removes what lies directly in a folder and was last written before `before`. Only tidies: it never fails. */
export async function sweep(folder: string, before: Instant): Promise<void> {
  const names = await readdir(folder).catch(() => [])
  for (const name of names) {
    const path = join(folder, name)
    const written = await lstat(path).catch(() => undefined)
    if (written !== undefined && written.mtimeMs < before) await discardFile(path)
  }
}

const dayMs = 24 * 60 * 60 * 1000

/** Removes what writers that died left behind a day ago. */
export const sweepTemporary = (root: string, now: Instant): Promise<void> => sweep(temporaryFolder(root), now - dayMs)
