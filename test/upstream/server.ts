/** Web servers that stand before a store: plain ones of several kinds, and those that do what a test says. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import type { Documents } from '../../src/store/documents.ts'
import type { Packages } from '../../src/store/packages.ts'
import { memoryDocuments, memoryPackages } from '../memory.ts'

/** A request as it came. */
export interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: NodeJS.Dict<string | string[]>
}

export interface TestServer {
  /** Ends in "/". */
  readonly url: string
  readonly seen: Seen[]
  close(): Promise<void>
}

/** Listens on a port of this machine. */
export async function serve(answer: RequestListener): Promise<TestServer> {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    seen.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers })
    answer(request, response)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    seen,
    close: async () => {
      server.closeAllConnections()
      await once(server.close(), 'close')
    },
  }
}

/** What lies behind a server. */
export interface Behind {
  readonly documents: Documents
  readonly packages: Packages
}

export const nothingYet = (): Behind => ({ documents: memoryDocuments(), packages: memoryPackages(nodeHasher) })

/** How a plain server tells states apart: not at all, by content, by size and second. */
export type Tags = 'none' | 'content' | 'second'

export interface Manners {
  readonly tags: Tags
  /** Whether it sends ranges; else the whole, whatever was asked. */
  readonly ranges: boolean
}

/** A server of files, as many are. */
export function fileServer({ documents, packages }: Behind, manners: Manners): RequestListener {
  const read = async (key: string): Promise<Uint8Array | undefined> => {
    const document = await documents.get(key, 2 ** 30)
    if (document !== undefined) return document.bytes
    const open = await packages.open(key)
    return open && new Uint8Array(await new Response(open.body).arrayBuffer())
  }
  return ({ method, url = '', headers }, response) => {
    read(decodeURIComponent(url.slice(1))).then(
      (bytes) => {
        if (bytes === undefined) return response.writeHead(404).end('not here')
        const described = headersOf(bytes, manners)
        if (described.ETag !== undefined && headers['if-none-match'] === described.ETag)
          return response.writeHead(304, described).end()
        const part = manners.ranges && method === 'GET' ? headers.range : undefined
        return part === undefined ? sendWhole(response, bytes, described) : sendPart(response, bytes, part)
      },
      () => response.writeHead(400).end(),
    )
  }
}

const sendWhole = (response: ServerResponse, bytes: Uint8Array, headers: Record<string, string>): ServerResponse =>
  response
    .writeHead(200, { ...headers, 'Content-Length': bytes.length })
    .end(response.req.method === 'HEAD' ? '' : bytes)

function sendPart(response: ServerResponse, bytes: Uint8Array, range: string): ServerResponse {
  const [, from = '', to = ''] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? []
  const [start, end] = [Number(from), Math.min(Number(to), bytes.length - 1)]
  if (from === '' || start > end) return response.writeHead(416, { 'Content-Range': `bytes */${bytes.length}` }).end()
  return response
    .writeHead(206, { 'Content-Range': `bytes ${start}-${end}/${bytes.length}`, 'Content-Length': end - start + 1 })
    .end(bytes.subarray(start, end + 1))
}

function headersOf(bytes: Uint8Array, { tags }: Manners): Record<string, string> {
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 20)
  switch (tags) {
    case 'none':
      return {}
    case 'content':
      return { ETag: `"${digest}"` }
    case 'second':
      return { ETag: `"${bytes.length}"`, 'Last-Modified': new Date().toUTCString() }
  }
}

/** The files of a store, but for those that a test answers itself: by key, also later. */
export const serveStore = (behind: () => Behind, instead: ReadonlyMap<string, RequestListener>): Promise<TestServer> =>
  serve((request, response) => {
    const other = instead.get(decodeURIComponent(request.url ?? '').slice(1))
    if (other) return other(request, response)
    fileServer(behind(), { tags: 'content', ranges: true })(request, response)
  })
