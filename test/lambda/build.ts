/** The function as it is deployed. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Metafile } from 'esbuild'

/** Builds it into a folder, by the command that a deployment uses. */
export function buildLambda(folder: string): { readonly file: string; readonly metafile: Metafile } {
  const [file, metafile] = [join(folder, 'index.mjs'), join(folder, 'meta.json')]
  execFileSync('npm', ['run', '--silent', 'build:lambda', '--', `--outdir=${folder}`, `--metafile=${metafile}`], {
    cwd: resolve(import.meta.dirname, '../..'),
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return { file, metafile: JSON.parse(readFileSync(metafile, 'utf8')) }
}
