import { defineConfig } from 'vitest/config'
import { noSkips } from '../no-skips.ts'

/** What is released: the npm package on each Node, the executables. They are built here, so nothing else needs to be. */
export default defineConfig({
  test: {
    dir: 'test/package',
    include: ['**/*.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 600_000,
    fileParallelism: false,
    reporters: ['default', noSkips()],
  },
})
