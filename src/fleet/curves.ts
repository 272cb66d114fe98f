/** How many machines had come how far with a release, at each of some instants. */
import type { DatabaseSync } from 'node:sqlite'
import type { Instant } from '../kernel/clock.ts'

export const curveSteps = ['offered', 'installed', 'done'] as const
export type Curves = Readonly<Record<(typeof curveSteps)[number], readonly number[]>>

/** A release where it was first offered; without a channel, in any. */
export interface Rollout {
  readonly app: string
  readonly version: string
  readonly channel?: string | undefined
}

const word = '(SELECT id FROM words WHERE word = ?)'

const from = ({ app, version, channel }: Rollout) => ({
  sql: `FROM progress WHERE app = ${word} AND target = ${word}${channel === undefined ? '' : ` AND channel = ${word}`}`,
  values: [app, version, ...(channel === undefined ? [] : [channel])],
})

/** @param time from the first instant, `count` of them, `stepMs` apart. */
export function readCurves(
  database: DatabaseSync,
  rollout: Rollout,
  time: { readonly from: Instant; readonly stepMs: number; readonly count: number },
): Curves {
  const { sql, values } = from(rollout)
  const curve = (step: (typeof curveSteps)[number]): readonly number[] => {
    // Numbers are bound as floating point.
    const place = `CAST((${step} - ? + ? - 1) / ? AS INTEGER) AS place`
    const rows = database
      .prepare(`SELECT ${place}, count(*) AS n ${sql} AND ${step} IS NOT NULL GROUP BY 1`)
      .all(time.from, time.stepMs, time.stepMs, ...values)
    const added = new Array<number>(time.count).fill(0)
    for (const { place, n } of rows) {
      const i = Math.max(0, Number(place))
      if (i < time.count) added[i] = (added[i] ?? 0) + Number(n)
    }
    let sum = 0
    return added.map((n) => {
      sum += n
      return sum
    })
  }
  return { offered: curve('offered'), installed: curve('installed'), done: curve('done') }
}

/** When a machine was first offered it. */
export function firstOffer(database: DatabaseSync, rollout: Rollout): Instant | undefined {
  const { sql, values } = from(rollout)
  const first = database.prepare(`SELECT min(offered) AS at ${sql}`).get(...values)?.at
  return typeof first === 'number' ? first : undefined
}
