/** How much there is: limits that go up only with a new capability. Functions have theirs in biome.json. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const maxFile = 250
const maxRoom = 3_000
const maxAll = 51_637

const sizes = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name, lines: readFileSync(join('src', name), 'utf8').split('\n').length - 1 }))

const sum = (some: typeof sizes): number => some.reduce((total, { lines }) => total + lines, 0)

test(`no file has more than ${maxFile} lines`, () => {
  expect(sizes.filter(({ lines }) => lines > maxFile)).toEqual([])
})

test(`no room has more than ${maxRoom} lines`, () => {
  const rooms = Object.entries(Object.groupBy(sizes, ({ name }) => name.split('/')[0] ?? ''))
  expect(rooms.length).toBeGreaterThan(10)
  expect(rooms.filter(([, some = []]) => sum(some) > maxRoom).map(([room]) => room)).toEqual([])
})

test(`all of src has at most ${maxAll} lines`, () => {
  expect(sum(sizes)).toBeGreaterThan(10_000)
  expect(sum(sizes)).toBeLessThanOrEqual(maxAll)
})
