import { defineConfig } from 'vitest/config'
import { lambdaReporter } from './lambda/reporter.ts'
import { liveReporter } from './live/reporter.ts'
import { chromiumReporter } from './pages/reporter.ts'

export default defineConfig({
  test: {
    dir: 'test',
    include: ['**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: [
      'default',
      liveReporter({ required: false }),
      lambdaReporter({ required: false }),
      chromiumReporter({ required: false }),
    ],
  },
})
