import { createHash } from 'node:crypto'
import type { NewHasher } from '../kernel/hasher.ts'

/** Digests with node:crypto, for Node, Deno and Lambda. */
export const nodeHasher: NewHasher = Object.assign(
  () => {
    const sha256 = createHash('sha256')
    const sha1 = createHash('sha1')
    return {
      update(bytes: Uint8Array): void {
        sha256.update(bytes)
        sha1.update(bytes)
      },
      digest: async () => ({ sha256: sha256.digest('hex'), sha1: sha1.digest('hex') }),
    }
  },
  {
    sha256: () => {
      const hash = createHash('sha256')
      return { update: (bytes: Uint8Array): void => void hash.update(bytes), digest: async () => hash.digest('hex') }
    },
  },
)
