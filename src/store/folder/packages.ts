/** Packages as files of a folder, each copied and hashed in one pass under a temporary name, then linked into place. */
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { type FileHandle, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { checkKey } from '../../documents/paths.ts'
import { PlatteError } from '../../kernel/errors.ts'
import type { NewHasher } from '../../kernel/hasher.ts'
import { pumpReusing, streamFrom } from '../../kernel/streams.ts'
import type { ByteRange, ExpectedPackage, OpenPackage, Packages } from '../packages.ts'
import { checkRange, hashInto } from '../streams.ts'
import type { FolderOptions } from './documents.ts'
import * as files from './files.ts'

export interface FolderPackagesOptions extends FolderOptions {
  readonly newHasher: NewHasher
}

/** @param root the folder: it must exist; nothing here makes it. May be that of the documents. */
export function folderPackages(root: string, options: FolderPackagesOptions): Packages {
  const pathOf = (key: string): string => join(root, checkKey(key))
  return {
    open: async (key, range) => openPackage(root, pathOf(key), range),
    async put(key, body, expected) {
      const path = pathOf(key)
      if ((await files.isThere(path)) && (await sizeOf(root, path)) === expected.size) {
        await body.cancel()
        await files.syncFolder(dirname(path))
        return 'same'
      }
      return await place(root, path, await copy(root, body, { ...options, name: key, expected }))
    },
    async stage(body) {
      const { temporary, ...found } = await copy(root, body, { ...options, name: 'the package' })
      return {
        ...found,
        keep: async (key) => place(root, pathOf(key), { temporary, ...found }),
        discard: () => files.removeFile(temporary),
      }
    },
    async stat(key) {
      const size = await sizeOf(root, pathOf(key))
      return size === undefined ? undefined : { size }
    },
    async remove(key) {
      await files.removeFile(pathOf(key))
      await tidyAfter(root, key)
    },
    list: (prefix) => files.listFiles(root, prefix),
  }
}

/** As many written bytes go to the disk while the next ones are read, so that there is little to wait for at the end. */
const syncBytes = 64 * 1024 * 1024

function writerOf(handle: FileHandle, path: string) {
  let [unsynced, syncing] = [0, Promise.resolve()]
  return {
    async write(chunk: Uint8Array): Promise<void> {
      await files.writeWhole(handle, path, chunk)
      unsynced += chunk.length
      if (unsynced < syncBytes) return
      await syncing
      unsynced = 0
      syncing = files.attempt('write', path, () => handle.datasync())
      // Thrown by the next write, or at the end.
      syncing.catch(() => undefined)
    },
    end: () => syncing,
  }
}

/** Writes and hashes a package under a temporary name. */
async function copy(
  root: string,
  body: ReadableStream<Uint8Array>,
  { clock, newHasher, ...what }: FolderPackagesOptions & { readonly name: string; readonly expected?: ExpectedPackage },
) {
  await files.sweepTemporary(root, clock())
  const { path: temporary, result } = await files
    .writeTemporary(root, async (handle, path) => {
      const { write, end } = writerOf(handle, path)
      const found = await hashInto(body, write, { hasher: newHasher(), ...what }, pumpReusing)
      await end()
      return found
    })
    .catch(async (error) => {
      // If the file could not be opened, the body is still uncancelled.
      if (!body.locked) await body.cancel(error).catch(() => undefined)
      throw error
    })
  return { temporary, ...result }
}

type Copied = Pick<Awaited<ReturnType<typeof copy>>, 'temporary' | 'size' | 'sha256'>

/** Links a copy into place; damaged bytes there (a file cut short) are replaced. */
async function place(root: string, path: string, { temporary, size, sha256 }: Copied): Promise<'stored' | 'same'> {
  try {
    const linked = await files.linkTo(root, temporary, path)
    const same = !linked && (await sizeOf(root, path)) === size && (await sha256Of(root, path)) === sha256
    if (!linked && !same) await files.attempt('write', path, () => rename(temporary, path))
    await files.syncFolder(dirname(path))
    return same ? 'same' : 'stored'
  } finally {
    await files.discardFile(temporary)
  }
}

async function sizeOf(root: string, path: string): Promise<number | undefined> {
  const file = await files.openFile(root, path)
  await file?.handle.close()
  return file && Number(file.stats.size)
}

async function sha256Of(root: string, path: string): Promise<string | undefined> {
  const hash = createHash('sha256')
  const open = await openPackage(root, path)
  for await (const chunk of open?.body ?? []) hash.update(chunk)
  return open && hash.digest('hex')
}

/** Removes the followers of a removed document, and empty folders. Never fails. */
async function tidyAfter(root: string, key: string): Promise<void> {
  const followers = join('.next', key)
  await rm(join(root, followers), { recursive: true, force: true }).catch(() => undefined)
  for (const path of [followers, key])
    try {
      for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) await rmdir(join(root, folder))
    } catch {
      // The folder is in use.
    }
}

/** Opens a file of the store, or a range of it; `undefined` if it does not exist. */
export async function openPackage(root: string, path: string, range?: ByteRange): Promise<OpenPackage | undefined> {
  const file = await files.openFile(root, path)
  if (file === undefined) return undefined
  const size = Number(file.stats.size)
  try {
    return { size, body: bodyOf(file.handle, path, checkRange(path, range, size)) }
  } catch (error) {
    await file.handle.close()
    throw error
  }
}

/** Small, to save memory: 500 MB take a second and 40 MB of memory; with 128 KiB a third less time and 70 MB. */
const chunkBytes = 64 * 1024

/** Reads on demand. Closes the file at the end, after a failure, and when the reader cancels. */
function bodyOf(handle: FileHandle, path: string, { start, end }: ByteRange): ReadableStream<Uint8Array> {
  let at = start
  const next = async (): Promise<Uint8Array | undefined> => {
    if (at > end) return undefined
    // Not from Node's shared pool, where a reader could see its neighbours.
    const chunk = new Uint8Array(Buffer.allocUnsafeSlow(Math.min(chunkBytes, end + 1 - at)).buffer)
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, at)
    if (bytesRead === 0) throw new PlatteError('store-unavailable', `${path}: ends before its size`)
    at += bytesRead
    return chunk.subarray(0, bytesRead)
  }
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= handle.close())
  return streamFrom(async () => {
    try {
      const chunk = await next()
      if (at > end) await close()
      return chunk
    } catch (error) {
      await close().catch(() => undefined)
      throw files.storeError(error, 'read', path)
    }
  }, close)
}
