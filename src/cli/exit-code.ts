/** What a failure prints, and the exit code that it has. */
import { type ErrorCode, PlatteError } from '../kernel/errors.ts'
import { noticeError } from './terminal.ts'

/** 0 done, 1 failed, 2 usage, 3 refused by policy, 4 credentials, 5 verification failed. */
const exitCodes: Readonly<Record<ErrorCode, 1 | 2 | 3 | 4 | 5>> = {
  ...{ 'bad-request': 1, 'too-large': 1, 'unsupported-encoding': 1, 'store-unavailable': 1, 'issuer-unavailable': 1 },
  ...{ usage: 2, configuration: 2 },
  ...{ refused: 3, conflict: 3 },
  ...{ credentials: 4, forbidden: 4, unauthorized: 4 },
  ...{ 'bad-document': 5, 'bad-signature': 5, expired: 5, 'from-the-future': 5 },
  ...{ rollback: 5, fork: 5, mismatch: 5, missing: 5 },
}

export function fail(error: unknown): number {
  noticeError(error)
  return error instanceof PlatteError ? exitCodes[error.code] : 1
}
