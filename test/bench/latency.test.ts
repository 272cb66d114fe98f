import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { checkPath } from './bare.ts'
import { startChild } from './child.ts'
import type { Latencies } from './latency-load.ts'
import { percentile, ratioOfPercentiles } from './stats.ts'

const sliceMs = 200
const blockedMs = 150
/** Fewer than requests that are due while it stops. */
const connections = 2

test('a server that stops is charged for every request that was due meanwhile', async () => {
  let last = ''
  const server = createServer(({ url = '' }, response) => {
    if (url === checkPath && last !== url) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockedMs)
    last = url
    response.end('ok')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const load = startChild('latency-load.ts', [port, 1, connections].map(String))
  try {
    const { full } = await load.next<Latencies>()
    // Three quarters of a slice are blocked: the request in the middle waits for a third of that at least.
    expect(percentile(full, 0.5)).toBeGreaterThan(blockedMs - sliceMs / 2 - 10)
  } finally {
    await load.stop()
    server.close()
  }
})

test('percentiles are of all slices together', () => {
  const slices = [[1, 2, 3], [4], [5]]
  expect(percentile(slices, 0.5)).toBe(3)
  expect(
    ratioOfPercentiles(
      slices.map((slice) => slice.map((ms) => 2 * ms)),
      slices,
      0.5,
    ),
  ).toEqual({ value: 2, low: 2, high: 2 })
})
