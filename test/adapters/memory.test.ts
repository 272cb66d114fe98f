import { nodeHasher } from '../../src/adapters/hashers.ts'
import { memoryDocuments, memoryPackages } from '../../src/adapters/memory.ts'
import { memoryUploads } from '../../src/adapters/memory-uploads.ts'
import { systemClock } from '../../src/adapters/system.ts'
import { documentRows } from '../conformance/documents.ts'
import { packageRows } from '../conformance/packages.ts'
import { suite } from '../conformance/register.ts'
import { uploadRows } from '../conformance/uploads.ts'

suite('memoryDocuments', documentRows, memoryDocuments)
suite('memoryPackages', packageRows(nodeHasher), () => memoryPackages(nodeHasher))
suite('memoryUploads', uploadRows, () => memoryUploads({ clock: systemClock, partBytes: 200_000 }))
