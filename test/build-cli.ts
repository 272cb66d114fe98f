/** Builds the command line once for each run: tests start the file that is shipped, which loads faster than its sources. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { bundleCli } from './bench/bundle.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The path of the command line. */
    cli: string
  }
}

export default function buildCli(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'platte-cli-'))
  project.provide('cli', bundleCli(folder))
  return () => rmSync(folder, { recursive: true, force: true })
}
