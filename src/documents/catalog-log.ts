/** The catalog's log: who held, lifted, stopped or resumed what, and why. In the order of the swaps, oldest first. */
import * as v from 'valibot'
import { type Brakes, type Change, diffBrakes } from '../release/diff.ts'
import { isSameHold } from '../release/edits.ts'
import { type Catalog, maxLogEntries } from './catalog.ts'
import * as field from './fields.ts'

/** Who, beside the keys, such as `{"operator":"Ada"}`, `{"rule":"release","repository":"example/os"}` or `{"program":"guard"}`. */
export type Origin = Readonly<Record<string, string>>
const originName = field.text(64)
const originText = field.text(500)
const maxOrigins = 8

const entry = v.strictObject({
  at: field.instant,
  app: field.appName,
  channel: field.channelName,
  /** The revision that the catalog named. */
  seq: field.positive,
  what: v.picklist(['hold', 'unhold', 'ramp-stop', 'ramp-resume']),
  /** Of a hold, also where it is lifted. */
  version: v.exactOptional(field.publishedVersion),
  board: v.exactOptional(field.boardName),
  reason: v.exactOptional(field.reason),
  /** When the ramps were stopped. */
  rampAsOf: v.exactOptional(field.instant),
  message: v.exactOptional(field.reason),
  /** The timestamp keys that signed it. */
  keyIds: v.array(field.keyId),
  by: v.exactOptional(field.record(originName, originText)),
})

export type LogEntry = v.InferOutput<typeof entry>
type Log = NonNullable<Catalog['log']>

/** @throws PlatteError('bad-document') naming the first wrong field. */
export const checkLogEntry = (value: unknown): LogEntry => field.check(entry, 'log', value)

/** A sentence for each entry that cannot be read. */
export const logProblems = (log: Log = []): readonly string[] =>
  log.flatMap((one, i) => {
    const { issues: [issue] = [] } = v.safeParse(entry, one, { abortEarly: true })
    return issue ? [`log: entry ${i + 1}: ${v.getDotPath(issue) ?? 'it'}: ${issue.message}`] : []
  })

/** What may be kept of an origin: it comes from others, and must not stop a brake. */
export const readableOrigin = (by: Origin): Origin =>
  Object.fromEntries(
    Object.entries(by)
      .filter(([name, text]) => v.is(originName, name) && v.is(originText, text))
      .slice(0, maxOrigins),
  )

/** What became of the brakes of a channel. A hold with another reason is one more hold. */
export function stepsBetween(before: Brakes, after: Brakes): readonly object[] {
  const [old, now] = [before.holds ?? [], after.holds ?? []]
  const lifted = old.filter((hold) => !now.some((one) => isSameHold(one, hold)))
  const placed = now.filter((hold) => !old.some((one) => isSameHold(one, hold) && one.reason === hold.reason))
  const [asOf, stopped] = [before.rampAsOf, after.rampAsOf]
  return [
    ...lifted.map(({ at: _, ...hold }) => ({ what: 'unhold', ...hold })),
    ...placed.map(({ at: _, ...hold }) => ({ what: 'hold', ...hold })),
    ...(asOf === stopped ? [] : [{ what: stopped ? 'ramp-stop' : 'ramp-resume', rampAsOf: stopped ?? asOf }]),
  ]
}

/** As the command that made it printed it. */
export function changesOf({ what, version, board, reason, at, rampAsOf }: LogEntry): readonly Change[] {
  const brakes = {
    ...(version && reason && { holds: [{ version, ...(board && { board }), reason, at }] }),
    ...(rampAsOf && { rampAsOf }),
  }
  return what === 'unhold' || what === 'ramp-resume' ? diffBrakes(brakes, {}) : diffBrakes({}, brakes)
}

/** The channel of an entry that nobody checked. */
const channelOf = (one: unknown): string => {
  const { app, channel } = Object(one) as Readonly<Record<string, unknown>>
  return `${app}/${channel}`
}

export const isOfChannel = (one: unknown, { app, channel }: Pick<LogEntry, 'app' | 'channel'>): boolean =>
  channelOf(one) === `${app}/${channel}`

const utf8 = new TextEncoder()

/**
 * Drops entries until the log is within its limits. Of the channels with the most entries the oldest entry goes first, so
 * a noisy channel pushes out none but its own.
 * @param maxBytes of the log as JSON.
 */
export function boundLog(log: Log, maxBytes: number): Log {
  const kept = log.map((one) => ({ one, channel: channelOf(one), bytes: utf8.encode(JSON.stringify(one)).length + 1 }))
  const counts = new Map<string, number>()
  for (const { channel } of kept) counts.set(channel, (counts.get(channel) ?? 0) + 1)
  let bytes = kept.reduce((total, one) => total + one.bytes, 2)
  while (kept.length > 0 && (kept.length > maxLogEntries || bytes > maxBytes)) {
    const most = Math.max(...counts.values())
    const [gone] = kept.splice(
      kept.findIndex(({ channel }) => counts.get(channel) === most),
      1,
    )
    if (gone === undefined) break
    counts.set(gone.channel, most - 1)
    bytes -= gone.bytes
  }
  return kept.map(({ one }) => one)
}
