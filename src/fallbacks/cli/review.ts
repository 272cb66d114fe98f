/** What a server with the same settings withholds, for `platte explain`. */

import type { Review } from '../../checks/update-check.ts'
import { type Options, settingsOf } from '../../cli/options.ts'
import { warn } from '../../cli/terminal.ts'
import { openStore } from '../../runtime/store.ts'
import { openFallBacks } from '../feature.ts'

/** @returns `undefined` without a projection. */
export async function reviewOf(options: Options): Promise<Review | undefined> {
  const settings = settingsOf(options, ['store'])
  const open = await openFallBacks(settings, { ...(await openStore(settings.store)), log: warn })
  await open?.close?.()
  return open?.review
}
