/** The mark of a reader in one file, replaced as a whole and synced. */

import { randomUUID } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { catalogKey, publicDocument } from '../../documents/paths.ts'
import { tooLarge } from '../../kernel/streams.ts'
import type { HighWaterMark } from '../documents.ts'
import { attempt, attemptIfThere, syncFolder } from './files.ts'

const maxBytes = publicDocument(catalogKey)?.maxBytes ?? 0

/** @param path a file that only this process writes, in a folder that exists. */
export function markFile(path: string): HighWaterMark {
  return {
    load: () =>
      attemptIfThere('read', path, async () => {
        const handle = await open(path)
        try {
          if ((await handle.stat()).size > maxBytes) throw tooLarge(path, maxBytes)
          return new Uint8Array(await handle.readFile())
        } finally {
          await handle.close()
        }
      }),
    async keep(bytes) {
      const temporary = join(dirname(path), `.${randomUUID()}`)
      await attempt('write', path, async () => {
        try {
          const handle = await open(temporary, 'wx', 0o644)
          try {
            await handle.writeFile(bytes)
            await handle.sync()
          } finally {
            await handle.close()
          }
          await rename(temporary, path)
        } finally {
          await rm(temporary, { force: true })
        }
      })
      await syncFolder(dirname(path))
    },
  }
}
