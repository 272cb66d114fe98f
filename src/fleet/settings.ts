/** Settings of events and the projection; apart from the feature, which Workers cannot bundle. */
import { minTokenLength, plainText, quoted, setting, wordOf } from '../kernel/setting.ts'

const eventsDoc = '`store`: keep contacts of machines as files in the store (not on Workers and Lambda)'
const fileDoc = 'the projection of the fleet, a file on a local disk; a server feeds it, `platte fleet` reads it'
const keepDoc = 'how long the projection keeps a machine after its last contact, such as `30d`'
const idsDoc = '`hmac`: replace ids and aliases of machines by a keyed hash, before a line is written'
const idsKeyDoc =
  'the key for `PLATTE_FLEET_IDS=hmac`, at least 16 characters; keep it, or every machine becomes a new one'

const dayMs = 24 * 60 * 60 * 1000

export const defaultKeepMs = 90 * dayMs

/** @returns milliseconds. */
function parseKeep(text: string): number {
  const days = Number(/^(\d{1,4})d$/.exec(text)?.[1])
  if (days >= 1 && days <= 400) return days * dayMs
  throw new Error(`${quoted(text)} is no number of days from 1d to 400d, such as 30d`)
}

function keyProblem(key = ''): string | undefined {
  if (key === '') return 'needs PLATTE_FLEET_IDS_KEY: set it to a secret text'
  return key.length < minTokenLength
    ? `PLATTE_FLEET_IDS_KEY is too short: use at least ${minTokenLength} random characters`
    : undefined
}

const onServers = (): string => 'works on servers only: set it where `platte fleet` reads the lines of this function'

export const fleetSettings = {
  events: setting('PLATTE_EVENTS <where>', eventsDoc, wordOf('store', 'off')),
  fleetFile: setting('PLATTE_FLEET_FILE <file>', fileDoc, plainText, {
    hint: 'set it to a file on a local disk, such as /var/lib/platte/fleet.db',
    inFunction: onServers,
  }),
  fleetKeepMs: setting('PLATTE_FLEET_KEEP <duration>', keepDoc, parseKeep),
  fleetIds: setting('PLATTE_FLEET_IDS <how>', idsDoc, wordOf('plain', 'hmac'), {
    inFunction: onServers,
    conflict: (how: string, { fleetIdsKey }: { readonly fleetIdsKey?: string }) =>
      how === 'hmac' ? keyProblem(fleetIdsKey) : undefined,
  }),
  fleetIdsKey: setting('PLATTE_FLEET_IDS_KEY', idsKeyDoc, String, { secret: true }),
}
