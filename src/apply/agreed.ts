/** The plan that somebody agreed to: nothing else is carried out, whatever others change meanwhile. Pure. */
import type { ChannelRef } from '../catalog/read.ts'
import { textDigest } from '../kernel/digest.ts'
import { PlatteError } from '../kernel/errors.ts'
import { isoText } from '../kernel/format.ts'
import { type Change, changeLine } from '../release/diff.ts'
import { type ApplyPlan, asOf, type PlannedApp } from './plan.ts'

/** Names a plan for its sender: the instant as of which it says whom it reaches, and a digest of what it does. */
export const nameOf = (planned: ApplyPlan): string =>
  `${isoText(asOf(planned))} ${textDigest(JSON.stringify(planned.apps.map(partsOf)))}`

const partsOf = ({ app, name, isNew, channels, reach }: PlannedApp): readonly string[] => [
  ...(isNew ? [`${app} is new`] : []),
  ...(name === undefined ? [] : [`${app}: name: ${name}`]),
  ...channels.flatMap(({ ref, changes }) => changes.map((one) => partOf(ref, one))),
  ...reach,
]
const partOf = ({ app, channel }: ChannelRef, one: Change): string => `${app}/${channel}: ${JSON.stringify(one)}`

/** @throws PlatteError('conflict') where the plan is no longer the one with that name. */
export function requireAgreed(planned: ApplyPlan, name: string): void {
  if (nameOf(planned) !== name) throw changed('what the file changes is no longer what you confirmed')
}

/**
 * The plan as somebody agreed to it. Whatever is planned again before it is carried out must be a part of it, counted from
 * what machines got then: a hold that was placed meanwhile stays.
 */
export function asAgreed(planned: ApplyPlan): ApplyPlan {
  const known = new Set(planned.apps.flatMap(partsOf))
  const check = (apps: readonly PlannedApp[]): void => {
    planned.wish.check?.(apps)
    const isMore = (one: string) => !known.has(one)
    const changes = apps.flatMap(({ channels }) =>
      channels.flatMap(({ ref, changes }) =>
        changes.filter((one) => isMore(partOf(ref, one))).map((one) => `${ref.channel}: ${changeLine(one)}`),
      ),
    )
    const more = [...changes, ...apps.flatMap(({ reach }) => reach.filter(isMore))]
    if (more.length > 0) throw changed(`now it would also do: ${more.join('; ')}`)
  }
  const before = new Map(planned.apps.map((one) => [one.app, one.before]))
  return { ...planned, wish: { ...planned.wish, asOf: asOf(planned), before, check } }
}

const changed = (what: string): PlatteError =>
  new PlatteError('conflict', `somebody else changed these channels meanwhile; ${what}`, {
    hint: 'run the same command again; `platte diff` shows what it would change now',
  })
