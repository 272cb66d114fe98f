/**
 * Uploads in a folder store: a folder for each below `.uploads`, a file for each part. Completing renames the folder, so
 * parts that arrive later find no folder.
 *
 * Nothing is synced to disk: the bytes are hashed again before they become a package.
 */
import { randomUUID } from 'node:crypto'
import { open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { streamFrom } from '../../kernel/streams.ts'
import type { OpenPackage } from '../packages.ts'
import { pumpPart } from '../streams.ts'
import {
  type MachineUploads,
  malformedToken,
  type Part,
  type Uploads,
  type UploadToken,
  uploadGone,
  usualPartBytes,
} from '../uploads.ts'
import * as files from './files.ts'
import { openPackage } from './packages.ts'

export function folderUploads(root: string, { clock, partBytes = usualPartBytes }: MachineUploads): Uploads {
  const above = join(root, '.uploads')
  const pathOf = (token: UploadToken): string => join(above, checkToken(token))
  const wholeOf = (token: UploadToken): string => `${pathOf(token)}.whole`
  return {
    partBytes,
    maxBytes: Number.MAX_SAFE_INTEGER,
    async begin() {
      const token = `${clock().toString(36)}-${randomUUID()}`
      await files.makeFolder(root, pathOf(token))
      return token
    },
    putPart: async (token, part, body) => writePart(pathOf(token), part, body),
    async parts(token) {
      if (await isFolder(wholeOf(token))) return 'whole'
      const parts = await partsIn(pathOf(token))
      if (parts === undefined) await files.checkRoot(root)
      return parts
    },
    async complete(token) {
      if (await isFolder(wholeOf(token))) return
      await rename(pathOf(token), wholeOf(token)).catch(async (error: unknown) => {
        if (await isFolder(wholeOf(token))) return
        throw files.errorName(error) === 'ENOENT' ? uploadGone() : files.storeError(error, 'write', pathOf(token))
      })
    },
    async open(token) {
      const folder = wholeOf(token)
      const parts = await partsIn(folder)
      return parts && joinedParts(root, folder, parts)
    },
    async discard(token) {
      for (const path of [pathOf(token), wholeOf(token)])
        await files.attempt('remove', path, () => rm(path, { recursive: true, force: true }))
    },
    async *unfinished(before) {
      for (const name of await readdir(above).catch(() => []))
        if (isToken(name) && Number.parseInt(name, 36) < before) yield name
    },
  }
}

/** The time in milliseconds, in base 36, and a unique number. */
const isToken = (text: string): boolean => /^[0-9a-z]{1,11}-[0-9a-f-]{36}$/.test(text)

/** Tokens come from unsigned documents, so they must not lead out of the folder. */
function checkToken(token: UploadToken): string {
  if (isToken(token)) return token
  throw malformedToken()
}

const isFolder = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() ?? false

const nameOf = ({ number }: Part): string => String(number).padStart(5, '0')

async function writePart(folder: string, part: Part, body: ReadableStream<Uint8Array>): Promise<'stored' | 'gone'> {
  const path = join(folder, `.${randomUUID()}`)
  const written = await files.attemptIfThere('write', path, async () => {
    const handle = await open(path, 'wx').catch(async (error: unknown) => {
      await body.cancel(error).catch(() => undefined)
      throw error
    })
    try {
      await pumpPart(body, part, (chunk) => files.writeWhole(handle, path, chunk))
      await handle.close()
      await rename(path, join(folder, nameOf(part)))
      return 'stored' as const
    } catch (error) {
      await handle.close().catch(() => undefined)
      await files.discardFile(path)
      throw error
    }
  })
  return written ?? 'gone'
}

/** @returns `undefined` without such a folder. */
const partsIn = (folder: string): Promise<readonly Part[] | undefined> =>
  files.attemptIfThere('read', folder, async () => {
    const names = (await readdir(folder)).filter((name) => /^\d{5}$/.test(name)).sort()
    const sizeOf = async (name: string): Promise<number> => (await stat(join(folder, name))).size
    return await Promise.all(names.map(async (name) => ({ number: Number(name), size: await sizeOf(name) })))
  })

/** Opens each file when the one before has ended. */
function joinedParts(root: string, folder: string, parts: readonly Part[]): OpenPackage {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  const rest = [...parts]
  const next = async (): Promise<Uint8Array | undefined> => {
    for (;;) {
      const chunk = await reader?.read()
      if (chunk?.value !== undefined) return chunk.value
      const part = rest.shift()
      if (part === undefined) return undefined
      const file = await openPackage(root, join(folder, nameOf(part)))
      if (file === undefined) throw uploadGone()
      reader = file.body.getReader()
    }
  }
  const size = parts.reduce((total, part) => total + part.size, 0)
  return { size, body: streamFrom(next, (reason) => reader?.cancel(reason)) }
}
