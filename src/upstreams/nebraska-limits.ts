/** What Nebraska's limits of a group become: a pause, or the nearest ramp. Pure. */
import { type ForeignRelease, oneLine, unusable } from './foreign.ts'
import { type NebraskaGroup, unlimited } from './nebraska-api.ts'

export type Pacing = Pick<ForeignRelease, 'held' | 'rampOver'>

/** @throws PlatteError('bad-document') naming the group. @param where its URL. */
export function limitOf(group: NebraskaGroup, where: string): Pacing {
  const { policy_updates_enabled, policy_max_updates_per_period: most, name, machines = 0 } = group
  if (!policy_updates_enabled) return { held: `paused in Nebraska, in the group ${oneLine(name, 100)}` }
  if (most <= 0) return { held: `at most 0 updates in Nebraska, in the group ${oneLine(name, 100)}` }
  if (most >= unlimited) return {}
  const minutes = minutesOf(group, where) * Math.max(1, Math.ceil(machines / most))
  return { rampOver: minutes % 60 === 0 ? `PT${Math.min(minutes / 60, 99_999)}H` : `PT${Math.min(minutes, 99_999)}M` }
}

const units: Readonly<Record<string, number>> = { minute: 1, hour: 60, day: 24 * 60, week: 7 * 24 * 60 }

/** An interval as PostgreSQL reads it, as far as Nebraska writes it: `15 minutes`, `1 hours`. */
function minutesOf({ policy_period_interval: interval }: NebraskaGroup, where: string): number {
  const [, count = '', unit = ''] = /^([1-9]\d{0,4}) (minute|hour|day|week)s?$/.exec(interval.trim()) ?? []
  const minutes = Number(count) * (units[unit] ?? 0)
  if (minutes > 0) return minutes
  throw unusable(where, `policy_period_interval: ${JSON.stringify(interval.slice(0, 80))} is not such as "1 hours"`)
}

/** How it differs from what Nebraska does: sentences. */
export function describeLimit(name: string, group: NebraskaGroup, { held, rampOver }: Pacing): readonly string[] {
  const { machines, policy_max_updates_per_period: most, policy_period_interval: interval } = group
  const over = rampOver?.slice(2).toLowerCase()
  const ramp =
    over &&
    `${name}: at most ${most} updates per ${oneLine(interval)} becomes a ramp over ${over} (${machines === undefined ? 'how many machines it has is not known' : `machines in 30 days: ${machines}`}); publish later releases with --ramp-over ${over}`
  const safe = group.policy_safe_mode && `${name}: safe mode has no counterpart: begin with \`platte ramp --share 1%\``
  const pause =
    held &&
    `${name}: ${held}: what is imported for it is held until \`platte unhold --reason '${held}'\`; publish later ones --held`
  return [ramp, safe, pause].filter((one) => typeof one === 'string')
}
