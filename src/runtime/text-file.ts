/** Apart from `files.ts`, whose streams take Deno 10 ms to load. */
import { readFile, stat } from 'node:fs/promises'

/** A short text that a setting names. @throws Error where it is longer, or cannot be read. */
export async function readTextFile(path: string, maxBytes: number): Promise<string> {
  if ((await stat(path)).size > maxBytes) throw new Error(`has more than ${maxBytes} bytes`)
  return decodeText(await readFile(path))
}

/** The text of a file as editors and shells write it: UTF-8, or what its byte order mark says, as PowerShell writes UTF-16. */
export function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes
  const encoding =
    first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8'
  return new TextDecoder(encoding).decode(bytes)
}
