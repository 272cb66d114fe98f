/** Settings of reboot locks. */
import { isGroupName } from '../documents/paths.ts'
import { minTokenLength, quoted, setting, wordOf } from '../kernel/setting.ts'

/** Each includes those before it: to look, to take and give back slots as machines do, to set how many there are. */
export const lockRights = ['read', 'lock', 'admin'] as const
export type LockRight = (typeof lockRights)[number]

export interface LockToken {
  readonly right: LockRight
  /** The only group that it is for; any without. */
  readonly group?: string
  readonly token: string
  /** Who uses it, for the history. */
  readonly name?: string
}

const tokenForm =
  'RIGHT:TOKEN or RIGHT:GROUP:TOKEN, TOKEN with NAME= before it or not, a right read, lock or admin, and a token of A-Z a-z 0-9 . _ ~ -'

/** @throws Error that repeats no token. */
export const parseLockTokens = (text: string): readonly LockToken[] =>
  text.split(',').map((one, i) => {
    const [, word, group, name, token = ''] =
      /^(read|lock|admin|write):(?:([^:]*):)?(?:([A-Za-z0-9._-]{1,64})=)?([A-Za-z0-9._~-]+)$/.exec(one.trim()) ?? []
    // As machines' tokens were called before there were others.
    const right = lockRights.find((known) => known === (word === 'write' ? 'lock' : word))
    if (right === undefined) throw new Error(`number ${i + 1} is not of the form ${tokenForm}`)
    if (group !== undefined && !isGroupName(group)) throw new Error(`number ${i + 1} is for a group with a wrong name`)
    if (token.length < minTokenLength)
      throw new Error(`number ${i + 1} is too short: use at least ${minTokenLength} random characters`)
    return { right, token, ...(group !== undefined && { group }), ...(name !== undefined && { name }) }
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
  'who may use reboot locks: `lock:TOKEN,read:GROUP:TOKEN,admin:NAME=TOKEN,…`, each token at least 16 of `A-Z a-z 0-9 . _ ~ -`'
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
  locksCreate: setting(
    'PLATTE_LOCKS_CREATE <on>',
    '`on`: the first machine of a group makes it, with one slot',
    wordOf('on', 'off'),
  ),
  lockChannels: setting('PLATTE_LOCK_CHANNELS <list>', channelsDoc, parseLockChannels),
}
