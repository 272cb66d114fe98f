import { defineConfig } from 'vitest/config'
import { chromiumReporter } from './reporter.ts'

/** The tests in a real browser by themselves; a skip is a failure. */
export default defineConfig({
  test: {
    dir: 'test/pages',
    include: ['**/*.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    reporters: ['default', chromiumReporter({ required: true })],
  },
})
