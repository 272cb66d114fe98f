import { toHex } from '../kernel/digest.ts'
import type { NewHasher } from '../kernel/hasher.ts'

/** What workerd adds to WebCrypto, which itself digests whole buffers only. */
interface DigestStream extends WritableStream<Uint8Array> {
  readonly digest: Promise<ArrayBuffer>
}

const workersCrypto = crypto as unknown as { readonly DigestStream: new (algorithm: string) => DigestStream }

/** Digests for Workers. @see https://developers.cloudflare.com/workers/runtime-apis/web-crypto/ */
export const digestStreamHasher: NewHasher = () => {
  const streams = ['SHA-256', 'SHA-1'].map((algorithm) => new workersCrypto.DigestStream(algorithm))
  const writers = streams.map((stream) => stream.getWriter())
  return {
    async update(bytes) {
      await Promise.all(writers.map((writer) => writer.write(bytes)))
    },
    async digest() {
      await Promise.all(writers.map((writer) => writer.close()))
      const hex = streams.map(async ({ digest }) => toHex(new Uint8Array(await digest)))
      const [sha256 = '', sha1 = ''] = await Promise.all(hex)
      return { sha256, sha1 }
    },
  }
}
