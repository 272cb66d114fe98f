import type { Authorize } from '../../src/checks/serving.ts'
import { PlatteError } from '../../src/kernel/errors.ts'

/** Stands in for who really decides: a header that everybody knows. */
export const authorize: Authorize = async (request, { action, channel }) => {
  if (request.headers.get('authorization') === 'Bearer let-me-in' && action === 'publish' && channel === 'stable')
    return
  throw new PlatteError('bad-request', 'who are you?')
}
