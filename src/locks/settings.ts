/** Settings of reboot locks. */
import { isGroupName } from '../documents/paths.ts'
import { setting, wordOf } from '../kernel/setting.ts'

/** A token that writes also reads. */
export interface LockToken {
  readonly scope: 'read' | 'write'
  readonly token: string
}

/** Shorter tokens can be guessed. */
const minTokenLength = 16
const tokenForm = /^(read|write):([A-Za-z0-9._~-]+)$/

/** @throws Error that repeats no token. */
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

function parseLockChannels(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split(',').map((one) => {
      const [, ref = '', group = ''] = /^([a-z0-9._-]+\/[a-z0-9._-]+)=(.+)$/.exec(one.trim()) ?? []
      if (isGroupName(group)) return [ref, group]
      throw new Error(`${JSON.stringify(one.slice(0, 80))} is not of the form APP/CHANNEL=GROUP`)
    }),
  )
}

export const lockSettings = {
  locks: setting('PLATTE_LOCKS <on>', '`on`: let machines reboot in turns', wordOf('on', 'off'), {
    needs: 'locks',
    conflict: (on: 'on' | 'off', { store }: { readonly store?: { readonly kind: string } }) =>
      on === 'on' && store?.kind === 'http'
        ? 'locks are kept in the store, and a store at a URL cannot be written'
        : undefined,
  }),
  lockTokens: setting(
    'PLATTE_LOCK_TOKENS',
    'who may use reboot locks: `write:TOKEN,read:TOKEN,…`, each token at least 16 of `A-Z a-z 0-9 . _ ~ -`',
    parseLockTokens,
    { secret: true },
  ),
  lockChannels: setting(
    'PLATTE_LOCK_CHANNELS <list>',
    'the group of the machines of each channel: `APP/CHANNEL=GROUP,…`',
    parseLockChannels,
  ),
}
