/** Stores in which one write goes wrong. */
import { PlatteError } from '../../src/errors.ts'
import type { Documents } from '../../src/ports/documents.ts'
import type { Packages, StagedPackage } from '../../src/ports/packages.ts'

/**
 * How a write goes wrong: it fails before it landed, or after; or the process dies there, which is the same but for
 * everything that it would have done next.
 */
export const faces = [
  'fails before it landed',
  'fails after it landed',
  'dies before it landed',
  'dies after it landed',
] as const
export type Face = (typeof faces)[number]

export interface Fault {
  /** Which write, counted from 1 over both stores. */
  readonly at: number
  readonly face: Face
}

interface Stores {
  readonly documents: Documents
  readonly packages: Packages
}

/** Both stores with one fault in them; without a fault they count. `written` names every write that was tried. */
export function faulty(
  { documents, packages }: Stores,
  fault?: Fault,
): Stores & { readonly written: readonly string[] } {
  const written: string[] = []
  let isDead = false
  const fail = (key: string): never => {
    throw new PlatteError('store-unavailable', `${key}: the store did not answer`)
  }
  async function write<T>(key: string, work: () => Promise<T>): Promise<T> {
    if (isDead) fail(key)
    written.push(key)
    if (fault === undefined || written.length !== fault.at) return work()
    isDead = fault.face.startsWith('dies')
    if (fault.face.endsWith('after it landed')) await work()
    return fail(key)
  }
  const alive = async <T>(key: string, work: () => Promise<T>): Promise<T> => (isDead ? fail(key) : work())
  const staged = (one: StagedPackage): StagedPackage => ({
    ...one,
    keep: (key) => write(key, () => one.keep(key)),
    discard: async () => (isDead ? undefined : one.discard()),
  })
  const { stage } = packages
  return {
    written,
    documents: {
      ...documents,
      get: (key, maxBytes) => alive(key, () => documents.get(key, maxBytes)),
      create: (key, bytes) => write(key, () => documents.create(key, bytes)),
      swap: (key, bytes, token) => write(key, () => documents.swap(key, bytes, token)),
    },
    packages: {
      ...packages,
      open: (key, range) => alive(key, () => packages.open(key, range)),
      stat: (key) => alive(key, () => packages.stat(key)),
      put: (key, body, expected) => write(key, () => packages.put(key, body, expected)),
      ...(stage && {
        stage: async (body: ReadableStream<Uint8Array>) => staged(await alive('stage', () => stage(body))),
      }),
    },
  }
}
