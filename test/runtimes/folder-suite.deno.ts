/** Runs the suites of all ports on a folder and prints what failed as JSON. Meant for Deno; any runtime with node:fs does. */
import { writeSync } from 'node:fs'
import { folderDocuments } from '../../src/adapters/folder-documents.ts'
import { folderPackages } from '../../src/adapters/folder-packages.ts'
import { folderUploads } from '../../src/adapters/folder-uploads.ts'
import { nodeHasher } from '../../src/adapters/hashers.ts'
import { systemClock } from '../../src/adapters/system.ts'
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
