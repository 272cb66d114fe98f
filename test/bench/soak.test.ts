import { expect, test } from 'vitest'
import { soak } from './soak.ts'

// As short as it can be: `npm run soak` takes half an hour.
test('nothing fails, grows or gets lost', { timeout: 600_000 }, async () => {
  const { problems, load, changes } = await soak(20)
  expect(problems).toEqual([])
  expect(load.asked).toBeGreaterThan(100)
  expect(changes).toBe(40)
})
