/** What a mirror's store lacks, as its readers see it, also over HTTP. */
import { decodeMissing, maxMissingBytes } from '../documents/missing.ts'
import { missingKey, missingPath } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { describeError } from '../kernel/log.ts'
import type { Marked } from '../store/documents.ts'
import type { StoreReader } from './read.ts'

/** Folders of packages, under the token of their list. */
export type Missing = Marked & { readonly folders: ReadonlySet<string> }

/**
 * @param known what was read before: returned itself while the list is the same.
 * @returns `undefined` without a list or the permission to read it, which deployments of before lack. A store that cannot be
 * listed is an upstream: any server may fail to show one, and what was known stays.
 */
export async function loadMissing(reader: StoreReader, known?: Missing): Promise<Missing | undefined> {
  const isUpstream = reader.documents.list === undefined
  const key = isUpstream ? missingPath : missingKey
  const stored = await reader.documents.get(key, maxMissingBytes, known).catch((error: unknown) => {
    if (!(error instanceof PlatteError && (isUpstream || error.code === 'forbidden'))) throw error
    reader.log({ level: 'warn', event: 'catalog', ...describeError(error) })
    return isUpstream ? known : undefined
  })
  if (stored === undefined || !('bytes' in stored)) return stored
  const { bytes, token } = stored
  try {
    return { token, folders: new Set(decodeMissing(bytes).map(({ packages }) => packages)) }
  } catch (error) {
    if (!(error instanceof PlatteError)) throw error
    // A list that anybody damaged must not withhold everything. A web server may have a page for every path.
    reader.log({ level: isUpstream ? 'warn' : 'error', event: 'catalog', ...describeError(error) })
    return { token, folders: new Set() }
  }
}

export interface MissingCache {
  missing?: Missing | undefined
  /** Whether that was read before the catalog, perhaps too early. */
  isListEarly?: boolean
}

/**
 * Reads the list beside the catalog: at a cold start at once, which saves a round trip, and once more with the next load;
 * later only if it may have changed, since it grows with a new catalog only.
 */
export function readMissing(
  reader: StoreReader,
  { missing, isListEarly, ...cache }: MissingCache & { state?: object },
) {
  const early = cache.state === undefined ? loadMissing(reader) : undefined
  early?.catch(() => {})
  return async (isNew: boolean) => {
    const isDue = isNew || isListEarly || (missing?.folders.size ?? 0) > 0
    const found = await (early ?? (isDue ? loadMissing(reader, missing) : missing))
    return { missing: found, isListEarly: early !== undefined }
  }
}
