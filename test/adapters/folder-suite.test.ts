import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { systemClock } from '../../src/kernel/clock.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { folderDocuments } from '../../src/store/folder/documents.ts'
import { folderPackages } from '../../src/store/folder/packages.ts'
import { folderUploads } from '../../src/store/folder/uploads.ts'
import { documentRows } from '../conformance/documents.ts'
import { packageRows } from '../conformance/packages.ts'
import { suite } from '../conformance/register.ts'
import { uploadRows } from '../conformance/uploads.ts'

const root = await mkdtemp(join(tmpdir(), 'platte-folder-'))
afterAll(() => rm(root, { recursive: true }))

suite('folderDocuments', documentRows, () => folderDocuments(root, { clock: systemClock }))
suite('folderPackages', packageRows(nodeHasher), () =>
  folderPackages(root, { clock: systemClock, newHasher: nodeHasher }),
)
suite('folderUploads', uploadRows, () => folderUploads(root, { clock: systemClock, partBytes: 200_000 }))

test('leaves no temporary files', async () => {
  expect(await readdir(join(root, '.tmp'))).toEqual([])
  expect(await readdir(join(root, '.uploads'))).toEqual([])
})
