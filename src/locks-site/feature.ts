/** The page `/locks`, where locks are on and there are tokens. */
import type { Extension, FeatureContext } from '../checks/serving.ts'
import { refuse } from '../http/problem.ts'
import type { SettingValues } from '../kernel/setting.ts'
import type { LockToken, lockSettings } from '../locks/settings.ts'

type Settings = SettingValues<typeof lockSettings> & { readonly fleetToken?: string }

export const locksSiteFeature = {
  name: 'locks-site',
  async open(
    { locks, lockTokens = [], lockChannels: channels = new Map(), fleetToken }: Settings,
    { reader, random }: Pick<FeatureContext, 'reader' | 'random'>,
  ): Promise<Extension | undefined> {
    if (locks !== 'on') return undefined
    const keys = namedTokens(lockTokens, fleetToken)
    if (keys.length === 0) return howToGetIt
    const [{ lockPages }, { accessOf }] = await Promise.all([
      import('./routes.ts'),
      import('../locks/http/lock-request.ts'),
    ])
    const locking = { documents: reader.documents, clock: reader.clock, random }
    const whoOf = ({ name, tokens }: NamedToken) => ({ name, access: accessOf(tokens) })
    return lockPages({ locking, channels, keys: keys.map((one) => ({ token: one.token, who: whoOf(one) })) })
  },
}

interface NamedToken {
  readonly token: string
  readonly name: string
  readonly tokens: readonly Omit<LockToken, 'token'>[]
}

/** A token may be listed for several groups. The one of the fleet may look. */
export function namedTokens(all: readonly LockToken[], fleetToken?: string): readonly NamedToken[] {
  const byToken = Map.groupBy(all, ({ token }) => token)
  const named = [...byToken].map(([token, tokens]) => {
    const name = tokens.find((one) => one.name)?.name ?? `token ${all.findIndex((one) => one.token === token) + 1}`
    return { token, name, tokens }
  })
  const isNew = fleetToken !== undefined && !byToken.has(fleetToken)
  return isNew ? [...named, { token: fleetToken, name: 'the fleet', tokens: [{ right: 'read' }] }] : named
}

const hint = 'set PLATTE_LOCK_TOKENS, such as read:TOKEN,admin:NAME=TOKEN'

const howToGetIt: Extension = {
  name: 'locks-page-off',
  fallback: async (_, c) =>
    /^\/locks\/?$/.test(c.req.path)
      ? refuse(c, 'not-found', 'this server has no page of its locks', { hint })
      : undefined,
}
