/** Drafts of a root, as files that go from one root key to the next. */
import { readFile, writeFile } from 'node:fs/promises'
import { PlatteError } from '../../kernel/errors.ts'

export const readDraft = (file: string): Promise<Uint8Array> =>
  readFile(file).catch((cause: unknown) => {
    throw new PlatteError('usage', `${file} cannot be read: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    })
  })

export const writeNew = (file: string, text: string): Promise<void> =>
  writeFile(file, text, { flag: 'wx' }).catch((cause: unknown) => {
    throw new PlatteError('usage', `${file} cannot be written: ${cause instanceof Error ? cause.message : cause}`, {
      hint: 'remove it, or name another file with --out',
      cause,
    })
  })
