import { defineConfig } from 'vitest/config'
import { noSkips } from '../no-skips.ts'

/** The image of infra/docker and the pods of infra/kubernetes under a real runtime of containers. */
export default defineConfig({
  test: {
    dir: 'test/container',
    include: ['**/*.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 120_000 } },
    reporters: ['default', noSkips()],
  },
})
