/** Copies files to a store before their key is known: it depends on the digests of all of them. */
import type { Digests, NewHasher } from '../kernel/hasher.ts'
import type { Packages, StagedPackage } from '../store/packages.ts'

/** A file to publish; it can be read more than once. */
export interface Source {
  readonly name: string
  /** Bytes. */
  readonly size: number
  open(): ReadableStream<Uint8Array>
}

export interface Staging {
  readonly packages: Packages
  readonly newHasher: NewHasher
}

/**
 * Hashes every file, and copies it in the same pass where the store takes bytes before their name.
 * @param onBytes takes the size of each chunk. The sum is the size of the files: where they are read twice, half each.
 */
export async function hashAndStage(
  { packages, newHasher }: Staging,
  sources: readonly Source[],
  onBytes: (bytes: number) => void,
): Promise<StagedPackage[]> {
  const staged: StagedPackage[] = []
  try {
    for (const source of sources)
      if (packages.stage) staged.push(await packages.stage(read(source, onBytes)))
      else staged.push(await hashOnly({ packages, newHasher }, source, (bytes) => onBytes(bytes / 2)))
    return staged
  } catch (error) {
    await Promise.all(staged.map((one) => one.discard()))
    throw error
  }
}

const read = (source: Source, onBytes: (bytes: number) => void): ReadableStream<Uint8Array> =>
  source.open().pipeThrough(countBytes(onBytes))

export async function digestsOf(
  source: Source,
  newHasher: NewHasher,
  onBytes: (bytes: number) => void,
): Promise<{ readonly size: number } & Digests> {
  const hasher = newHasher()
  let size = 0
  for await (const chunk of read(source, onBytes)) {
    size += chunk.length
    await hasher.update(chunk)
  }
  return { size, ...(await hasher.digest()) }
}

/** For stores that need a name first: hash now, copy when the name is known. */
async function hashOnly(
  { packages, newHasher }: Staging,
  source: Source,
  onBytes: (bytes: number) => void,
): Promise<StagedPackage> {
  const { size, ...digests } = await digestsOf(source, newHasher, onBytes)
  return {
    size,
    ...digests,
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

export function countBytes(onBytes: (bytes: number) => void): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream({
    transform(chunk, controller) {
      onBytes(chunk.length)
      controller.enqueue(chunk)
    },
  })
}
