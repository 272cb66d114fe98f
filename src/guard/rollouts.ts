/** What a projection says of one rollout: of the machines that were offered a release in a channel, how many fail. */
import type { DatabaseSync } from 'node:sqlite'
import type { Instant } from '../kernel/clock.ts'

export interface Rollout {
  readonly app: string
  /** Its name and its aliases: machines send any of them. */
  readonly channels: readonly string[]
  readonly version: string
  /** Machines with an earlier contact count: others may be made up for this release. */
  readonly knownBefore: Instant
  /** Machines that were offered it from then on count. */
  readonly offeredSince: Instant
  /** A failure counts this long after the first offer. */
  readonly withinMs: number
}

export interface Failures {
  /** Number and name, as machines reported it. */
  readonly error: string
  readonly isFallBack: boolean
  readonly machines: number
}

const word = '(SELECT id FROM words WHERE word = ?)'

/** Machines of a rollout. Its parameters are those of `valuesOf`. */
const selection = (channels: number): string =>
  `FROM progress JOIN states ON states.id = progress.machine
   WHERE progress.app = ${word} AND progress.target = ${word}
   AND progress.channel IN (${Array.from({ length: channels }, () => word).join(', ')})
   AND offered >= ? AND first < ?`

const valuesOf = ({ app, version, channels, offeredSince, knownBefore }: Rollout) =>
  [app, version, ...channels, offeredSince, knownBefore] as const

/** Machines that fail now: they neither installed it since, nor run it. Most first. */
export function readFailures(database: DatabaseSync, rollout: Rollout): readonly Failures[] {
  const fell = 'fell_back IS NOT NULL AND (done IS NULL OR done < fell_back)'
  const failed = 'done IS NULL AND failed >= coalesce(installed, 0)'
  const rows = database
    .prepare(
      `SELECT (${fell}) AS fell, CASE WHEN ${fell} THEN '44 rollback' ELSE coalesce(words.word, '') END AS error, count(*) AS n
       FROM (SELECT done, installed, failed, fell_back, error ${selection(rollout.channels.length)}
         AND first_failed IS NOT NULL AND first_failed <= offered + ?)
       LEFT JOIN words ON words.id = error
       WHERE (${fell}) OR (${failed}) GROUP BY 1, 2 ORDER BY n DESC, error`,
    )
    .all(...valuesOf(rollout), rollout.withinMs)
  return rows.map(({ fell, error, n }) => ({ error: String(error), isFallBack: fell === 1, machines: Number(n) }))
}

/** How many machines, known or not, ever failed with a release in any channel: no rollout of it has more. Takes little. */
export function countFailures(database: DatabaseSync, { app, version }: Pick<Rollout, 'app' | 'version'>): number {
  const counted = `SELECT count(*) AS n FROM progress WHERE app = ${word} AND target = ${word} AND first_failed IS NOT NULL`
  return Number(database.prepare(counted).get(app, version)?.n)
}

/** How many machines were offered it. @param most stops counting there. */
export function countOffered(database: DatabaseSync, rollout: Rollout, most: number): number {
  const counted = `SELECT count(*) AS n FROM (SELECT 1 ${selection(rollout.channels.length)} LIMIT ?)`
  return Number(database.prepare(counted).get(...valuesOf(rollout), most)?.n)
}

/** The channels that machines sent, by app. */
export const readPlaces = (database: DatabaseSync): readonly { readonly app: string; readonly channel: string }[] =>
  database
    .prepare(
      `SELECT apps.word AS app, channels.word AS channel FROM (SELECT DISTINCT app, channel FROM tallies) AS places
       JOIN words AS apps ON apps.id = places.app JOIN words AS channels ON channels.id = places.channel`,
    )
    .all()
    .map(({ app, channel }) => ({ app: String(app), channel: String(channel) }))
