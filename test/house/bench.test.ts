/** What `npm run bench` builds can be built: figures are not taken in tests, but what takes them is kept whole. */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { bundle } from '../bench/bundle.ts'

const dir = mkdtempSync(join(tmpdir(), 'platte-bench-'))
afterAll(() => rmSync(dir, { recursive: true }))

test.each([
  ['build:cli', ''],
  ['build:cli', 'bare-node.ts'],
  ['build:worker', ''],
  ['build:worker', 'bare-worker.ts'],
  ['build:worker', 'flip-worker.ts'],
  ['build:lambda', ''],
  ['build:lambda', 'bare-lambda.ts'],
] as const)('one file comes of %s %s', (script, entry) => {
  const file = join(dir, `${script.replace(':', '-')}-${entry}.mjs`)
  bundle(script, file, entry || undefined)
  expect(statSync(file).size).toBeGreaterThan(10_000)
})
