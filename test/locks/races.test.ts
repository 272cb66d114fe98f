/** The suite of reboot locks over a folder, and over the strict S3 with and without 409 for writes that overlap. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, vi } from 'vitest'
import { systemClock } from '../../src/kernel/clock.ts'
import { folderDocuments } from '../../src/store/folder/documents.ts'
import { s3Documents } from '../../src/store/s3/documents.ts'
import { lockRows } from '../conformance/locks.ts'
import { suite } from '../conformance/register.ts'
import { openStrict, useCredentials } from '../s3/open.ts'
import { startS3 } from '../s3/server.ts'

const root = await mkdtemp(join(tmpdir(), 'platte-locks-'))
const s3 = await startS3()
const overlapping = Object.assign(await startS3(), { conflicts: true })
useCredentials(s3)
afterAll(async () => {
  vi.unstubAllEnvs()
  await Promise.all([s3.close(), overlapping.close(), rm(root, { recursive: true })])
})

suite('folder', lockRows, () => () => folderDocuments(root, { clock: systemClock }))
suite('S3', lockRows, () => async () => s3Documents(await openStrict(s3)))
suite('S3-409', lockRows, () => async () => s3Documents(await openStrict(overlapping)))
