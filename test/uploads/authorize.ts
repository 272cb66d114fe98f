import { PlatteError } from '../../src/kernel/errors.ts'
import type { UploadServing } from '../../src/publish-api/routes.ts'

/** Stands in for who really decides: a header that everybody knows. */
export const authorize: UploadServing['authorize'] = async (request, { channel }) => {
  if (request.headers.get('authorization') === 'Bearer let-me-in' && channel === 'stable') return undefined
  throw new PlatteError('bad-request', 'who are you?')
}
