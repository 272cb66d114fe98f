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
  /** Machines with lower numbers count. */
  readonly below?: number | undefined
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
   AND offered >= ? AND first < ? AND progress.machine < ?`

const valuesOf = ({ app, version, channels, offeredSince, knownBefore, below = Number.MAX_SAFE_INTEGER }: Rollout) =>
  [app, version, ...channels, offeredSince, knownBefore, below] as const

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

const everyFailure = `FROM progress WHERE app = ${word} AND target = ${word} AND first_failed IS NOT NULL`

/** How many machines, known or not, ever failed with a release in any channel: no rollout of it has more. @param most stops there. */
export const countFailures = (database: DatabaseSync, { app, version }: Rollout, most: number): number =>
  Number(database.prepare(`SELECT count(*) AS n FROM (SELECT 1 ${everyFailure} LIMIT ?)`).get(app, version, most)?.n)

/**
 * The number of a machine, so that below it `most` failed, as they became known: made-up ones are numbered after the fleet.
 * @returns `undefined` where no more failed.
 */
export function machineBeyond(database: DatabaseSync, { app, version }: Rollout, most: number): number | undefined {
  const found = database
    .prepare(`SELECT machine ${everyFailure} ORDER BY machine LIMIT 1 OFFSET ?`)
    .get(app, version, most)
  return found && Number(found.machine)
}

/** How many machines were offered it. @param most stops counting there. */
export function countOffered(database: DatabaseSync, rollout: Rollout, most: number): number {
  const counted = `SELECT count(*) AS n FROM (SELECT 1 ${selection(rollout.channels.length)} LIMIT ?)`
  return Number(database.prepare(counted).get(...valuesOf(rollout), most)?.n)
}

/** Whether a machine asked for a channel by this name. */
export const hasMachines = (database: DatabaseSync, app: string, channel: string): boolean =>
  database.prepare(`SELECT 1 FROM tallies WHERE app = ${word} AND channel = ${word}`).get(app, channel) !== undefined
