/** How many machines had come how far with a release, at each of some instants; to ten minutes. */
import type { DatabaseSync } from 'node:sqlite'
import { curveSteps } from '../fleet/progress-rows.ts'
import { spanMs } from '../fleet/slots.ts'
import type { Instant } from '../kernel/clock.ts'

export type Curves = Readonly<Record<(typeof curveSteps)[number], readonly number[]>>

/** A release in the channel where it was offered. */
export interface Rollout {
  readonly app: string
  readonly version: string
  readonly channel: string
}

const word = '(SELECT id FROM words WHERE word = ?)'
const where = `FROM curves WHERE target = ${word} AND app = ${word} AND channel = ${word}`

/** @param time from the first instant, `count` of them, `stepMs` apart. */
export function readCurves(
  database: DatabaseSync,
  { app, version, channel }: Rollout,
  time: { readonly from: Instant; readonly stepMs: number; readonly count: number },
): Curves {
  const added = curveSteps.map(() => new Array<number>(time.count).fill(0))
  for (const { step, span, n } of database.prepare(`SELECT step, span, n ${where}`).all(version, app, channel)) {
    const place = Math.max(0, Math.ceil((Number(span) * spanMs - time.from) / time.stepMs))
    const counts = added[Number(step)]
    if (counts && place < time.count) counts[place] = (counts[place] ?? 0) + Number(n)
  }
  const [offered = [], installed = [], done = []] = added.map(summed)
  return { offered, installed, done }
}

function summed(counts: readonly number[]): readonly number[] {
  let sum = 0
  return counts.map((n) => {
    sum += n
    return sum
  })
}

/** When a machine was first offered it. */
export function firstOffer(database: DatabaseSync, { app, version, channel }: Rollout): Instant | undefined {
  const { span } = database.prepare(`SELECT min(span) AS span ${where} AND step = 0`).get(version, app, channel) ?? {}
  return typeof span === 'number' ? span * spanMs : undefined
}
