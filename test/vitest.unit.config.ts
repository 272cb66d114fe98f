import { defineConfig } from 'vitest/config'
import { unit } from './suites.ts'
import { shared } from './vitest.config.ts'

/** `npm run test:unit`: pure and in memory, for the loop while working. */
export default defineConfig({ test: { ...shared, include: unit.map((file) => `**/${file}`) } })
