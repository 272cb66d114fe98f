/** The suites of both ports against the strict S3, over real HTTP. */
import { afterAll, expect, test, vi } from 'vitest'
import { nodeHasher } from '../../src/adapters/hashers.ts'
import { s3Documents } from '../../src/adapters/s3-documents.ts'
import { s3Packages } from '../../src/adapters/s3-packages.ts'
import { documentRows } from '../conformance/documents.ts'
import { packageRows } from '../conformance/packages.ts'
import { suite } from '../conformance/register.ts'
import { openStrict, useCredentials } from '../s3/open.ts'
import { startS3 } from '../s3/server.ts'

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
// Where writes overlap, S3 may say 409 to those that it did not let through.
suite('s3Documents-409', documentRows, async () => s3Documents(await openStrict(overlapping)))

test('no part of a package is left that did not become one', () => {
  expect([...s3.bucket.uploads]).toEqual([])
})
