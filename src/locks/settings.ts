/** Settings of reboot locks. */
import { isGroupName } from '../documents/paths.ts'
import { minTokenLength, quoted, setting, wordOf } from '../kernel/setting.ts'

/** A token that writes also reads. */
export type LockToken = { readonly scope: 'read' | 'write'; readonly token: string }

/** @throws Error that repeats no token. */
export const parseLockTokens = (text: string): readonly LockToken[] =>
  text.split(',').map((one, i) => {
    const [, scope, token = ''] = /^(read|write):([A-Za-z0-9._~-]+)$/.exec(one.trim()) ?? []
    if (scope !== 'read' && scope !== 'write')
      throw new Error(`number ${i + 1} is not of the form read:TOKEN or write:TOKEN, a token of A-Z a-z 0-9 . _ ~ -`)
    if (token.length < minTokenLength)
      throw new Error(`number ${i + 1} is too short: use at least ${minTokenLength} random characters`)
    return { scope, token }
  })

const parseLockChannels = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text.split(',').map((one) => {
      const [, ref = '', group = ''] = /^([a-z0-9._-]+\/[a-z0-9._-]+)=(.+)$/.exec(one.trim()) ?? []
      if (isGroupName(group)) return [ref, group]
      throw new Error(`${quoted(one)} is not of the form APP/CHANNEL=GROUP`)
    }),
  )

const tokensDoc =
  'who may use reboot locks: `write:TOKEN,read:TOKEN,…`, each token at least 16 of `A-Z a-z 0-9 . _ ~ -`'
const channelsDoc = 'the group of the machines of each channel: `APP/CHANNEL=GROUP,…`'

export const lockSettings = {
  locks: setting('PLATTE_LOCKS <on>', '`on`: let machines reboot in turns', wordOf('on', 'off'), {
    needs: 'locks',
    conflict: (on: 'on' | 'off', { store }: { readonly store?: { readonly kind: string } }) =>
      on === 'on' && store?.kind === 'http'
        ? 'locks are kept in the store, and a store at a URL cannot be written'
        : undefined,
  }),
  lockTokens: setting('PLATTE_LOCK_TOKENS', tokensDoc, parseLockTokens, { secret: true }),
  lockChannels: setting('PLATTE_LOCK_CHANNELS <list>', channelsDoc, parseLockChannels),
}
