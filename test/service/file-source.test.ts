/** A file that changes while it is published is refused: a published version never changes, and would be half of two. */
import { appendFile, mkdtemp, rename, rm, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileSource } from '../../src/runtime/files.ts'
import { newStore, publishOne, refusal, sourceOf, storedCatalog } from '../world.ts'

const length = 3_000_000

/** @param change of the file, after its first bytes were read. @returns the refusal. */
async function publishedWhile(change: (path: string) => Promise<unknown>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'platte-source-'))
  try {
    const path = join(folder, 'oem.gz')
    await writeFile(path, Buffer.alloc(length, 1))
    await utimes(path, 1_700_000_000, 1_700_000_000)
    const file = await fileSource(path)
    const open = () => {
      let changed: Promise<unknown> | undefined
      const changing = new TransformStream<Uint8Array, Uint8Array>({
        transform: async (chunk, controller) => {
          changed ??= change(path)
          await changed
          controller.enqueue(chunk)
        },
      })
      return file.open().pipeThrough(changing)
    }
    const store = await newStore()
    const words = await refusal(
      publishOne(store, '2', { sources: [sourceOf('update.gz', 'CrAU 2'), { ...file, open }] }),
    )
    expect((await storedCatalog(store)).apps).toEqual({})
    return words.replaceAll(folder, '')
  } finally {
    await rm(folder, { recursive: true })
  }
}

test.each<[string, (path: string) => Promise<unknown>]>([
  ['grows', (path) => appendFile(path, 'more')],
  ['is cut', (path) => truncate(path, length - 1)],
  ['is written again', (path) => writeFile(path, Buffer.alloc(length, 2), { flag: 'r+' })],
])('a file that %s', async (_, change) => {
  expect(await publishedWhile(change)).toMatch(/^mismatch: \/oem\.gz: was changed while it was read/)
})

test('a file that another one takes the place of, between two readings', async () => {
  const other = async (path: string): Promise<void> => {
    await writeFile(`${path}.new`, Buffer.alloc(length, 3))
    await rename(`${path}.new`, path)
  }
  expect(await publishedWhile(other)).toMatch(/^mismatch: \/oem\.gz: was changed while it was read/)
})
