/** Takes files into a store before their place is known: it depends on the digests of all of them. */
import type { NewHasher } from '../ports/hasher.ts'
import type { Packages, StagedPackage } from '../ports/packages.ts'

/** A file to publish; it can be read more than once. */
export interface Source {
  readonly name: string
  /** Bytes. */
  readonly size: number
  open(): ReadableStream<Uint8Array>
}

/** Where files go, and how they are hashed. */
export interface Staging {
  readonly packages: Packages
  readonly newHasher: NewHasher
}

/**
 * Hashes every file, and copies it in the same pass where the store takes bytes before their name.
 * @param onBytes is told of every chunk that was read.
 */
export async function stageAll(
  { packages, newHasher }: Staging,
  sources: readonly Source[],
  onBytes: (bytes: number) => void,
): Promise<StagedPackage[]> {
  const staged: StagedPackage[] = []
  try {
    for (const source of sources) {
      const body = source.open().pipeThrough(counted(onBytes))
      staged.push(packages.stage ? await packages.stage(body) : await hashOnly(packages, newHasher, source, body))
    }
    return staged
  } catch (error) {
    await Promise.all(staged.map((one) => one.discard()))
    throw error
  }
}

/** For stores that need a name first: hash now, copy when the name is known. */
async function hashOnly(
  packages: Packages,
  newHasher: NewHasher,
  source: Source,
  body: ReadableStream<Uint8Array>,
): Promise<StagedPackage> {
  const hasher = newHasher()
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    await hasher.update(chunk)
  }
  const digests = await hasher.digest()
  return {
    size,
    ...digests,
    keep: (key) => packages.put(key, source.open(), { size, sha256: digests.sha256 }),
    discard: async () => {},
  }
}

function counted(onBytes: (bytes: number) => void): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream({
    transform(chunk, controller) {
      onBytes(chunk.length)
      controller.enqueue(chunk)
    },
  })
}
