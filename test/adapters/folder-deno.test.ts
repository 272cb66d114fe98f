/** The folder stores under the real Deno, alone and beside Node on one folder. */
import { execFile, execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/kernel/clock.ts'
import { folderDocuments } from '../../src/store/folder/documents.ts'
import { counterKey, counterState, readCounter } from './folder-child.ts'

const deno = join(import.meta.dirname, '../../node_modules/.bin/deno')
const run = promisify(execFile)
/** Only what the folder needs; in particular no network. */
const permissions = (root: string) => [
  'run',
  '--no-lock',
  '--cached-only',
  '--quiet',
  `--allow-read=${root}`,
  `--allow-write=${root}`,
]

let root = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'platte-deno-'))
})
afterEach(() => rm(root, { recursive: true }))

test('passes the suites of all ports', () => {
  const script = join(import.meta.dirname, '../runtimes/folder-suite.deno.ts')
  expect(execFileSync(deno, [...permissions(root), script, root], { encoding: 'utf8' })).toBe('[]\n')
})

test('a Node process and a Deno process that each add 40 reach 80', async () => {
  const script = join(import.meta.dirname, 'folder-child.ts')
  const store = folderDocuments(root, { clock: systemClock })
  await store.create(counterKey, counterState(0))
  await Promise.all([
    run(process.execPath, [script, root, 'count', '40']),
    run(deno, [...permissions(root), script, root, 'count', '40']),
  ])
  expect(readCounter((await store.get(counterKey, 16_000_000))?.bytes ?? new Uint8Array())).toBe(80)
})
