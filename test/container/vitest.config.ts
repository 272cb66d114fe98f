import { defineConfig } from 'vitest/config'
import { noSkips } from '../no-skips.ts'

/** The image of infra/docker under a real runtime of containers: `.ci/container run npm run test:container`. */
export default defineConfig({
  test: {
    dir: 'test/container',
    include: ['**/*.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    reporters: ['default', noSkips()],
  },
})
