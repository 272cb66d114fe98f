import { nodeHasher } from '../../src/adapters/hashers.ts'
import { memoryDocuments, memoryPackages } from '../../src/adapters/memory.ts'
import { documentRows } from '../conformance/documents.ts'
import { packageRows } from '../conformance/packages.ts'
import { suite } from '../conformance/register.ts'

suite('memoryDocuments', documentRows, memoryDocuments)
suite('memoryPackages', packageRows(nodeHasher), () => memoryPackages(nodeHasher))
