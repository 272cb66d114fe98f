/** What `npm run bench` builds can be built: figures are not taken in tests, but what takes them is kept whole. */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { bundleCli, bundleLambda, bundleWorker } from '../bench/bundle.ts'

const dir = mkdtempSync(join(tmpdir(), 'platte-bench-'))
afterAll(() => rmSync(dir, { recursive: true }))

test.each(['', 'bare-worker.ts', 'flip-worker.ts'])('one file comes of build:worker %s', (entry) => {
  const file = join(dir, `worker-${entry}.mjs`)
  bundleWorker(file, entry || undefined)
  expect(statSync(file).size).toBeGreaterThan(10_000)
})

test.each(['', 'bare-lambda.ts'])('a function comes of build:lambda %s', (entry) => {
  expect(statSync(bundleLambda(join(dir, `lambda-${entry}`), entry || undefined)).size).toBeGreaterThan(10_000)
})

test.each(['', 'bare-node.ts'])('a command comes of build:cli %s', (entry) => {
  expect(statSync(bundleCli(join(dir, `cli-${entry}`), entry || undefined)).size).toBeGreaterThan(1000)
})
