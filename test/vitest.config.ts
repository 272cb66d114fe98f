import { availableParallelism } from 'node:os'
import { configDefaults, defineConfig } from 'vitest/config'
import { lambdaReporter } from './lambda/reporter.ts'
import { liveReporter } from './live/reporter.ts'
import { chromiumReporter } from './pages/reporter.ts'
import { SlowestFirst } from './slowest-first.ts'
import { elsewhere, long } from './suites.ts'

/** What all runs share. */
export const shared = {
  dir: 'test',
  // For hangs: a slow machine may take all the time that it needs.
  testTimeout: 300_000,
  hookTimeout: 300_000,
  expect: { poll: { timeout: 120_000 } },
  // Files share the modules that they import: what a test changes outside of itself, it puts back.
  isolate: false,
  // One more than there are cores, because many tests wait for a process of their own.
  maxWorkers: availableParallelism() + 1,
  sequence: { sequencer: SlowestFirst },
  experimental: { diagnostics: { isolate: false } },
}

/** Runs by name whatever it is given: `npm test -- test/infra/build.test.ts` also runs what belongs to `test:long`. */
const isNamed = process.argv.some((word) => word.startsWith('test/') && !word.endsWith('.config.ts'))

export default defineConfig({
  test: {
    ...shared,
    include: ['**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...elsewhere, ...(isNamed ? [] : long.map((file) => `**/${file}`))],
    globalSetup: ['test/build-cli.ts'],
    reporters: [
      'default',
      liveReporter({ required: false }),
      lambdaReporter({ required: false }),
      chromiumReporter({ required: false }),
    ],
  },
})
