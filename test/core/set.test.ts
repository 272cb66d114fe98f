import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { packageSetDigest } from '../../src/documents/paths.ts'
import { onePackage } from './releases.ts'

/** The definition: the first 32 hex digits of SHA-256 over the sorted lines "name sha256\n". */
const byDefinition = (lines: readonly string[]): string =>
  createHash('sha256').update(lines.join('')).digest('hex').slice(0, 32)

const [a, b] = ['a'.repeat(64), 'b'.repeat(64)]

test.each([
  ['one package', [['update.gz', a]], [`update.gz ${a}\n`]],
  [
    'two, sorted by name',
    [
      ['update.gz', a],
      ['oem.gz', b],
    ],
    [`oem.gz ${b}\n`, `update.gz ${a}\n`],
  ],
  [
    'capitals before small letters, as bytes are',
    [
      ['a', a],
      ['B', b],
    ],
    [`B ${b}\n`, `a ${a}\n`],
  ],
  [
    'a name that is the start of another',
    [
      ['os-x', a],
      ['os', b],
    ],
    [`os ${b}\n`, `os-x ${a}\n`],
  ],
  ['none', [], []],
] as [string, [string, string][], string[]][])('%s', (_, packages, lines) => {
  expect(packageSetDigest(packages.map(([name, sha256]) => ({ name, sha256 })))).toBe(byDefinition(lines))
})

test('the order of packages does not matter; any other difference does', () => {
  const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,20}$/)
  const packages = fc.uniqueArray(fc.record({ name, sha256: fc.constantFrom(a, b) }), {
    selector: (one) => one.name,
    minLength: 1,
    maxLength: 6,
  })
  fc.assert(
    fc.property(packages, ([first, ...others]) => {
      if (first === undefined) return
      const digest = packageSetDigest([first, ...others])
      expect(packageSetDigest([...others, first])).toBe(digest)
      expect(packageSetDigest([{ ...first, sha256: first.sha256 === a ? b : a }, ...others])).not.toBe(digest)
      expect(packageSetDigest([{ ...first, name: `${first.name}x` }, ...others])).not.toBe(digest)
    }),
  )
})

test('size, SHA-1 and required are not included', () => {
  const other = { ...onePackage(), size: 1, sha1: '', required: false }
  expect(packageSetDigest([other])).toBe(packageSetDigest([onePackage()]))
})
