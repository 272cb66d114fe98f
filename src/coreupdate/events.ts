/** How many machines of a channel installed each release, and came back in it, within each stretch of time. */
import type { DatabaseSync } from 'node:sqlite'
import { curveSteps } from '../fleet/progress-rows.ts'
import { spanMs } from '../fleet/slots.ts'

/** The event of Omaha that says so: 3 is a whole update, 1 that it is installed, 2 that the machine runs it. */
const results: Readonly<Partial<Record<(typeof curveSteps)[number], string>>> = { installed: '1', done: '2' }

export interface Stretch {
  /** Seconds since 1970. */
  readonly from: number
  readonly to: number
  readonly stepSeconds: number
}

const word = '(SELECT id FROM words WHERE word = ?)'
const query = `SELECT (SELECT word FROM words WHERE id = target) AS version, step, span, n FROM curves
  WHERE app = ${word} AND channel = ${word} AND span BETWEEN ? AND ? ORDER BY target, step, span`

export function readEvents(database: DatabaseSync, app: string, channel: string, { from, to, stepSeconds }: Stretch) {
  const [first, last] = [from, to].map((seconds) => Math.floor((seconds * 1000) / spanMs))
  const rows = database.prepare(query).all(app, channel, first ?? 0, last ?? 0)
  const found = rows.flatMap(({ version, step, span, n }) => {
    const result = results[curveSteps[Number(step)] ?? 'offered']
    const seconds = (Number(span) * spanMs) / 1000
    return result
      ? [{ version: String(version), result, timestamp: seconds - (seconds % stepSeconds), n: Number(n) }]
      : []
  })
  return [...Map.groupBy(found, ({ version, result }) => JSON.stringify([version, result])).values()].flatMap((all) => {
    const byTime = Map.groupBy(all, ({ timestamp }) => timestamp)
    const values = [...byTime].map(([timestamp, some]) => ({
      timestamp: String(timestamp),
      count: String(some.reduce((total, { n }) => total + n, 0)),
    }))
    return all.slice(0, 1).map(({ version, result }) => ({ version, type: '3', result, values }))
  })
}
