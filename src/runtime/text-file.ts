/** Apart from `files.ts`, whose streams take Deno 10 ms to load. */
import { readFile, stat } from 'node:fs/promises'

/** A short text that a setting names. @throws Error where it is longer, or cannot be read. */
export async function readTextFile(path: string, maxBytes: number): Promise<string> {
  if ((await stat(path)).size > maxBytes) throw new Error(`has more than ${maxBytes} bytes`)
  return readFile(path, 'utf8')
}
