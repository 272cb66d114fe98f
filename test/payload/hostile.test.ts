/** Generated and mutated payloads: a verdict for each, and bounded memory. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PlatteError } from '../../src/kernel/errors.ts'
import { payloadReader } from '../../src/payload/check.ts'
import { type PayloadKey, readPayloadKey } from '../../src/payload/keys.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { field, headOf, payloadOfManifest, sampleKeyPem, signedSample } from '../payloads.ts'

/** Anything but a verdict is a defect. @returns whether it was accepted. */
async function judge(bytes: Uint8Array, chunk: number, keys: readonly PayloadKey[] = []): Promise<boolean> {
  const reader = payloadReader({ name: 'x', newHasher: nodeHasher, isRequired: () => true, keys })
  try {
    for (let at = 0; at < bytes.length; at += chunk) await reader.update(bytes.subarray(at, at + chunk))
    await reader.end()
    return true
  } catch (error) {
    if (error instanceof PlatteError && error.code === 'refused') return false
    throw error
  }
}

const chunks = fc.integer({ min: 1, max: 50_000 })

test('anything behind a good head', async () => {
  const manifests = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.oneof(fc.nat(), fc.uint8Array({ maxLength: 40 }))))
      .map((fields) => new Uint8Array(Buffer.concat(fields.map(([number, value]) => field(number, value))))),
  )
  await fc.assert(
    fc.asyncProperty(manifests, fc.uint8Array({ maxLength: 200 }), chunks, async (manifest, rest, chunk) => {
      await judge(payloadOfManifest(manifest, rest), chunk)
    }),
    { numRuns: 3000 },
  )
})

test('a changed sample is never accepted under its key', async () => {
  const key = await readPayloadKey(sampleKeyPem, 'sample')
  const changes = fc.array(fc.tuple(fc.nat(signedSample.length - 1), fc.integer({ min: 1, max: 255 })), {
    minLength: 1,
    maxLength: 5,
  })
  await fc.assert(
    fc.asyncProperty(changes, fc.nat(signedSample.length), chunks, async (flips, length, chunk) => {
      const bytes = signedSample.slice(0, Math.max(length, 20_000))
      for (const [at, bits] of flips) if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ bits
      const isSame = Buffer.from(bytes).equals(signedSample)
      expect(await judge(bytes, chunk, [key])).toBe(isSame)
    }),
    { numRuns: 500 },
  )
})

test('a manifest of 4 MiB is read, and no more is kept than that', async () => {
  const operations = Buffer.alloc(4 * 1024 * 1024 - 4, Buffer.from('0a020800', 'hex'))
  const before = process.memoryUsage().arrayBuffers
  expect(await judge(payloadOfManifest(operations), 65_536)).toBe(false)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40 * 1024 * 1024)
})

test('a larger manifest is refused before it is read', async () => {
  const reader = payloadReader({ name: 'x', newHasher: nodeHasher, isRequired: () => true, keys: [] })
  await expect(reader.update(headOf(4 * 1024 * 1024 + 1))).rejects.toThrow(/more than 4194304/)
})
