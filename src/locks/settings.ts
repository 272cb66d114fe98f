/** Settings of reboot locks. */

import type { Locks, LockToken } from '../checks/serving.ts'
import { isGroupName } from '../documents/paths.ts'

/** What the settings say of locks; what keeps them is opened elsewhere. */
export type LockSettings = Omit<Locks, 'locking'>

/** Short tokens can be guessed. */
const minTokenLength = 16
const tokenForm = /^(read|write):([A-Za-z0-9._~-]+)$/

/** @throws Error in words that repeat no token. */
export function parseLockTokens(text: string): readonly LockToken[] {
  return text.split(',').map((one, i) => {
    const [, scope, token = ''] = tokenForm.exec(one.trim()) ?? []
    if (scope !== 'read' && scope !== 'write')
      throw new Error(`number ${i + 1} is not of the form read:TOKEN or write:TOKEN, a token of A-Z a-z 0-9 . _ ~ -`)
    if (token.length < minTokenLength)
      throw new Error(`number ${i + 1} is too short: use at least ${minTokenLength} random characters`)
    return { scope, token }
  })
}

/** Such as `e96281a6-d1af-4bde-9a0a-97b76e56dc57/stable=workers`, with commas between several. */
export function parseLockChannels(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split(',').map((one) => {
      const [, place = '', group = ''] = /^([a-z0-9._-]+\/[a-z0-9._-]+)=(.+)$/.exec(one.trim()) ?? []
      if (isGroupName(group)) return [place, group]
      throw new Error(`${JSON.stringify(one.slice(0, 80))} is not of the form APP/CHANNEL=GROUP`)
    }),
  )
}
