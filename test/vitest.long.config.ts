import { defineConfig } from 'vitest/config'
import { noSkips } from './no-skips.ts'
import { long, scaled } from './suites.ts'
import { shared } from './vitest.config.ts'

/** `npm run test:long`: what is left out of `npm test`, and all rounds of what is shortened there. */
export default defineConfig({
  test: {
    ...shared,
    include: [...long, ...scaled].map((file) => `**/${file}`),
    globalSetup: ['test/build-cli.ts'],
    env: { PLATTE_TEST_ROUNDS: 'all' },
    reporters: ['default', noSkips()],
  },
})
