/**
 * Runs every fenced block marked `sh test` of README.md and docs/: the blocks of one file in order, as one shell
 * script, in an empty folder, with `platte` on the PATH. Anything that fails fails the run.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'

const repository = resolve(import.meta.dirname, '../..')
const timeoutMs = 120_000

/** The blocks of a Markdown text that are marked `sh test`. */
function blocksOf(text: string): string[] {
  return [...text.matchAll(/^```sh test\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block)
}

function runFile(file: string): { readonly blocks: number; readonly ok: boolean } {
  const blocks = blocksOf(readFileSync(join(repository, file), 'utf8'))
  if (blocks.length === 0) return { blocks: 0, ok: true }
  const folder = mkdtempSync(join(tmpdir(), 'platte-docs-'))
  const bin = join(folder, 'bin')
  const work = join(folder, 'work')
  mkdirSync(bin)
  mkdirSync(work)
  writeFileSync(join(bin, 'platte'), `#!/bin/sh\nexec "${process.execPath}" "${repository}/src/cli/main.ts" "$@"\n`)
  chmodSync(join(bin, 'platte'), 0o755)
  const { status, error } = spawnSync('bash', ['-euo', 'pipefail', '-x'], {
    input: blocks.join('\n'),
    cwd: work,
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}`, NO_COLOR: '1' },
    stdio: ['pipe', 'inherit', 'inherit'],
    timeout: timeoutMs,
  })
  rmSync(folder, { recursive: true, force: true })
  if (error) process.stderr.write(`${file}: ${error.message}\n`)
  return { blocks: blocks.length, ok: status === 0 }
}

const files = ['README.md', ...readdirSync(join(repository, 'docs')).map((name) => `docs/${name}`)]
const results = files.filter((file) => file.endsWith('.md')).map((file) => ({ file, ...runFile(file) }))
for (const { file, blocks, ok } of results) process.stdout.write(`${ok ? 'ok  ' : 'FAIL'} ${file}: ${blocks} blocks\n`)
const total = results.reduce((sum, { blocks }) => sum + blocks, 0)
if (total === 0 || results.some(({ ok }) => !ok)) process.exitCode = 1
