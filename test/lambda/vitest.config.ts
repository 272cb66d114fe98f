import { defineConfig } from 'vitest/config'
import { lambdaReporter } from './reporter.ts'

/** The tests of the function by themselves; a skip is a failure. */
export default defineConfig({
  test: {
    dir: 'test/lambda',
    include: ['**/*.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    reporters: ['default', lambdaReporter({ required: true })],
  },
})
