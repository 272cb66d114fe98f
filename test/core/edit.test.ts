import { describe, expect, test } from 'vitest'
import { PlatteError } from '../../src/kernel/errors.ts'
import {
  type Addition,
  addRelease,
  checkSameBytes,
  checkVersionOrder,
  findRelease,
} from '../../src/release/add-release.ts'
import type { Channel } from '../../src/release/channel.ts'
import { bytesOf, onePackage, release } from './releases.ts'

const words = {
  components: { kernel: '6.12.102', docker: '28.0.4' },
  cves: ['CVE-2026-1234'],
  notes: { sha256: 'c'.repeat(64), size: 10 },
}
const addition = (version: string, more: Partial<Addition> = {}): Addition => ({
  version,
  board: 'amd64-usr',
  packages: bytesOf(),
  publishedAt: '2026-11-20T00:00:00.000Z',
  ...more,
})

const channel: Channel = {
  rollbackFrom: ['9'],
  releases: [release('3.0.0', words), release('2', { boards: { 'amd64-usr': bytesOf(), 'arm64-usr': bytesOf('b') } })],
}
const versions = ({ releases }: Channel) => releases.map(({ version }) => version)

describe('addRelease', () => {
  test.each<[string, Addition]>([
    ['again', addition('3.0.0')],
    ['again with the same words', addition('3.0.0', words)],
    [
      'again with components in another order',
      addition('3.0.0', { components: { docker: '28.0.4', kernel: '6.12.102' } }),
    ],
    ['again at another time', addition('3.0.0', { publishedAt: '2030-01-01T00:00:00Z' })],
    ['again, spelled otherwise', addition('3')],
    ['again, with a build', addition('03.0.0+local')],
    ['an older one again', addition('2')],
    ['an older one of another board again', addition('2', { board: 'arm64-usr', packages: bytesOf('b') })],
    [
      'required said or left out',
      addition('3', { packages: { codebases: [], packages: [{ ...onePackage(), required: true }] } }),
    ],
  ])('%s: returns the same channel object', (_, again) => {
    expect(addRelease(channel, again)).toBe(channel)
  })

  test('a new version is first, and everything else is unchanged', () => {
    const after = addRelease(channel, addition('4', words))
    expect(after).toEqual({
      ...channel,
      releases: [{ ...release('4', words), publishedAt: addition('4').publishedAt }, ...channel.releases],
    })
    expect(versions(channel)).toEqual(['3.0.0', '2'])
  })

  test('a new board joins its existing version', () => {
    const after = addRelease(channel, addition('3.0.0', { board: 'arm64-usr', packages: bytesOf('d') }))
    expect(after.releases[0]).toEqual({
      ...release('3.0.0', words),
      boards: { 'amd64-usr': bytesOf(), 'arm64-usr': bytesOf('d') },
    })
  })

  test('"lower" is judged per board: a board without releases may start below the others', () => {
    expect(versions(addRelease(channel, addition('1', { board: 'riscv-usr' })))).toEqual(['3.0.0', '2', '1'])
    expect(versions(addRelease(channel, addition('2.5', { board: 'arm64-usr' })))).toEqual(['3.0.0', '2.5', '2'])
  })

  test('omitted texts may be added later', () => {
    const after = addRelease(channel, addition('2', words))
    expect(after.releases[1]).toMatchObject(words)
    expect(addRelease(after, addition('2', words))).toBe(after)
  })

  test.each<[string, Addition, RegExp]>([
    ['a lower version', addition('2.5'), /2\.5 is lower than 3\.0\.0, which amd64-usr already has/],
    ['a pre-release of the newest', addition('3.0.0-rc1'), /lower than/],
    ['other bytes', addition('3.0.0', { packages: bytesOf('b') }), /with other bytes/],
    ['other bytes of an older one', addition('2', { packages: bytesOf('b') }), /with other bytes/],
    ['other bytes under another spelling', addition('3', { packages: bytesOf('b') }), /with other bytes/],
    [
      'one package more',
      addition('3.0.0', { packages: { codebases: [], packages: [onePackage(), onePackage('b', 'oem.gz')] } }),
      /other bytes/,
    ],
    [
      'required or not',
      addition('3.0.0', { packages: { codebases: [], packages: [{ ...onePackage(), required: false }] } }),
      /other bytes/,
    ],
    [
      'another name',
      addition('3.0.0', { packages: { codebases: [], packages: [onePackage('a', 'x.gz')] } }),
      /other bytes/,
    ],
    ['other components', addition('3.0.0', { components: { kernel: '6.12.103' } }), /with other components/],
    ['other CVEs', addition('3.0.0', { cves: [] }), /with other cves/],
    ['other notes', addition('3.0.0', { notes: { ...words.notes, size: 11 } }), /with other notes/],
    [
      'other notes with a new board',
      addition('3.0.0', { board: 'x', notes: { ...words.notes, size: 11 } }),
      /other notes/,
    ],
    [
      'a new board under another spelling: one release has one folder name',
      addition('3', { board: 'x' }),
      /3 is published as 3\.0\.0 here/,
    ],
  ])('%s is refused', (_, wrong, message) => {
    expect(() => addRelease(channel, wrong)).toThrow(PlatteError)
    expect(() => addRelease(channel, wrong)).toThrow(message)
    expect(() => addRelease(channel, wrong)).toThrow(expect.objectContaining({ code: 'refused' }))
  })

  test('names of Object.prototype are not boards', () => {
    for (const board of ['constructor', '__proto__', 'toString']) {
      expect(() => checkVersionOrder(channel, { version: '1', board })).not.toThrow()
      expect(() => checkSameBytes(channel, 'here', addition('3', { board }))).not.toThrow()
    }
  })
})

describe('checkVersionOrder', () => {
  test.each([
    ['4', 'amd64-usr', true],
    ['3', 'amd64-usr', true],
    ['2', 'amd64-usr', true],
    ['2.5', 'amd64-usr', false],
    ['1', 'amd64-usr', false],
    ['2.5', 'arm64-usr', true],
    ['1', 'arm64-usr', false],
    ['1', 'x', true],
    ['main', 'amd64-usr', false],
  ])('%s for %s: %s', (version, board, good) => {
    const check = () => checkVersionOrder(channel, { version, board })
    if (good) check()
    else expect(check).toThrow(expect.objectContaining({ code: 'refused' }))
  })
})

test('checkSameBytes names the channel with different bytes', () => {
  expect(() => checkSameBytes(channel, 'channel beta', addition('3', { packages: bytesOf('b') }))).toThrow(
    '3 for amd64-usr is already in channel beta, with other bytes',
  )
  checkSameBytes(channel, 'channel beta', addition('3', { board: 'x', packages: bytesOf('b') }))
  checkSameBytes(channel, 'channel beta', addition('4', { packages: bytesOf('b') }))
})

test.each([
  ['3', '3.0.0'],
  ['2.0', '2'],
  ['2-rc', undefined],
  ['main', undefined],
])('findRelease(%s)', (version, want) => {
  expect(findRelease(channel, version)?.version).toBe(want)
})
