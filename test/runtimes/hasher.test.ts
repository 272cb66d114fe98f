/** Digests on two threads: the same as on one, of any length, in any chunks, many at once. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { threadedHasher } from '../../src/runtime/hasher-threads.ts'
import { sample } from '../conformance/rows.ts'

const mebibyte = 1024 * 1024
const bytes = sample(12 * mebibyte + 7, 1)
const digestOf = (algorithm: string, some: Uint8Array): string => createHash(algorithm).update(some).digest('hex')

/** The caller uses its buffer again, as it may. */
async function hash(some: Uint8Array, chunk: number) {
  const hasher = threadedHasher()
  const buffer = new Uint8Array(chunk)
  for (let at = 0; at < some.length; at += chunk) {
    const part = buffer.subarray(0, Math.min(chunk, some.length - at))
    part.set(some.subarray(at, at + chunk))
    await hasher.update(part)
    buffer.fill(0)
  }
  return hasher.digest()
}

test.each([
  [0, 1000],
  [1, 1],
  [4 * mebibyte, 65_536],
  [4 * mebibyte + 1, 65_536],
  [bytes.length, 262_144],
  [bytes.length, 1_000_003],
])('%i bytes in chunks of %i', async (length, chunk) => {
  const some = bytes.subarray(0, length)
  expect(await hash(some, chunk)).toEqual({ sha256: digestOf('sha256', some), sha1: digestOf('sha1', some) })
})

test('twelve at once, of which some are left before their end', async () => {
  const left = threadedHasher()
  await left.update(bytes)
  const lengths = Array.from({ length: 12 }, (_, i) => bytes.length - i)
  const found = await Promise.all(lengths.map((length) => hash(bytes.subarray(0, length), 300_000)))
  expect(found.map(({ sha1 }) => sha1)).toEqual(lengths.map((length) => digestOf('sha1', bytes.subarray(0, length))))
})

test('a process with an unfinished hasher ends', () => {
  const file = join(import.meta.dirname, '../../src/runtime/hasher-threads.ts')
  const code = `const { threadedHasher } = await import(${JSON.stringify(file)})
await threadedHasher().update(new Uint8Array(9_000_000))
console.log('ended')`
  const ran = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8', timeout: 60_000 })
  expect([ran.status, ran.stdout.trim()]).toEqual([0, 'ended'])
})
