/** Files that options name. */
import { createReadStream } from 'node:fs'
import { messageOf, PlatteError } from '../kernel/errors.ts'

const maxBytes = 8 * 1024 * 1024

/** @param file `-` for stdin. @throws PlatteError('usage') where it cannot be read, is no UTF-8, or is larger than 8 MiB. */
export async function readInput(option: string, file: string): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of file === '-' ? process.stdin : createReadStream(file)) {
      bytes += chunk.length
      if (bytes > maxBytes) throw new Error('is larger than 8 MiB')
      chunks.push(chunk)
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch (cause) {
    throw new PlatteError('usage', `${option}: ${file} cannot be read: ${messageOf(cause)}`, { cause })
  }
}
