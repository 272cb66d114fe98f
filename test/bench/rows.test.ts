import { afterAll, expect, test } from 'vitest'
import { removeMade } from './made-once.ts'
import { rows } from './rows.ts'

afterAll(removeMade)

// The shortest runs: figures mean nothing here, but a row that no longer fits the code throws.
test.for(rows)('$name can be measured', { timeout: 600_000 }, async ({ run }) => {
  const results = await run({ seconds: 1, pairs: 1 })
  expect(results).not.toEqual([])
  for (const { name, value } of results) expect(value, name).toSatisfy(Number.isFinite)
})
