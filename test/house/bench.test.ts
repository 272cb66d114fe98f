/** What `npm run bench` builds can be built: figures are not taken in tests, but what takes them is kept whole. */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { bundle, bundleLambda } from '../bench/bundle.ts'

const dir = mkdtempSync(join(tmpdir(), 'platte-bench-'))
afterAll(() => rmSync(dir, { recursive: true }))

test.each([
  ['build:cli', ''],
  ['build:cli', 'bare-node.ts'],
  ['build:worker', ''],
  ['build:worker', 'bare-worker.ts'],
  ['build:worker', 'flip-worker.ts'],
] as const)('one file comes of %s %s', (script, entry) => {
  const file = join(dir, `${script.replace(':', '-')}-${entry}.mjs`)
  bundle(script, file, entry || undefined)
  expect(statSync(file).size).toBeGreaterThan(10_000)
})

test.each(['', 'bare-lambda.ts'])('a function comes of build:lambda %s', (entry) => {
  expect(statSync(bundleLambda(join(dir, `lambda-${entry}`), entry || undefined)).size).toBeGreaterThan(10_000)
})
