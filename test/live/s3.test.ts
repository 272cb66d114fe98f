/** The suites of both ports against the S3 bucket that PLATTE_LIVE_S3 names, in a folder of its own. */
import { randomUUID } from 'node:crypto'
import { describe } from 'vitest'
import { memoryDocuments, memoryPackages } from '../../src/adapters/memory.ts'
import { nodeHasher } from '../../src/adapters/hashers.ts'
import { suite } from '../conformance/register.ts'
import { liveSuite } from './suite.ts'

const setting = process.env.PLATTE_LIVE_S3
const m = memoryDocuments()

describe.skipIf(setting === undefined)('live S3', () => {
  suite('s3Documents', liveSuite.documents, () => memoryDocuments())
  suite('s3Packages', liveSuite.packages, () => memoryPackages(nodeHasher))
  suite('races', liveSuite.races, () => () => m)
})
