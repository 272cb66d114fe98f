/** Settings that are wrong: what the store says must be an error that names them, and never look like an empty store. */
import { type ErrorCode, PlatteError } from '../../src/kernel/errors.ts'
import type { Documents } from '../../src/store/documents.ts'
import type { Packages } from '../../src/store/packages.ts'
import { type At, listed, type Row, refuses, same, text } from '../conformance/rows.ts'

/** What a row changes: the bucket, its region, or the credentials in the environment. */
export interface Change {
  readonly bucket?: string
  readonly region?: string
  readonly AWS_ACCESS_KEY_ID?: string
  readonly AWS_SECRET_ACCESS_KEY?: string
}

/** Opens the live bucket with some settings changed. */
export type OpenChanged = (change: Change) => Promise<{ readonly documents: Documents; readonly packages: Packages }>

const cap = 1024
const one = text('{"n":1}')

export const settingRows: readonly Row<OpenChanged>[] = [
  refusedRow('a bucket that is not there', { bucket: 'platte-no-such-bucket' }, ['store-unavailable']),
  refusedRow('a secret of somebody else', { AWS_SECRET_ACCESS_KEY: 'not-the-secret' }, ['forbidden']),
  // AWS answers 403. A server with one account may answer 404, which must not be taken for a key that is not there.
  refusedRow('an access key that nobody has', { AWS_ACCESS_KEY_ID: 'AKIANOBODYHASTHISKEY' }, [
    'forbidden',
    'store-unavailable',
  ]),
  {
    name: 'another region is refused, or makes no difference',
    async run(open, at) {
      same(await (await open({})).documents.create(at('a.jws'), one), 'created', 'create')
      const { documents } = await open({ region: 'eu-north-1' })
      const seen = await documents.get(at('a.jws'), cap).catch((error: unknown) => {
        if (error instanceof PlatteError && error.code === 'store-unavailable') return undefined
        throw error
      })
      if (seen !== undefined) same(seen.bytes, one, 'get')
      else await refuses(['store-unavailable'], 'get', () => documents.get(at('a.jws'), cap))
    },
  },
]

function refusedRow(name: string, change: Change, codes: readonly ErrorCode[]): Row<OpenChanged> {
  return {
    name: `${name}: every request is refused, in words that name the setting`,
    async run(open, at) {
      for (const [what, request] of requests(await open(change), at)) {
        await refuses(codes, what, request)
        const error: unknown = await request().catch((thrown: unknown) => thrown)
        const said = error instanceof PlatteError ? error.message : ''
        same(/PLATTE_STORE|AWS_/.test(said), true, `${what}: a setting is named in "${said}"`)
      }
    },
  }
}

const requests = (
  { documents, packages }: Awaited<ReturnType<OpenChanged>>,
  at: At,
): readonly (readonly [string, () => Promise<unknown>])[] => [
  ['get', () => documents.get(at('a.jws'), cap)],
  ['create', () => documents.create(at('a.jws'), one)],
  ['swap', () => documents.swap(at('a.jws'), one, '"0123456789abcdef0123456789abcdef"')],
  ['list', () => listed(documents.list?.(at('')) ?? none())],
  ['folders', () => listed(documents.folders?.(at('')) ?? none())],
  ['stat', () => packages.stat(at('os.gz'))],
  ['open', () => packages.open(at('os.gz'))],
  ['remove', () => packages.remove(at('os.gz'))],
]

async function* none(): AsyncIterable<string> {}
