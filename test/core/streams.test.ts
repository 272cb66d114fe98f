import { buffer } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { byteStreamFrom, pump, pumpReusing, streamFrom, tap } from '../../src/kernel/streams.ts'

const bytes = Uint8Array.from({ length: 1_000_000 }, (_, i) => (i * 7 + (i >> 9)) % 251)
const wrong = new Error('wrong')

/** In chunks of a size that no reader asks for. @param onCancel gets the reason. */
const bodies = {
  chunks: (onCancel: (reason: unknown) => void = () => {}) => {
    let at = 0
    return streamFrom(async () => {
      const chunk = bytes.slice(at, at + 70_001)
      at += chunk.length
      return chunk.length > 0 ? chunk : undefined
    }, onCancel)
  },
  bytes: (onCancel: (reason: unknown) => void = () => {}) => {
    let at = 0
    return byteStreamFrom(async (memory) => {
      const part = bytes.subarray(at, at + Math.min(memory.length, 70_001))
      memory.set(part)
      at += part.length
      return memory.subarray(0, part.length)
    }, onCancel)
  },
}

describe.each(['chunks', 'bytes'] as const)('a body of %s', (kind) => {
  const body = bodies[kind]
  const tapped = (onCancel?: (reason: unknown) => void) => tap(body(onCancel), () => {})

  test.each([
    ['as it is', body],
    ['through a tap', tapped],
    ['through two', () => tap(tapped(), () => {})],
  ])('%s, chunks that are kept stay as they were', async (_, open) => {
    const kept: Uint8Array[] = []
    await pump(open(), (chunk) => void kept.push(chunk))
    expect(Buffer.concat(kept).equals(bytes)).toBe(true)
    expect((await buffer(open())).equals(bytes)).toBe(true)
  })

  test.each([
    ['as it is', body],
    ['through a tap', tapped],
    ['through two', () => tap(tapped(), () => {})],
  ])('%s, memory is used again only after its chunk was taken', async (_, open) => {
    const taken: Buffer[] = []
    await pumpReusing(open(), async (chunk) => {
      await new Promise(setImmediate)
      taken.push(Buffer.from(chunk))
    })
    expect(Buffer.concat(taken).equals(bytes)).toBe(true)
  })

  test('a tap sees every byte, then the end', async () => {
    const seen: string[] = []
    let size = 0
    const take = ({ length }: Uint8Array): void => {
      size += length
    }
    await buffer(tap(body(), take, () => void seen.push(`end after ${size}`)))
    expect(seen).toEqual([`end after ${bytes.length}`])
  })

  test.each([
    ['a tap', (onCancel: (reason: unknown) => void) => buffer(tap(body(onCancel), () => Promise.reject(wrong)))],
    ['a pump', (onCancel: (reason: unknown) => void) => pump(tapped(onCancel), () => Promise.reject(wrong))],
    [
      'a reusing pump',
      (onCancel: (reason: unknown) => void) => pumpReusing(tapped(onCancel), () => Promise.reject(wrong)),
    ],
  ])('who throws in %s cancels the body', async (_, run) => {
    const reasons: unknown[] = []
    await expect(run((reason) => void reasons.push(reason))).rejects.toBe(wrong)
    expect(reasons).toEqual([wrong])
  })

  test('who throws at the end fails the body', async () => {
    await expect(
      buffer(
        tap(
          body(),
          () => {},
          () => Promise.reject(wrong),
        ),
      ),
    ).rejects.toBe(wrong)
  })

  test('a body that breaks off fails everybody', async () => {
    const broken = () => {
      const fail = (): Promise<never> => Promise.reject(wrong)
      return kind === 'bytes' ? byteStreamFrom(fail, () => {}) : streamFrom(fail)
    }
    for (const reading of [buffer(tap(broken(), () => {})), pump(broken(), () => {}), pumpReusing(broken(), () => {})])
      await expect(reading).rejects.toBe(wrong)
  })
})

test('a body that somebody reads already is refused', async () => {
  const body = bodies.bytes()
  body.getReader()
  expect(() => tap(body, () => {})).toThrow(TypeError)
  await expect(pumpReusing(body, () => {})).rejects.toThrow(TypeError)
})
