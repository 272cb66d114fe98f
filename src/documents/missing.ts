/**
 * `mirror/missing.json`, unsigned and of this store alone: packages that its manifests name and it does not hold. Readers
 * withhold these releases, so it can only withhold. No mirror copies it.
 */
import * as v from 'valibot'
import { PlatteError } from '../kernel/errors.ts'
import * as field from './fields.ts'
import { isKey, missingKey } from './paths.ts'

/** Some 40,000 releases and boards. */
export const maxMissingBytes = 8 * 1024 * 1024

const folder = v.pipe(
  v.string(),
  v.check(
    (text) => text.startsWith('packages/') && text.endsWith('/') && isKey(text.slice(0, -1)),
    'must be a folder of packages',
  ),
)

export const missingSchema = v.strictObject({
  format: v.literal(1),
  missing: v.array(
    v.strictObject({
      /** The folder of a release and board. */
      packages: folder,
      /** A channel whose manifest names it, of the folder's app. */
      channel: field.channelName,
      /** Why the last attempt failed. */
      problem: v.exactOptional(v.string()),
    }),
  ),
})

export type MissingPackages = v.InferOutput<typeof missingSchema>['missing'][number]

/** @throws PlatteError('bad-document') */
export function decodeMissing(bytes: Uint8Array): readonly MissingPackages[] {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(bytes))
  } catch (cause) {
    throw new PlatteError('bad-document', `${missingKey}: is not JSON`, { cause })
  }
  return field.check(missingSchema, missingKey, value).missing
}

/** @throws PlatteError('too-large') */
export function encodeMissing(missing: readonly MissingPackages[]): Uint8Array {
  const bytes = new TextEncoder().encode(`${JSON.stringify({ format: 1, missing })}\n`)
  if (bytes.length <= maxMissingBytes) return bytes
  throw new PlatteError('too-large', `${missing.length} releases have no packages here yet: too many to list`, {
    hint: 'mirror some channels first (--channel), or --packages current',
  })
}
