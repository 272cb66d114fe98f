import { defineConfig } from 'vitest/config'
import { liveReporter } from './reporter.ts'

/** The live S3 suite by itself; a skip is a failure. */
export default defineConfig({
  test: {
    dir: 'test/live',
    include: ['**/*.test.ts'],
    testTimeout: 300_000,
    reporters: ['default', liveReporter({ required: true })],
  },
})
