/** Builds the command line once for each run: tests start the file that is shipped, which loads faster than its sources. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** The path of the command line. */
    cli: string
  }
}

export default function buildCli(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'platte-cli-'))
  const cli = join(folder, 'platte.mjs')
  execFileSync('npm', ['run', '--silent', 'build:cli', '--', `--outfile=${cli}`], {
    cwd: resolve(import.meta.dirname, '..'),
  })
  project.provide('cli', cli)
  return () => rmSync(folder, { recursive: true, force: true })
}
