/**
 * Runs every fenced block marked `sh test` of README.md and docs/ as shell, with `platte` on the PATH. Arguments name the
 * files to run; without any, all run.
 *
 * The blocks of one file are one script in an empty folder. Blocks marked `sh test clone` need a clone: the blocks of each
 * section, after those before the first section, are one script in a clean copy of this one. It finds a bucket in
 * PLATTE_STORE (of a live S3 server if there is one) and an empty folder in DESTDIR. Flatcar's servers are replaced by a
 * stand-in. Any failure fails the run, and nothing that a script started outlives it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { nebraska } from '../nebraska.ts'
import { startS3 } from '../s3/server.ts'

const repository = resolve(import.meta.dirname, '../..')
const timeoutMs = 300_000

interface Script {
  readonly name: string
  readonly blocks: readonly string[]
  readonly inClone: boolean
}

/** The marked blocks of a Markdown text. */
const blocksOf = (text: string): string[] =>
  [...text.matchAll(/^```sh test(?: clone)?\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block)

function scriptsOf(file: string): Script[] {
  const text = readFileSync(join(repository, file), 'utf8')
  if (!/^```sh test clone$/m.test(text)) return [{ name: file, blocks: blocksOf(text), inClone: false }]
  const [before = '', ...sections] = text.split(/^## /m)
  const scripts = sections.map((section) => ({
    name: `${file}: ${section.slice(0, section.indexOf('\n'))}`,
    blocks: blocksOf(section),
    inClone: true,
  }))
  return scripts.map((one) => (one.blocks.length > 0 ? { ...one, blocks: [...blocksOf(before), ...one.blocks] } : one))
}

/** What work in a clone leaves there. */
const made = ['.git', 'node_modules', 'dist', 'coverage', '.wrangler', '.platte']

/** A fresh clone after `npm ci`. */
function makeClone(folder: string): void {
  for (const name of readdirSync(repository).filter((entry) => !made.includes(entry)))
    cpSync(join(repository, name), join(folder, name), { recursive: true })
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'))
}

/** An existing bucket, as PLATTE_STORE and the AWS SDK take it. */
async function openBucket(): Promise<{ readonly env: NodeJS.ProcessEnv; close(): Promise<void> }> {
  const { PLATTE_LIVE_S3: live } = process.env
  if (live) return { env: { PLATTE_STORE: live.replace(/(\/\/[^/?]+)[^?]*/, '$1/docs') }, close: async () => {} }
  const { setting, env, close } = await startS3()
  return { env: { ...env, PLATTE_STORE: setting }, close }
}

const flatcar = /https:\/\/(public\.update\.flatcar-linux\.net|www\.flatcar\.org)\//g

/** Where the blocks ask Flatcar's servers, a recorded one answers. */
async function officialFor(blocks: readonly string[]) {
  const text = blocks.join('\n')
  if (text.search(flatcar) < 0) return { text, close: async () => {} }
  const { url, close } = await nebraska()
  return { text: text.replace(flatcar, url), close }
}

async function runScript({ name, blocks, inClone }: Script): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'platte-docs-'))
  const path = (ref: string): string => join(folder, ref)
  for (const place of ['bin', 'work', 'home', 'dest']) mkdirSync(path(place))
  const main = join(inClone ? path('work') : repository, 'src/cli/main.ts')
  writeFileSync(path('bin/platte'), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`, { mode: 0o755 })
  if (inClone) makeClone(path('work'))
  const bucket = inClone ? await openBucket() : undefined
  const env = { ...process.env, PATH: `${path('bin')}${delimiter}${process.env.PATH}`, NO_COLOR: '1', ...bucket?.env }
  const child = spawn('bash', ['-euo', 'pipefail', '-x'], {
    cwd: path('work'),
    env: inClone ? { ...env, HOME: path('home'), DESTDIR: path('dest') } : env,
    stdio: ['pipe', 'inherit', 'inherit'],
    detached: true,
  })
  const official = await officialFor(blocks)
  child.stdin.end(official.text)
  const ok = await endOf(child, name)
  await official.close()
  await bucket?.close()
  rmSync(folder, { recursive: true, force: true })
  return ok
}

/** Waits for a script, then ends what it left running. */
async function endOf(child: ChildProcess, name: string): Promise<boolean> {
  const timer = setTimeout(() => {
    process.stderr.write(`${name}: takes longer than ${timeoutMs / 1000} s\n`)
    endGroup(child)
  }, timeoutMs)
  const [code] = await once(child, 'exit')
  clearTimeout(timer)
  endGroup(child)
  return code === 0
}

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid) process.kill(-pid, 'SIGKILL')
  } catch {
    // Every process has ended.
  }
}

const named = process.argv.slice(2)
const all = ['README.md', ...readdirSync(join(repository, 'docs')).map((name) => `docs/${name}`)]
const files = named.length > 0 ? named : all
const results: { readonly name: string; readonly blocks: number; readonly ok: boolean }[] = []
for (const script of files.filter((file) => file.endsWith('.md')).flatMap(scriptsOf)) {
  if (script.blocks.length > 0)
    results.push({ name: script.name, blocks: script.blocks.length, ok: await runScript(script) })
}
for (const { name, blocks, ok } of results) process.stdout.write(`${ok ? 'ok  ' : 'FAIL'} ${name}: ${blocks} blocks\n`)
if (results.length === 0 || results.some(({ ok }) => !ok)) process.exitCode = 1
