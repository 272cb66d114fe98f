/** What several rows need is made once, in a folder of this process. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleCli, bundleLambda, bundleWorker } from './bundle.ts'

const made = new Map<string, Promise<string>>()
let folder: string | undefined

/** @param make makes the file or folder of this path. @returns what `make` returns, or the path. */
export function madeOnce(name: string, make: (path: string) => unknown): Promise<string> {
  folder ??= mkdtempSync(join(tmpdir(), 'platte-bench-'))
  const path = join(folder, name)
  const found =
    made.get(name) ?? Promise.resolve(make(path)).then((first) => (typeof first === 'string' ? first : path))
  made.set(name, found)
  return found
}

/** For the end of the process. */
export function removeMade(): void {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
}

export const builtCli = (): Promise<string> => madeOnce('cli', (path) => bundleCli(path))
export const builtLambda = (): Promise<string> => madeOnce('lambda', (path) => bundleLambda(path))
export const builtWorker = (entry?: string): Promise<string> =>
  madeOnce(`${entry ?? 'worker'}.mjs`, (path) => bundleWorker(path, entry))
