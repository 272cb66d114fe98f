/** Runs the suites of all ports on a folder and prints what failed as JSON. Meant for Deno; any runtime with node:fs does. */
import { writeSync } from 'node:fs'
import { systemClock } from '../../src/kernel/clock.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { folderDocuments } from '../../src/store/folder/documents.ts'
import { folderPackages } from '../../src/store/folder/packages.ts'
import { folderUploads } from '../../src/store/folder/uploads.ts'
import { documentRows } from '../conformance/documents.ts'
import { packageRows } from '../conformance/packages.ts'
import { failures } from '../conformance/rows.ts'
import { uploadRows } from '../conformance/uploads.ts'

const root = process.argv[2] ?? ''
const documents = () => folderDocuments(root, { clock: systemClock })
const packages = () => folderPackages(root, { clock: systemClock, newHasher: nodeHasher })
const uploads = () => folderUploads(root, { clock: systemClock, partBytes: 200_000 })
const failed = [
  ...(await failures(documentRows, documents, 'documents')),
  ...(await failures(packageRows(nodeHasher), packages, 'packages')),
  ...(await failures(uploadRows, uploads)),
]
writeSync(1, `${JSON.stringify(failed)}\n`)
