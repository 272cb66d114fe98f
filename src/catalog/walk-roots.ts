/** Walks from the pin to the newest root of a store. */
import { rootKey, stagedRootKey } from '../documents/paths.ts'
import { maxRootBytes } from '../documents/root.ts'
import { PlatteError } from '../kernel/errors.ts'
import { describeError, type Log } from '../kernel/log.ts'
import type { Documents, StoredDocument } from '../store/documents.ts'
import { type Pin, type TrustedRoot, verifyNextRoot, verifyPinnedRoot } from '../trust/verify-root.ts'

export interface RootReader {
  readonly documents: Documents
  readonly pin: Pin
  readonly log: Log
}

/** The newest root that the store has, for writers: any object at the key of the next one must be valid. */
export const loadRoot = async (reader: RootReader, known?: TrustedRoot): Promise<TrustedRoot> =>
  walk(reader, known ?? (await loadPinnedRoot(reader)), { isWriter: true })

export async function loadPinnedRoot({ documents, pin }: RootReader): Promise<TrustedRoot> {
  const key = rootKey(pin.version)
  const stored = await documents.get(key, maxRootBytes)
  if (stored === undefined)
    throw new PlatteError('missing', `${key}, which the pin names, is not in the store`, {
      hint: 'is the store mounted? Check PLATTE_STORE and PLATTE_ROOT; `platte mirror` or `platte import` fills an empty store',
    })
  const advice =
    'check PLATTE_STORE and PLATTE_ROOT (`platte init` printed the pin): the root of this store is another one'
  return naming(key, () => verifyPinnedRoot(stored.bytes, pin), advice)
}

export interface Walk {
  /** Ends there; without it at the newest. */
  readonly upTo?: number
  /** The version of the newest root, unverified: this many are read at once. */
  readonly expected?: number | undefined
  /** The read of the next root, where it has begun. It may have been too early for a root that the catalog names. */
  readonly first?: ReturnType<typeof readRoot> | undefined
  readonly isWriter?: boolean
}

const rootsAtOnce = 8

/** @returns `start` itself where there is no later one. */
export async function walk(reader: RootReader, start: TrustedRoot, options: Walk): Promise<TrustedRoot> {
  const { upTo = Number.POSITIVE_INFINITY, expected = 0, first, isWriter = false } = options
  let root = start
  while (root.root.version < upTo) {
    const from = root.root.version + 1
    const most = Math.min(Math.max(from, expected + 1), upTo, from + rootsAtOnce - 1)
    const reads = Array.from({ length: most - from + 1 }, (_, i) =>
      i === 0 && root === start && first ? first : readRoot(reader, from + i),
    )
    for (const read of reads) {
      const next = await openNextRoot(reader, read, root, { isNamed: root.root.version < expected, isWriter })
      if (next === undefined) return root
      root = next
    }
  }
  return root
}

export function readRoot({ documents }: RootReader, version: number): Promise<StoredDocument | undefined> {
  const read = documents.get(rootKey(version), maxRootBytes)
  // Awaited in turn, and not at all behind a gap.
  read.catch(() => {})
  return read
}

/**
 * Some stores answer 403 for a missing object, some web servers a page for every path: treated as a 404.
 * An attacker who can put something else there can hide the root, too.
 * @param how `isNamed`: the catalog names it or a later one. A mirror may have staged it.
 */
async function openNextRoot(
  { log, documents }: RootReader,
  read: ReturnType<typeof readRoot>,
  before: TrustedRoot,
  { isNamed, isWriter }: { readonly isNamed: boolean; readonly isWriter: boolean },
) {
  const version = before.root.version + 1
  const get = (key: string) => documents.get(key, maxRootBytes)
  try {
    const stored = (await read) ?? (isNamed && ((await get(stagedRootKey(version))) ?? (await get(rootKey(version)))))
    return stored ? await naming(rootKey(version), () => verifyNextRoot(stored.bytes, before)) : undefined
  } catch (error) {
    const isTolerated = error instanceof PlatteError && ['forbidden', 'too-large', 'bad-signature'].includes(error.code)
    if (isNamed || isWriter || !isTolerated) throw error
    log({ level: 'warn', event: 'root', ...describeError(error) })
    return undefined
  }
}

/** Adds the key to the message of a failed check. @param advice the hint of a failure without one. */
export async function naming<T>(key: string, check: () => Promise<T>, advice?: string): Promise<T> {
  try {
    return await check()
  } catch (cause) {
    if (!(cause instanceof PlatteError)) throw cause
    const hint = cause.hint ?? advice
    throw new PlatteError(cause.code, `${key}: ${cause.message}`, { ...(hint && { hint }), cause })
  }
}
