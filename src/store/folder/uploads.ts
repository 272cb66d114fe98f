/**
 * Uploads in a folder store: a folder for each below `.uploads`, a file for each part. Completing renames the folder, so
 * parts that arrive later find no folder.
 *
 * Nothing is synced to disk: the bytes are hashed again before they become a package.
 */
import { randomUUID } from 'node:crypto'
import { open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { PlatteError } from '../../kernel/errors.ts'
import type { OpenPackage } from '../packages.ts'
import { pumpPart } from '../streams.ts'
import { uploadGone } from '../upload-token.ts'
import { type Part, type Uploads, type UploadToken, usualPartBytes } from '../uploads.ts'
import type { FolderOptions } from './documents.ts'
import { attempt, checkRoot, discardFile, errorName, makeFolder, storeError, writeWhole } from './files.ts'
import { openPackage } from './packages.ts'

export interface FolderUploadsOptions extends FolderOptions {
  readonly partBytes?: number
}

/** @param root the folder of the store. */
export function folderUploads(root: string, { clock, partBytes = usualPartBytes }: FolderUploadsOptions): Uploads {
  const above = join(root, '.uploads')
  const pathOf = (token: UploadToken): string => join(above, checkToken(token))
  const wholeOf = (token: UploadToken): string => `${pathOf(token)}.whole`
  return {
    partBytes,
    maxBytes: Number.MAX_SAFE_INTEGER,
    async begin() {
      const token = `${clock().toString(36)}-${randomUUID()}`
      await makeFolder(pathOf(token))
      return token
    },
    putPart: async (token, part, body) => writePart(pathOf(token), part, body),
    async parts(token) {
      if (await isFolder(wholeOf(token))) return 'whole'
      const parts = await partsIn(pathOf(token))
      if (parts === undefined) await checkRoot(root)
      return parts
    },
    async complete(token) {
      if (await isFolder(wholeOf(token))) return
      await rename(pathOf(token), wholeOf(token)).catch(async (error: unknown) => {
        if (await isFolder(wholeOf(token))) return
        throw errorName(error) === 'ENOENT' ? uploadGone() : storeError(error, 'write', pathOf(token))
      })
    },
    async open(token) {
      const folder = wholeOf(token)
      const parts = await partsIn(folder)
      return parts && joinedParts(root, folder, parts)
    },
    async discard(token) {
      for (const path of [pathOf(token), wholeOf(token)])
        await attempt('remove', path, () => rm(path, { recursive: true, force: true }))
    },
    async *unfinished(before) {
      const names = await readdir(above).catch(() => [])
      for (const name of names) if (isToken(name) && begunAt(name) < before) yield name
    },
  }
}

const isToken = (text: string): boolean => /^[0-9a-z]{1,11}-[0-9a-f-]{36}$/.test(text)
const begunAt = (token: UploadToken): number => Number.parseInt(token, 36)

/** Tokens come from unsigned documents, so they must not lead out of the folder. */
function checkToken(token: UploadToken): string {
  if (isToken(token)) return token
  throw new PlatteError('bad-document', 'the stored record of an upload has a malformed token')
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )

const nameOf = ({ number }: Part): string => String(number).padStart(5, '0')

async function writePart(folder: string, part: Part, body: ReadableStream<Uint8Array>): Promise<'stored' | 'gone'> {
  const path = join(folder, `.${randomUUID()}`)
  const handle = await open(path, 'wx').catch(async (error: unknown) => {
    await body.cancel(error).catch(() => undefined)
    if (errorName(error) !== 'ENOENT') throw storeError(error, 'write', path)
  })
  if (handle === undefined) return 'gone'
  try {
    await pumpPart(body, part, (chunk) => writeWhole(handle, path, chunk))
    await handle.close()
    await rename(path, join(folder, nameOf(part)))
    return 'stored'
  } catch (error) {
    await handle.close().catch(() => undefined)
    await discardFile(path)
    if (errorName(error) === 'ENOENT') return 'gone'
    throw storeError(error, 'write', path)
  }
}

/** @returns `undefined` without such a folder. */
async function partsIn(folder: string): Promise<readonly Part[] | undefined> {
  try {
    const names = (await readdir(folder)).filter((name) => /^\d{5}$/.test(name)).sort()
    return await Promise.all(
      names.map(async (name) => ({ number: Number(name), size: (await stat(join(folder, name))).size })),
    )
  } catch (error) {
    if (errorName(error) === 'ENOENT') return undefined
    throw storeError(error, 'read', folder)
  }
}

/** Opens each file when the one before has ended. */
function joinedParts(root: string, folder: string, parts: readonly Part[]): OpenPackage {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  let next = 0
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    for (;;) {
      const chunk = await reader?.read()
      if (chunk?.value !== undefined) return controller.enqueue(chunk.value)
      const part = parts[next++]
      if (part === undefined) return controller.close()
      const file = await openPackage(root, join(folder, nameOf(part)), undefined)
      if (file === undefined) throw uploadGone()
      reader = file.body.getReader()
    }
  }
  return {
    size: parts.reduce((total, { size }) => total + size, 0),
    body: new ReadableStream<Uint8Array>({ pull, cancel: (reason) => reader?.cancel(reason) }, { highWaterMark: 0 }),
  }
}
