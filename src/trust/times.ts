/** Step 5 of verifying, for all documents. */

import type { Instant } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { timeText } from '../kernel/format.ts'

/** How far a document's clock may be ahead of the reader's. */
export const maxAheadMs = 5 * 60_000

/** Checks `issuedAt` and `expires` (exclusive) against the reader's clock. @throws PlatteError('from-the-future', 'expired') */
export function checkTimes(
  { issuedAt, expires }: { readonly issuedAt: string; readonly expires?: string },
  name: string,
  now: Instant,
): void {
  if (Date.parse(issuedAt) > now + maxAheadMs)
    throw new PlatteError('from-the-future', `${name}: was issued at ${timeText(issuedAt)}, which is in the future`, {
      hint: 'Compare the clocks of this machine and of the one that signed.',
    })
  if (expires !== undefined && now >= Date.parse(expires))
    throw new PlatteError('expired', `${name}: expired at ${timeText(expires)}`)
}
