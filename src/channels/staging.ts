/** The files of a release: hashed, and copied to where their digests will name them. */
import type { Digests, NewHasher } from '../kernel/hasher.ts'
import { pumpReusing, tap } from '../kernel/streams.ts'
import type { Package } from '../release/channel.ts'
import type { StagedPackage } from '../store/packages.ts'
import type { Judging } from './payload.ts'

/** A file to publish, its size in bytes, its digests if something says them; it can be read more than once. */
export type Source = Partial<Digests> &
  Pick<Package, 'install' | 'patch'> &
  Readonly<{ name: string; size: number; open(): ReadableStream<Uint8Array> }>

export type Staging = Pick<Judging, 'packages' | 'newHasher'>

/** Takes the size of each chunk. The sum is the size of the files: where they are read twice, half each. */
export type OnBytes = (bytes: number) => void

/** Hashes every file, and copies it in the same pass where the store takes bytes before their name. */
export async function hashAndStage(
  staging: Staging,
  sources: readonly Source[],
  onBytes: OnBytes,
): Promise<StagedPackage[]> {
  const staged: StagedPackage[] = []
  try {
    for (const source of sources)
      if (staging.packages.stage) staged.push(await staging.packages.stage(read(source, onBytes)))
      else staged.push(await hashOnly(staging, source, (bytes) => onBytes(bytes / 2)))
    return staged
  } catch (error) {
    await Promise.all(staged.map((one) => one.discard()))
    throw error
  }
}

/** For packages that stay where they are. */
export const hashAll: typeof hashAndStage = async ({ newHasher }, sources, onBytes) => {
  const hashed: StagedPackage[] = []
  for (const source of sources)
    hashed.push({ ...(await digestsOf(source, newHasher, onBytes)), keep: async () => 'same', discard: async () => {} })
  return hashed
}

const read = (source: Source, onBytes: OnBytes): ReadableStream<Uint8Array> =>
  tap(source.open(), ({ length }) => onBytes(length))

export type Hashed = { readonly size: number } & Digests

export async function digestsOf(source: Source, newHasher: NewHasher, onBytes: OnBytes = () => {}): Promise<Hashed> {
  const hasher = newHasher()
  let size = 0
  await pumpReusing(source.open(), async (chunk) => {
    onBytes(chunk.length)
    size += chunk.length
    await hasher.update(chunk)
  })
  return { size, ...(await hasher.digest()) }
}

/** For stores that need a name first: hash now, copy when the name is known. */
async function hashOnly({ packages, newHasher }: Staging, source: Source, onBytes: OnBytes): Promise<StagedPackage> {
  const { size, ...digests } = await digestsOf(source, newHasher, onBytes)
  return {
    ...{ size, ...digests },
    async keep(key) {
      let left = size
      const body = read(source, (bytes) => {
        left -= bytes
        onBytes(bytes)
      })
      const outcome = await packages.put(key, body, { size, sha256: digests.sha256 })
      // A package that is there already was not read.
      onBytes(left)
      return outcome
    },
    discard: async () => {},
  }
}
