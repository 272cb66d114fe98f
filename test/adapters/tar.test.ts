/** Tar archives as stores: heads that every tar reads, and what no archive may do to who reads it. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { openTar, parseExtension, parseTarHead } from '../../src/mirroring/tar-read.ts'
import { renderTarHead, tarStore } from '../../src/mirroring/tar-write.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { refusal } from '../world.ts'

const folder = mkdtempSync(join(tmpdir(), 'platte-tar-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
const fileOf = (bytes: Uint8Array): string => {
  const path = join(folder, `${files++}.tar`)
  writeFileSync(path, bytes)
  return path
}

const segment = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_+-]{0,60}$/)
const name = fc.array(segment, { minLength: 1, maxLength: 9 }).map((parts) => parts.join('/'))
const size = fc.oneof(fc.integer({ min: 0, max: 2 ** 20 }), fc.integer({ min: 8 ** 11 - 2, max: 2 ** 45 }))

/** As a reader puts a head together. */
function read(bytes: Uint8Array) {
  const head = parseTarHead(bytes.subarray(0, 512), 0)
  if (head?.type !== 'x') return head
  const said = parseExtension('x', bytes.subarray(512, 512 + head.size))
  return { ...parseTarHead(bytes.subarray(bytes.length - 512), 0), ...said }
}

test('a written archive can be read back', () => {
  const seen = { plain: 0, extended: 0 }
  fc.assert(
    fc.property(name, size, (name, size) => {
      const bytes = renderTarHead(name, size)
      seen[bytes.length === 512 ? 'plain' : 'extended']++
      expect(bytes.length % 512).toBe(0)
      expect(read(bytes)).toEqual({ name, size, type: '0' })
    }),
    { seed: 5, numRuns: 500 },
  )
  expect(Math.min(seen.plain, seen.extended)).toBeGreaterThan(20)
})

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const long = `packages/${'a'.repeat(64)}/${'1.'.repeat(31)}1/${'b'.repeat(64)}/${'c'.repeat(32)}/${'d'.repeat(100)}.gz`

test('GNU tar reads our archives, also with long names, and the store reads GNU tar’s', async () => {
  const chunks: Uint8Array[] = []
  const write = async (bytes: Uint8Array): Promise<void> => void chunks.push(bytes.slice())
  const { documents, packages, end } = tarStore(write, { newHasher: nodeHasher, known: [] })
  const body = new Uint8Array(70_000).fill(7)
  const put = (key: string) =>
    packages.put(key, new Blob([body]).stream(), { size: body.length, sha256: digestOf(body) })
  await Promise.all([put(long), put('packages/a/1/b/c/os.gz'), documents.create('catalog.jws', new Uint8Array(513))])
  await end()
  const path = fileOf(Buffer.concat(chunks))
  const listed = execFileSync('tar', ['tvf', path], { encoding: 'utf8' }).trimEnd().split('\n')
  expect(listed.map((line) => [line.split(/ +/)[2], line.split(/ +/)[5]])).toEqual([
    ['70000', long],
    ['70000', 'packages/a/1/b/c/os.gz'],
    ['513', 'catalog.jws'],
  ])
  const unpacked = mkdtempSync(join(folder, 'unpacked-'))
  execFileSync('tar', ['xf', path, '-C', unpacked])
  for (const format of ['gnu', 'ustar', 'posix', 'v7']) {
    const again = join(folder, `${format}.tar`)
    const names = format === 'gnu' || format === 'posix' ? '.' : 'catalog.jws'
    execFileSync('tar', [`--format=${format}`, '-cf', again, '-C', unpacked, names])
    if (format === 'v7') {
      expect(await refusal(openTar(again))).toMatch(/^bad-document: there is no head of a tar at byte 0/)
      continue
    }
    const reader = await openTar(again)
    expect((await reader.documents.get('catalog.jws', 1000))?.bytes.length).toBe(513)
    if (names === '.') {
      const open = await reader.packages.open(long, { start: 1, end: 69_998 })
      expect((await new Response(open?.body).arrayBuffer()).byteLength).toBe(69_998)
    }
    await reader.close()
  }
})

test('an unexpected package leaves an unreadable archive', async () => {
  const chunks: Uint8Array[] = []
  const store = tarStore(async (bytes) => void chunks.push(bytes.slice()), { newHasher: nodeHasher, known: [] })
  const put = store.packages.put('packages/a/1/b/c/os.gz', new Blob(['short']).stream(), {
    size: 9,
    sha256: 'a'.repeat(64),
  })
  expect(await refusal(put)).toMatch(/^mismatch/)
  expect(await refusal(openTar(fileOf(Buffer.concat(chunks))))).toMatch(/^bad-document: .*is truncated/)
})

describe('an archive', () => {
  const one = (name: string, body: string | Uint8Array, edit: (head: Uint8Array) => void = () => {}): Uint8Array => {
    const head = renderTarHead(name, body.length)
    edit(head)
    return Buffer.concat([head, Buffer.from(body), new Uint8Array((512 - (body.length % 512)) % 512)])
  }
  /** Changes a field, and the sum. */
  const at = (offset: number, text: string) => (head: Uint8Array) => {
    head.set(Buffer.from(text), offset)
    head.set(Buffer.from('        '), 148)
    head.set(
      Buffer.from(
        `${head
          .reduce((sum, byte) => sum + byte, 0)
          .toString(8)
          .padStart(6, '0')}\0 `,
      ),
      148,
    )
  }
  const end = new Uint8Array(1024)
  test.each<[string, Uint8Array[], RegExp]>([
    [
      'with ../',
      [one('root/../../etc/passwd', 'x'), end],
      /^bad-document: "root\/\.\.\/\.\.\/etc\/passwd": is not a store object/,
    ],
    ['with an absolute name', [one('/etc/passwd', 'x'), end], /^bad-document: "\/etc\/passwd": is not a store object/],
    ['with a symbolic link', [one('root/1.jws', '', at(156, '2')), end], /^bad-document: "root\/1\.jws": is a link/],
    ['with a hard link', [one('root/1.jws', '', at(156, '1')), end], /^bad-document: "root\/1\.jws": is a link/],
    [
      'with a device',
      [one('root/1.jws', '', at(156, '3')), end],
      /^bad-document: "root\/1\.jws": is not a regular file/,
    ],
    ['with a sparse file', [one('root/1.jws', '', at(156, 'S')), end], /is not a regular file/],
    [
      'with one name twice',
      [one('root/1.jws', 'a'), one('./root/1.jws', 'b'), end],
      /^bad-document: "\.\/root\/1\.jws": comes twice/,
    ],
    [
      'with a document that is too long',
      [one('root/1.jws', new Uint8Array(65_537)), end],
      /^too-large: "root\/1\.jws"/,
    ],
    ['with a lock', [one('locks/fleet.json', '{}'), end], /is not an object that a bundle may hold/],
    ['that is cut', [one('root/1.jws', 'abc').subarray(0, 600)], /is truncated/],
    ['without its end', [one('root/1.jws', 'abc')], /is truncated/],
    ['with a size beyond its end', [one('root/1.jws', 'abc', at(124, '00000777777'))], /is truncated/],
    [
      'with an invalid size',
      [one('root/1.jws', 'abc', at(124, '\x80\0\0\0\0\0\0\0\0\0\x01\0')), end],
      /has no octal size in its header/,
    ],
    [
      'with a sum that is wrong',
      [one('root/1.jws', 'abc', (head) => head.set([65], 0)), end],
      /there is no head of a tar at byte 0/,
    ],
    [
      'that says a mebibyte of the next name',
      [one('pax', new Uint8Array(2 ** 20), at(156, 'x')), end],
      /^too-large: "pax"/,
    ],
    [
      'that says nonsense of the next one',
      [one('pax', '99 path=x\n', at(156, 'x')), end],
      /the tar has a malformed pax header/,
    ],
    [
      'that gives a name by what stands before',
      [one('pax', '19 path=../evil.sh\n', at(156, 'x')), one('root/1.jws', 'a'), end],
      /^bad-document: "\.\.\/evil\.sh": is not a store object/,
    ],
    [
      'that gives an invalid size',
      [one('pax', '10 size=x\n', at(156, 'x')), one('root/1.jws', 'a'), end],
      /is truncated/,
    ],
    ['that is compressed', [new Uint8Array([31, 139, 8, 0])], /is compressed/],
    ['that is empty', [new Uint8Array()], /is truncated/],
    ['that is text', [Buffer.from('x'.repeat(1024))], /there is no head of a tar at byte 0/],
  ])('%s is refused', async (_, parts, want) => {
    expect(await refusal(openTar(fileOf(Buffer.concat(parts))))).toMatch(want)
  })
})
