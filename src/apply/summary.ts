/** What a plan changes, for people, for `--json` and for the next step. */
import type { ChannelRef } from '../catalog/read.ts'
import { newAppText } from '../documents/new-app.ts'
import { defined } from '../kernel/json.ts'
import type { ApplyPlan, PlannedChannel } from './plan.ts'

export const isNothing = ({ apps }: ApplyPlan): boolean =>
  apps.every(({ name, channels }) => name === undefined && channels.length === 0)

/** `apps`: the name that an app gets; empty: none. `seq`: the revision of a channel afterwards. */
export interface Summary {
  readonly apps: readonly Readonly<{ app: string; name: string }>[]
  /** Apps that the store does not have yet, though it has others: sentences. Missing where there are none. */
  readonly newApps?: readonly string[]
  /** Channels whose newest revision was signed before, and that the catalog does not name yet. Missing where there are none. */
  readonly waiting?: readonly (ChannelRef & Readonly<{ seq: number }>)[]
  /** Which machines get more than before at once: sentences. Missing where there are none. */
  readonly reach?: readonly string[]
  /** Of whole apps. Missing where there are none. */
  readonly warnings?: readonly string[]
  readonly channels: readonly (Readonly<{ seq: number; effects?: readonly string[] }> &
    ChannelRef &
    Pick<PlannedChannel, 'kind' | 'changes' | 'warnings'>)[]
}

/** What people are asked before it is done. */
export const questionsOf = ({ newApps = [], reach = [] }: Summary): readonly string[] => [...newApps, ...reach]

export function summaryOf({ apps, state }: ApplyPlan): Summary {
  const newApps = apps.flatMap(({ app }) => newAppText(state.catalog.catalog, app) ?? [])
  const warnings = apps.flatMap((one) => one.warnings)
  const reach = apps.flatMap((one) => one.reach)
  const waiting = apps.flatMap(({ behind, channels }) =>
    behind
      .filter(({ manifest }) => !channels.some(({ ref, plan }) => ref.channel === manifest.channel && plan.manifest))
      .map(({ manifest: { app, channel, seq } }) => ({ app, channel, seq })),
  )
  return {
    ...(newApps.length > 0 && { newApps }),
    ...(waiting.length > 0 && { waiting }),
    ...(reach.length > 0 && { reach }),
    ...(warnings.length > 0 && { warnings }),
    ...listed(apps),
  }
}

const listed = (apps: ApplyPlan['apps']): Pick<Summary, 'apps' | 'channels'> => ({
  apps: apps.flatMap(({ app, name }) => (name === undefined ? [] : [{ app, name }])),
  channels: apps.flatMap(({ channels }) =>
    channels.map(({ ref: { app, channel }, plan: { seq, effects }, kind, changes, warnings }) => ({
      ...{ app, channel, kind, seq, changes, warnings },
      ...defined({ effects }),
    })),
  ),
})
