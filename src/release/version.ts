/**
 * Versions as Flatcar, CoreOS and similar systems write them: numbers of any length between dots, missing parts 0,
 * `-x` below the plain one, `+x` ignored.
 */

/** Decimal digits without leading zeros; and the text after `-`, or empty. */
export type Version = Readonly<{ parts: readonly string[]; pre: string }>

/** The longest in the field has 40 characters. */
const maxVersionLength = 256

const form = /^(\d+(?:\.\d+)*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]*)?$/

/** @returns `undefined` for a text that is not a version; it sorts below every version. */
export function parseVersion(text: string): Version | undefined {
  const match = text.length > maxVersionLength ? null : form.exec(text)
  if (match?.[1] === undefined) return undefined
  const parts = match[1].split('.').map(withoutLeadingZeros)
  while (parts.length > 1 && parts.at(-1) === '0') parts.pop()
  return { parts, pre: match[2] ?? '' }
}

/** Below 0 where `a` is older than `b`, 0 where they are equal; `undefined` is below everything. */
export function compareVersions(a: Version | undefined, b: Version | undefined): number {
  if (a === undefined || b === undefined) return (a === undefined ? 0 : 1) - (b === undefined ? 0 : 1)
  return compareParts(a.parts, b.parts) || comparePre(a.pre, b.pre)
}

type Versioned = Readonly<{ version: string }>
export const oldestFirst = (a: Versioned, b: Versioned): number =>
  compareVersions(parseVersion(a.version), parseVersion(b.version))

export const newestFirst = (a: Versioned, b: Versioned): number => oldestFirst(b, a)
export const isSameVersion = (a: string, b: string): boolean => compareVersions(parseVersion(a), parseVersion(b)) === 0

/**
 * Whether a version begins with these parts, compared as numbers: `1.2` is a prefix of 1.2.3, and not of 1.20. A `$` at the
 * end means the whole version, as does what follows `-` or `+`. Nothing begins with what is no version.
 */
export function hasPrefix(version: Version | undefined, prefix: string): boolean {
  const isWhole = /[-+]|\$$/.test(prefix)
  const wanted = parseVersion(prefix.replace(/[.$]$/, ''))
  if (version === undefined || wanted === undefined) return prefix === ''
  if (isWhole) return compareVersions(version, wanted) === 0
  const parts = prefix.replace(/\.$/, '').split('.').map(withoutLeadingZeros)
  return parts.every((part, i) => part === (version.parts[i] ?? '0'))
}

function compareParts(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const order = compareNumbers(a[i] ?? '0', b[i] ?? '0')
    if (order !== 0) return order
  }
  return 0
}

function comparePre(a: string, b: string): number {
  if (a === '' || b === '') return a === b ? 0 : a === '' ? 1 : -1
  const [as, bs] = [a.split('.'), b.split('.')]
  const orders = as.slice(0, bs.length).map((part, i) => comparePreParts(part, bs[i] ?? ''))
  return orders.find((order) => order !== 0) ?? as.length - bs.length
}

/** Numbers by size and below words, words by their characters: the order of Semantic Versioning, 11.4. */
function comparePreParts(a: string, b: string): number {
  const [aIsNumber, bIsNumber] = [/^\d+$/.test(a), /^\d+$/.test(b)]
  if (aIsNumber && bIsNumber) return compareNumbers(withoutLeadingZeros(a), withoutLeadingZeros(b))
  return aIsNumber === bIsNumber ? compareTexts(a, b) : aIsNumber ? -1 : 1
}

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Compares digits of any length without loss. */
const compareNumbers = (a: string, b: string): number => a.length - b.length || compareTexts(a, b)

const withoutLeadingZeros = (digits: string): string => digits.replace(/^0+(?=\d)/, '')
