/** What the lists of Flatcar and CoreOS say of a release, and what is refused. */
import { describe, expect, test } from 'vitest'
import { detailsIn } from '../../src/documents/releases-json.ts'
import { PlatteError } from '../../src/kernel/errors.ts'

const notes =
  'Changes since **Stable 4593.2.4**\r\n\r\n## Security fixes:\r\n\r\n- Linux ([CVE-2026-23231](https://nvd.nist.gov/vuln/detail/CVE-2026-23231), CVE-2025-1234567)\r\n- OpenSSL (CVE-2026-1 is no number)\r\n'
const flatcar = {
  '4593.2.5': {
    channel: 'stable',
    architectures: ['amd64', 'arm64'],
    release_date: '2026-08-13 15:48:35 +0000',
    major_software: { containerd: ['2.1.5'], docker: ['28.0.4', '27.1'], kernel: ['6.12.102'], rkt: [] },
    release_notes: notes,
  },
  '4593.2.4': { channel: 'stable', architectures: ['amd64'], major_software: null, release_notes: '' },
  current: { channel: 'stable' },
}

const wanted = { version: '4593.2.5', board: 'amd64-usr' }
const read = (list: unknown, more: Partial<typeof wanted> = {}) =>
  detailsIn(
    new TextEncoder().encode(typeof list === 'string' ? list : JSON.stringify(list)),
    { ...wanted, ...more },
    'l',
  )

function refused(list: unknown, more?: Partial<typeof wanted>): string {
  try {
    read(list, more)
  } catch (error) {
    if (error instanceof PlatteError) return `${error.code}: ${error.message}`
    throw error
  }
  return 'read'
}

test('components, notes and CVEs', () => {
  const { notes: bytes, ...details } = read(flatcar) ?? {}
  expect(details).toEqual({
    components: { containerd: '2.1.5', docker: '28.0.4, 27.1', kernel: '6.12.102' },
    cves: ['CVE-2025-1234567', 'CVE-2026-23231'],
  })
  expect(new TextDecoder().decode(bytes)).toBe(`${notes.trim().replaceAll('\r', '')}\n`)
})

test('a release without anything, a version in another spelling, one that is not there, and current', () => {
  expect(read(flatcar, { version: '4593.2.4' })).toEqual({})
  expect(read({ '4593.0.0': flatcar['4593.2.5'] }, { version: '4593' })).toHaveProperty('components')
  expect(read(flatcar, { version: '4593.2.6' })).toBeUndefined()
  expect(read({ '4593.2.5': {} }, { board: 'riscv' })).toEqual({})
})

test('a list of megabytes', () => {
  const many = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`1.${i}.0`, flatcar['4593.2.5']]))
  expect(read(many, { version: '1.1999.0' })).toHaveProperty('components.kernel', '6.12.102')
})

describe('refused, naming version and field', () => {
  const of = (release: unknown) => ({ '4593.2.5': release })
  test.each<readonly [string, unknown, RegExp]>([
    ['a page', '<html>', /^usage: l must be a JSON object of releases by version$/],
    ['a list', [flatcar], /^usage: l must be a JSON object/],
    ['a release that is a text', of('x'), /^usage: l: 4593\.2\.5: the document: /],
    ['software without versions', of({ major_software: { kernel: '6.12' } }), /4593\.2\.5: major_software\.kernel: /],
    ['a version over two lines', of({ major_software: { kernel: ['6\n7'] } }), /4593\.2\.5: major_software: kernel: /],
    ['a hostile name', of({ major_software: { '../x': ['1'] } }), /4593\.2\.5: major_software: \.\.\/x: /],
    ['a reserved name', '{"4593.2.5":{"major_software":{"__proto__":["1"]}}}', /major_software: .*reserved names/],
    ['notes that are no text', of({ release_notes: ['x'] }), /4593\.2\.5: release_notes: /],
    [
      'notes that no reader takes',
      of({ release_notes: 'x'.repeat(2 ** 20) }),
      /4593\.2\.5: release_notes: has more than/,
    ],
    [
      'a release of other machines',
      of({ architectures: ['arm64'] }),
      /architectures: has arm64, not amd64 of amd64-usr/,
    ],
  ])('%s', (_, list, message) => {
    expect(refused(list)).toMatch(message)
  })
})
