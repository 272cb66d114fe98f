/** The mutations can break each promise: one file exports its name. They run long after the tests, so a rename shows here first. */
import { expect, test } from 'vitest'
import { breakPromise } from '../mutations/plugin.ts'
import { promises } from '../mutations/promises.ts'

test('what holds each promise is exported by one file', () => {
  const problems = promises.flatMap(({ promise }) => {
    try {
      breakPromise(promise)
      return []
    } catch (error) {
      return [String(error)]
    }
  })
  expect(problems).toEqual([])
})
