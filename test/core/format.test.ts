import { expect, test } from 'vitest'
import { requireFormat } from '../../src/documents/root.ts'
import { refusal } from '../world.ts'

test('a feature that needs a newer format is written only if the root allows it', async () => {
  expect(() => requireFormat({ format: 2 }, 2, 'a delta')).not.toThrow()
  expect(() => requireFormat({ format: 1 }, 1, 'a release')).not.toThrow()
  const refused = await refusal((async () => requireFormat({ format: 1 }, 2, 'a delta'))())
  expect(refused).toMatch(/^refused: a delta needs format 2, and this store is at format 1/)
  expect(() => requireFormat({ format: 1 }, 2, 'a delta')).toThrow(
    expect.objectContaining({
      hint: 'upgrade everything that reads this store to Platte 0.2.0 or later, then run `platte root format 2`',
    }),
  )
})
