import { expect, test } from 'vitest'
import { readBody } from '../../src/http/body.ts'
import { maxRequestBytes } from '../../src/kernel/limits.ts'

/** A body in chunks, which has no Content-Length. */
function requestOf(chunks: Iterable<Uint8Array>) {
  const each = chunks[Symbol.iterator]()
  const sent = { bytes: 0, cancelled: false }
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const { value, done } = each.next()
      if (done) return controller.close()
      sent.bytes += value.length
      controller.enqueue(value)
    },
    cancel() {
      sent.cancelled = true
    },
  })
  const init: RequestInit = { method: 'POST', body, duplex: 'half' }
  return { sent, request: new Request('http://127.0.0.1/', init) }
}

function* endless(): Generator<Uint8Array> {
  for (;;) yield new Uint8Array(16_384).fill(97)
}

test('an endless body is read up to a megabyte, then rejected', async () => {
  const { sent, request } = requestOf(endless())
  await expect(readBody(request)).rejects.toMatchObject({ code: 'too-large' })
  expect(sent.cancelled).toBe(true)
  expect(sent.bytes).toBeLessThan(1_200_000)
})

test.each([
  ['as long as may be', [maxRequestBytes], 'read'],
  ['longer by one', [maxRequestBytes, 1], 'too-large'],
  ['as long as may be, in pieces', Array(64).fill(1024), 'read'],
  ['empty', [], 'bad-request'],
])('a body that is %s', async (_, sizes: number[], want) => {
  const { request } = requestOf(sizes.map((size) => new Uint8Array(size).fill(97)))
  const got = await readBody(request).then(
    (text) => (text === 'a'.repeat(text.length) ? 'read' : 'garbled'),
    (error: { code: string }) => error.code,
  )
  expect(got).toBe(want)
})

test('a character split across two chunks stays whole', async () => {
  const bytes = new TextEncoder().encode('<é/>')
  const { request } = requestOf([bytes.subarray(0, 2), bytes.subarray(2)])
  expect(await readBody(request)).toBe('<é/>')
})

test('a client that disconnects halfway is not logged as our error', async () => {
  const { request } = requestOf(
    (function* () {
      yield new Uint8Array([60])
      throw new Error('aborted')
    })(),
  )
  await expect(readBody(request)).rejects.toMatchObject({ code: 'bad-request' })
})
