/** Packages as files of a folder, each copied and hashed in one pass under a temporary name, then linked into place. */
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { type FileHandle, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { checkKey } from '../../documents/paths.ts'
import { PlatteError } from '../../kernel/errors.ts'
import type { NewHasher } from '../../kernel/hasher.ts'
import type { ByteRange, ExpectedPackage, OpenPackage, Packages } from '../packages.ts'
import { checkRange, hashInto } from '../streams.ts'
import type { FolderOptions } from './documents.ts'
import {
  attempt,
  discardFile,
  linkTo,
  openFile,
  removeFile,
  storeError,
  sweepTemporary,
  syncFolder,
  tidyAfter,
  writeTemporary,
  writeWhole,
} from './files.ts'
import { listFiles } from './list.ts'

export interface FolderPackagesOptions extends FolderOptions {
  readonly newHasher: NewHasher
}

/** @param root the folder: must exist for reading, and is made by the first write. May be that of the documents. */
export function folderPackages(root: string, options: FolderPackagesOptions): Packages {
  const store = { root, ...options }
  const pathOf = (key: string): string => join(root, checkKey(key))
  return {
    open: async (key, range) => openPackage(root, pathOf(key), range),
    async put(key, body, expected) {
      const path = pathOf(key)
      if ((await sizeOf(root, path)) === expected.size) {
        await body.cancel()
        await syncFolder(dirname(path))
        return 'same'
      }
      return await place(root, path, await copy(store, body, { name: key, expected }))
    },
    async stage(body) {
      const copied = await copy(store, body, { name: 'the package' })
      const { size, sha256, sha1 } = copied
      return {
        ...{ size, sha256, sha1 },
        keep: async (key) => place(root, pathOf(key), copied),
        discard: () => removeFile(copied.temporary),
      }
    },
    async stat(key) {
      const size = await sizeOf(root, pathOf(key))
      return size === undefined ? undefined : { size }
    },
    async remove(key) {
      await removeFile(pathOf(key))
      await tidyAfter(root, key)
    },
    list: (prefix) => listFiles(root, prefix),
  }
}

/** A package under its temporary name. */
interface Copied extends ExpectedPackage {
  readonly temporary: string
  readonly sha1: string
}

async function copy(
  { root, clock, newHasher }: FolderPackagesOptions & { readonly root: string },
  body: ReadableStream<Uint8Array>,
  what: { readonly name: string; readonly expected?: ExpectedPackage },
): Promise<Copied> {
  await sweepTemporary(root, clock())
  const { path: temporary, result } = await writeTemporary(root, (handle, path) => {
    const write = (chunk: Uint8Array): Promise<void> => writeWhole(handle, path, chunk)
    return hashInto(body, write, { hasher: newHasher(), ...what })
  }).catch(async (error) => {
    // If the file could not be opened, the body is still uncancelled.
    if (!body.locked) await body.cancel(error).catch(() => undefined)
    throw error
  })
  return { temporary, ...result }
}

/** Links a copy into place; damaged bytes there (a file cut short) are replaced. */
async function place(root: string, path: string, { temporary, size, sha256 }: Copied): Promise<'stored' | 'same'> {
  try {
    const linked = await linkTo(temporary, path)
    const same = !linked && (await sizeOf(root, path)) === size && (await sha256Of(root, path)) === sha256
    if (!linked && !same) await attempt('write', path, () => rename(temporary, path))
    await syncFolder(dirname(path))
    return same ? 'same' : 'stored'
  } finally {
    await discardFile(temporary)
  }
}

async function sizeOf(root: string, path: string): Promise<number | undefined> {
  const file = await openFile(root, path)
  await file?.handle.close()
  return file && Number(file.stats.size)
}

async function sha256Of(root: string, path: string): Promise<string | undefined> {
  const hash = createHash('sha256')
  const open = await openPackage(root, path, undefined)
  for await (const chunk of open?.body ?? []) hash.update(chunk)
  return open && hash.digest('hex')
}

/** Opens a file of the store, or a range of it; `undefined` if it does not exist. */
export async function openPackage(
  root: string,
  path: string,
  range: ByteRange | undefined,
): Promise<OpenPackage | undefined> {
  const file = await openFile(root, path)
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
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    if (at <= end) {
      // Not from Node's shared pool, where a reader could see its neighbours.
      const chunk = new Uint8Array(Buffer.allocUnsafeSlow(Math.min(chunkBytes, end + 1 - at)).buffer)
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, at)
      if (bytesRead === 0) throw new PlatteError('store-unavailable', `${path}: ends before its size`)
      at += bytesRead
      controller.enqueue(chunk.subarray(0, bytesRead))
    }
    if (at <= end) return
    await handle.close()
    controller.close()
  }
  return new ReadableStream<Uint8Array>(
    {
      pull: (controller) =>
        pull(controller).catch(async (error) => {
          await handle.close().catch(() => undefined)
          throw storeError(error, 'read', path)
        }),
      cancel: () => handle.close(),
    },
    { highWaterMark: 0 },
  )
}
