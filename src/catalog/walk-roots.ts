/** Walks from the pin to the newest root of a store. */
import { rootKey } from '../documents/paths.ts'
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

/** The newest root that the store has, for writers: whatever lies where the next one belongs must be it. */
export const loadRoot = async (reader: RootReader, known?: TrustedRoot): Promise<TrustedRoot> =>
  walk(reader, known ?? (await loadPinnedRoot(reader)), { isWriter: true })

export async function loadPinnedRoot({ documents, pin }: RootReader): Promise<TrustedRoot> {
  const key = rootKey(pin.version)
  const stored = await documents.get(key, maxRootBytes)
  if (stored === undefined)
    throw new PlatteError('missing', `${key}, which the pin names, is not in the store`, {
      hint: 'check PLATTE_STORE and PLATTE_ROOT; `platte init` makes a new store',
    })
  const advice =
    'check PLATTE_STORE and PLATTE_ROOT (`platte init` printed the pin): the root of this store is another one'
  return naming(key, () => verifyPinnedRoot(stored.bytes, pin), advice)
}

export interface Walk {
  /** Ends there; without it at the newest. */
  readonly upTo?: number
  /** Of the newest root, as somebody says who is not trusted: so many are read at once. */
  readonly expected?: number | undefined
  /** The read of the next root, where it has begun. */
  readonly first?: Promise<StoredDocument | undefined> | undefined
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
    const keys = Array.from({ length: most - from + 1 }, (_, i) => rootKey(from + i))
    const reads = keys.map((key, i) => (root === start && i === 0 && first) || readRoot(reader, key, isWriter))
    const found = await Promise.all(reads)
    for (const [i, key] of keys.entries()) {
      const next = found[i] && (await openNextRoot(reader, { key, ...found[i] }, root, isWriter))
      if (next === undefined) return root
      root = next
    }
  }
  return root
}

/** Some stores answer 403 for what is not there; that proves as much as their 404. */
export const readRoot = (reader: RootReader, key: string, isWriter = false): Promise<StoredDocument | undefined> =>
  reader.documents.get(key, maxRootBytes).catch((error: unknown) => notTheRoot(reader, error, isWriter))

const openNextRoot = (
  reader: RootReader,
  { key, bytes }: StoredDocument & { readonly key: string },
  before: TrustedRoot,
  isWriter: boolean,
): Promise<TrustedRoot | undefined> =>
  naming(key, () => verifyNextRoot(bytes, before)).catch((error: unknown) => notTheRoot(reader, error, isWriter))

/** A web server may have a page for every path. Whoever can put something else in the place of a root can also hide it. */
function notTheRoot({ log }: RootReader, error: unknown, isWriter: boolean): undefined {
  const isTolerated = error instanceof PlatteError && ['forbidden', 'too-large', 'bad-signature'].includes(error.code)
  if (isWriter || !isTolerated) throw error
  log({ level: 'warn', event: 'root', ...describeError(error) })
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
