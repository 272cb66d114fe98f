import { systemClock } from '../../src/kernel/clock.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { documentRows } from '../conformance/documents.ts'
import { packageRows } from '../conformance/packages.ts'
import { suite } from '../conformance/register.ts'
import { uploadRows } from '../conformance/uploads.ts'
import { memoryDocuments, memoryPackages, memoryUploads } from '../memory.ts'

suite('memoryDocuments', documentRows, memoryDocuments)
suite('memoryPackages', packageRows(nodeHasher), () => memoryPackages(nodeHasher))
suite('memoryUploads', uploadRows, () => memoryUploads({ clock: systemClock, partBytes: 200_000 }))
