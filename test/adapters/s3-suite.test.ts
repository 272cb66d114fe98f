/** The suites of all ports against the strict S3, over real HTTP. */
import { afterAll, describe, expect, test, vi } from 'vitest'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { s3Documents } from '../../src/store/s3/documents.ts'
import { s3Packages } from '../../src/store/s3/packages.ts'
import { s3Uploads } from '../../src/store/s3/uploads.ts'
import { documentRows } from '../conformance/documents.ts'
import { packageRows } from '../conformance/packages.ts'
import { suite } from '../conformance/register.ts'
import { uploadRows } from '../conformance/uploads.ts'
import { openStrict, useCredentials } from '../s3/open.ts'
import { type Seen, startS3 } from '../s3/server.ts'

const s3 = await startS3()
const overlapping = Object.assign(await startS3(), { conflicts: true })
useCredentials(s3)
afterAll(async () => {
  vi.unstubAllEnvs()
  await s3.close()
  await overlapping.close()
})

suite('s3Documents', documentRows, async () => s3Documents(await openStrict(s3)))
suite('s3Packages', packageRows(nodeHasher), async () => s3Packages(await openStrict(s3), nodeHasher))
suite('s3Uploads', uploadRows, async () => {
  const client = await openStrict(s3)
  return s3Uploads(client, { packages: s3Packages(client, nodeHasher), partBytes: 5 * 1024 * 1024 })
})
// Where writes overlap, S3 may say 409 to those that it did not let through.
suite('s3Documents-409', documentRows, async () => s3Documents(await openStrict(overlapping)))

test('leaves no parts of failed uploads', () => {
  expect([...s3.bucket.uploads]).toEqual([])
})

describe.each([
  ['412', s3],
  ['409', overlapping],
] as const)('16 clients race; losers get %s', (name, one) => {
  const clients = async () => Promise.all(Array.from({ length: 16 }, async () => s3Documents(await openStrict(one))))
  const bytes = (n: number): Uint8Array => new TextEncoder().encode(`client ${n}`)
  const holds = (key: string): string => Buffer.from(one.bucket.objects.get(`here/${key}`)?.bytes ?? []).toString()

  test.each([
    ['every reply arrives', () => undefined],
    ['every write’s reply is lost once', lostOnce()],
  ] as const)('%s: exactly one wins', async (how, fault) => {
    one.fault = fault
    const stores = await clients()
    const key = `race/${name}-${how.length}`
    const creates = await Promise.all(stores.map((store, n) => store.create(key, bytes(n))))
    expect(creates.toSorted()).toEqual(['created', ...Array(15).fill('taken')])
    expect(holds(key)).toBe(`client ${creates.indexOf('created')}`)
    const token = one.bucket.objects.get(`here/${key}`)?.etag ?? ''
    const swaps = await Promise.all(
      stores.map((store, n) => store.swap(key, bytes(100 + n), token).catch(({ code }) => code)),
    )
    one.fault = () => undefined
    expect(swaps.filter((outcome) => outcome === 'ok').length).toBe(1)
    expect(holds(key)).toBe(`client ${100 + swaps.indexOf('ok')}`)
  })
})

/** Cuts the connection behind every write that has not met this before, whatever became of it. */
function lostOnce() {
  const met = new Set<unknown>()
  return ({ operation, headers }: Seen) => {
    const write = `${headers['x-amz-content-sha256']}`
    if (operation !== 'PutObject' || met.has(write)) return undefined
    met.add(write)
    return 'lost' as const
  }
}
