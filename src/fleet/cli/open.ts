/** The fleet that a command reads: a projection that is there, or one that is made for the command from lines. */
import { createReadStream } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { type Options, openReadingOf, settingsOf } from '../../cli/options.ts'
import { notice, warn } from '../../cli/terminal.ts'
import { durationMs, isInstant } from '../../documents/fields.ts'
import { linesOf, unpacked } from '../../events/files.ts'
import { type Instant, systemClock } from '../../kernel/clock.ts'
import { messageOf, PlatteError } from '../../kernel/errors.ts'
import { isDamage, openForReading } from '../database.ts'
import { followStore, takeLines } from '../follow.ts'
import { disguiseOnce } from '../ids.ts'
import { openProjection, type ProjectionOptions } from '../projection.ts'
import { type FleetReader, readFleet } from '../reader.ts'
import { defaultKeepMs } from '../settings.ts'

export interface FleetOptions extends Options {
  readonly since: string
}

export interface OpenFleet {
  readonly fleet: FleetReader
  readonly now: Instant
  /** An id of a machine as the projection has it. */
  readonly idOf: (id: string) => string
}

/** Each day costs a listing of the store. */
const maxSinceMs = 400 * 24 * 60 * 60 * 1000

/** What settings say about a projection. */
export function projectionOptions(options: Options): ProjectionOptions {
  const { fleetKeepMs = defaultKeepMs, fleetIds, fleetIdsKey } = settingsOf(options, [])
  const disguise = fleetIds === 'hmac' && fleetIdsKey ? disguiseOnce(fleetIdsKey) : undefined
  return { clock: systemClock, keepMs: fleetKeepMs, disguise }
}

/** @param files of a log, or - for stdin; without any, the projection that settings name, or else the store's events. */
export async function openFleet(options: FleetOptions, files: readonly string[]): Promise<OpenFleet> {
  const { fleetFile } = settingsOf(options, [])
  const { disguise, clock } = projectionOptions(options)
  const now = clock()
  const idOf = disguise ?? String
  if (files.length === 0 && fleetFile !== undefined) return { fleet: readKept(fleetFile), now, idOf }
  return { fleet: readFleet(await fromLines(options, files, now)), now, idOf }
}

/** Damage is met by reading. */
function readKept(file: string): FleetReader {
  const reader = readFleet(openForReading(file))
  const guarded = Object.entries(reader).map(([name, read]) => [
    name,
    (...values: unknown[]): unknown => {
      try {
        return read(...values)
      } catch (error) {
        if (!isDamage(error)) throw error
        throw new PlatteError('configuration', `${file} is damaged: ${messageOf(error)}`, {
          hint: 'delete it: the process that feeds it makes it anew',
        })
      }
    },
  ])
  return Object.fromEntries(guarded)
}

async function fromLines(options: FleetOptions, files: readonly string[], now: Instant): Promise<DatabaseSync> {
  const since = isInstant(options.since) ? Date.parse(options.since) : now - durationMs(options.since)
  if (!(since < now && now - since <= maxSinceMs))
    throw new PlatteError('usage', `--since ${options.since} is not within the last 400 days`)
  const projection = openProjection(':memory:', {
    ...projectionOptions(options),
    clock: () => now,
    keepMs: now - since,
  })
  for (const file of files) {
    const input = file === '-' ? process.stdin : createReadStream(file)
    try {
      for await (const lines of linesOf(unpacked(input))) takeLines(projection, lines)
    } catch (cause) {
      throw new PlatteError('usage', `${file} cannot be read: ${messageOf(cause)}`, { cause })
    }
  }
  projection.endFile('')
  projection.flush()
  if (files.length > 0) return projection.database
  const { store } = await openReadingOf(options, warn)
  if ((await followStore(store.documents, projection, { since, until: now })) === 0)
    notice('note: the store has no events of that time; servers write them with PLATTE_EVENTS=store')
  return projection.database
}
