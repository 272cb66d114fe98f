/** How many machines had come how far with a release, at each of some instants. */
import type { DatabaseSync } from 'node:sqlite'
import type { Instant } from '../kernel/clock.ts'

export const curveSteps = ['offered', 'installed', 'done'] as const
export type Curves = Readonly<Record<(typeof curveSteps)[number], readonly number[]>>

interface Place {
  readonly app: string
  readonly version: string
}

const rows =
  'FROM progress WHERE app = (SELECT id FROM words WHERE word = ?) AND target = (SELECT id FROM words WHERE word = ?)'

/** @param from of the first one. @param stepMs how long after another the others are; at least 1. */
export function readCurves(
  database: DatabaseSync,
  { app, version }: Place,
  { from, stepMs, count }: { readonly from: Instant; readonly stepMs: number; readonly count: number },
): Curves {
  const curve = (step: (typeof curveSteps)[number]): readonly number[] => {
    const sql = `SELECT (${step} - ? + ? - 1) / ? AS place, count(*) AS n ${rows} AND ${step} IS NOT NULL GROUP BY 1`
    const added = new Array<number>(count).fill(0)
    for (const { place, n } of database.prepare(sql).all(from, stepMs, stepMs, app, version)) {
      const i = Math.max(0, Number(place))
      if (i < count) added[i] = (added[i] ?? 0) + Number(n)
    }
    let sum = 0
    return added.map((n) => (sum += n))
  }
  return { offered: curve('offered'), installed: curve('installed'), done: curve('done') }
}

/** When a machine was first offered a release. */
export function firstOffer(database: DatabaseSync, { app, version }: Place): Instant | undefined {
  const first = database.prepare(`SELECT min(offered) AS at ${rows}`).get(app, version)?.at
  return typeof first === 'number' ? first : undefined
}
