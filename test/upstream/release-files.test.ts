/** Files of a release at URLs, over real sockets: their sums, lines that break, and the folder that they share. */
import { createHash } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { hashInto } from '../../src/store/streams.ts'
import { sharedFolder, urlSource } from '../../src/url-files/release-files.ts'
import { refusal } from '../world.ts'
import { serve, type TestServer } from './server.ts'

let server: TestServer | undefined
afterEach(() => server?.close())

const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 31 + (i >> 8)) & 255))
const sha256 = createHash('sha256').update(bytes).digest('hex')
const other = 'b'.repeat(64)

/** How a server answers to `.sha256`, and what it says of the file, whose first answer may break off. */
type Manners = Readonly<{ sums?: string; status?: number; headers?: Record<string, string>; cut?: boolean }>

function releaseServer({ sums, status = 404, headers: more = {}, cut = false }: Manners): RequestListener {
  let isCut = !cut
  return ({ method, url = '', headers }, response) => {
    if (url.endsWith('.sha256')) return void response.writeHead(sums === undefined ? status : 200).end(sums)
    const from = Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0)
    const range = headers.range && { 'Content-Range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }
    response.writeHead(range ? 206 : 200, { 'Content-Length': bytes.length - from, ...range, ...more })
    if (method === 'HEAD') return void response.end()
    if (isCut) return void response.end(bytes.subarray(from))
    isCut = true
    response.write(bytes.subarray(0, 100_000), () => response.destroy())
  }
}

async function opened(manners: Manners, path = '4152.2.0/oem.gz') {
  server = await serve(releaseServer(manners))
  return urlSource(server.url + path, { transport: nodeTransport(), idleMs: 30_000 })
}

const read = async (manners: Manners) => {
  const { name, open } = await opened(manners)
  return (await hashInto(open(), async () => {}, { hasher: nodeHasher(), name })).sha256
}

describe('the sum beside a file', () => {
  test.each([
    ['as sha256sum writes it', `${sha256}  oem.gz\n`],
    ['of a binary file in a folder', `${sha256.toUpperCase()} *./out/oem.gz`],
    ['alone', sha256],
    ['of one file under its former name', `${sha256}  update.gz\n`],
    ['among those of others', `${other}  update.gz\r\n${sha256}  oem.gz\r\n`],
  ])('%s', async (_, sums) => expect((await opened({ sums })).sha256).toBe(sha256))

  test.each([
    ['a page', '<html>not here</html>'],
    ['nothing', ''],
    ['those of other files', `${other}  a.gz\n${other}  b.gz\n`],
    ['a sum of another kind', `${'a'.repeat(40)}  oem.gz\n`],
  ])('%s in its place is refused', async (_, sums) =>
    expect(await refusal(opened({ sums }))).toMatch(
      /^mismatch: http:\S+\/4152\.2\.0\/oem\.gz\.sha256: is not what `sha256sum oem\.gz` writes/,
    ),
  )

  test.each([404, 410, 403])('%i: there is none', async (status) => {
    expect(await opened({ status }, '4152.2.0/oem.gz?x=1')).not.toHaveProperty('sha256')
    expect(server?.seen.map(({ path }) => path)).toContain('/4152.2.0/oem.gz.sha256')
  })

  test('a server that fails leaves it open, and a long text is none', async () => {
    expect(await refusal(opened({ status: 500 }))).toMatch(/^store-unavailable: \S+\.sha256: \S+ answers 500/)
    await server?.close()
    expect(await refusal(opened({ sums: 'x'.repeat(100_000) }))).toMatch(/^too-large: /)
  })
})

describe('a line that breaks', () => {
  test.each<readonly [string, Manners]>([
    ['a sum', { sums: sha256 }],
    ['a strong ETag', { headers: { ETag: '"a"' } }],
    ['a Last-Modified', { headers: { 'Last-Modified': 'Mon, 02 Nov 2026 10:00:00 GMT' } }],
  ])('is resumed with %s', async (_, manners) => expect(await read({ ...manners, cut: true })).toBe(sha256))

  test('is not resumed where nothing says that it is the same file', async () => {
    expect(await refusal(read({ cut: true }))).toMatch(
      /^mismatch: \S+oem\.gz: broke off, and its server marks no states/,
    )
  })

  test('a file that was replaced meanwhile is refused', async () => {
    let at = 0
    const headers = {
      get 'Last-Modified'() {
        return new Date(1e12 + 1e3 * at++).toUTCString()
      },
    }
    expect(await refusal(read({ headers, cut: true }))).toMatch(/^mismatch: \S+oem\.gz: was replaced/)
  })
})

describe('the folder that files share', () => {
  test('is theirs', () =>
    expect(sharedFolder(['https://a.example/x/1.0/os.gz', 'https://A.example:443/x/1.0/oem.gz'])).toBe(
      'https://a.example/x/1.0/',
    ))

  test.each([
    [['https://a.example/1/os.gz', 'https://a.example/2/oem.gz'], /lie in one folder, not in \S+\/1\/ and \S+\/2\/$/],
    [['https://a.example/1/os.gz', 'oem.gz'], /oem\.gz is a file of this machine, not a URL$/],
    [['https://a.example/1/os.gz?token=s3cret'], /a\.example\/1\/os\.gz: clients send no query/],
  ])('%j has none', async (places, message) => {
    const refused = await refusal(Promise.resolve().then(() => sharedFolder(places)))
    expect(refused).toMatch(message)
    expect(refused).not.toContain('s3cret')
  })
})
