import { defineConfig } from 'vitest/config'
import { shared } from '../vitest.config.ts'
import { breakPromise } from './plugin.ts'

/** One suite over sources that break the promise in PLATTE_BROKEN. */
export default defineConfig({
  plugins: [breakPromise(process.env.PLATTE_BROKEN ?? '')],
  test: {
    ...shared,
    include: ['**/*.test.ts'],
    maxWorkers: 1,
    testTimeout: 20_000,
    // A module that was broken for one promise must not be there for the next.
    fsModuleCache: false,
  },
})
