/** The suites of the ports over plain web servers: what is written goes in behind them, what is read comes through them. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe } from 'vitest'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import type { Documents } from '../../src/store/documents.ts'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { upstreamDocuments, upstreamPackages } from '../../src/store/http/upstream.ts'
import type { Packages } from '../../src/store/packages.ts'
import { documentRows } from '../conformance/documents.ts'
import { packageRows } from '../conformance/packages.ts'
import { suite } from '../conformance/register.ts'
import { type Behind, fileServer, type Manners, nothingYet, serve, type Tags, type TestServer } from './server.ts'

const transport = nodeTransport()

/** Runs rows on a store behind a server of such manners. */
function over(manners: Manners, rows: (open: () => readonly [TestServer, Behind]) => void): void {
  let server: TestServer
  const behind = nothingYet()
  beforeAll(async () => {
    server = await serve(fileServer(behind, manners))
  })
  afterAll(() => server.close())
  rows(() => [server, behind])
}

describe.each<Tags>(['none', 'content', 'second'])('tags by %s', (tags) => {
  over({ tags, ranges: false }, (open) => suite('documents', documentRows, () => documentsThrough(...open())))
})

describe.each([true, false])('ranges: %s', (ranges) => {
  over({ tags: 'content', ranges }, (open) =>
    suite('packages', packageRows(nodeHasher), () => packagesThrough(...open())),
  )
})

function documentsThrough({ url }: TestServer, { documents }: Behind): Documents {
  const { get } = upstreamDocuments(url, { transport })
  return {
    get,
    create: documents.create,
    async swap(key, bytes, token) {
      const there = await documents.get(key, 2 ** 30)
      const isMeant = there && token.startsWith(createHash('sha256').update(there.bytes).digest('hex'))
      return isMeant ? documents.swap(key, bytes, there.token) : 'conflict'
    },
  }
}

function packagesThrough({ url }: TestServer, { packages }: Behind): Packages {
  const { open, stat } = upstreamPackages(url, { transport })
  return { open, stat, put: packages.put, remove: packages.remove }
}
