/** A file that is there whole or not at all: a failed export leaves the one of yesterday. */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { realpath, rename, rm, stat } from 'node:fs/promises'
import { PlatteError } from '../../kernel/errors.ts'

/**
 * @param write must end the stream. What is no regular file, such as a pipe, gets the bytes at once.
 * @throws PlatteError('usage') where the file cannot be made; what `write` throws.
 */
export async function writeWhole<T>(file: string, write: (to: NodeJS.WritableStream) => Promise<T>): Promise<T> {
  const target = await realpath(file).catch(() => file)
  const isSpecial = await stat(target).then(
    (found) => !found.isFile(),
    () => false,
  )
  const partial = isSpecial ? target : `${target}.partial`
  const stream = createWriteStream(partial, { flush: !isSpecial })
  await once(stream, 'open').catch((cause: Error) => {
    throw new PlatteError('usage', `${file} cannot be written: ${cause.message}`, { cause })
  })
  try {
    const result = await write(stream)
    if (!isSpecial) await rename(partial, target)
    return result
  } catch (error) {
    stream.destroy()
    if (!isSpecial) await rm(partial, { force: true })
    throw error
  }
}
