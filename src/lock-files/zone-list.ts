/** An operator's list of machines and their zones, as a text. */
import { createHmac } from 'node:crypto'
import { isReserved } from '../documents/fields.ts'
import { isListedId, isZoneName } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'

/** Ids by zone, between blanks. */
type Machines = Readonly<Record<string, string>>

interface Limits {
  readonly maxZones: number
  /** Characters of all ids, each with its blank. */
  readonly maxListed: number
}

/** On each line the id of a machine and its zone, between blanks or a comma; `#` begins a comment. */
const form = 'each line is the id of a machine and its zone, such as 0123456789abcdef0123456789abcdef rack-7'

/**
 * A machine id is listed as its id of FleetLock, too: an operator need not know which protocol a machine speaks.
 * @throws PlatteError('usage') naming the first line that is wrong.
 */
export function parseZoneList(file: string, text: string, limits: Limits): Machines {
  const zones = new Map<string, { readonly zone: string; readonly line: number }>()
  for (const [i, line] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    const refuse = (problem: string): never => {
      throw new PlatteError('usage', `${file}, line ${i + 1}: ${problem}`, { hint: form })
    }
    const words = line
      .replace(/#.*/, '')
      .split(/[\s,;]+/)
      .filter(Boolean)
    if (words.length === 0) continue
    const [id = '', zone = ''] = words
    if (words.length !== 2) refuse(`has ${words.length === 1 ? 'one word' : `${words.length} words`} instead of two`)
    if (!isListedId(id)) refuse('the id must be 1 to 255 characters of ASCII')
    if (!isZoneName(zone))
      refuse(
        `the zone ${JSON.stringify(zone.slice(0, 80))} must be 1 to 63 of A-Z a-z 0-9 _ -, a letter or digit first`,
      )
    if (isReserved(zone)) refuse(`${zone} is a reserved name: call the zone otherwise`)
    const before = zones.get(id)
    if (before && before.zone !== zone) refuse(`${id} is in zone ${before.zone} already, by line ${before.line}`)
    zones.set(id, { zone, line: i + 1 })
  }
  const ids = [...zones].flatMap(([id, { zone }]) => [
    { id, zone },
    ...fleetLockId(id).map((one) => ({ id: one, zone })),
  ])
  return checked(
    file,
    limits,
    Object.groupBy(ids, ({ zone }) => zone),
  )
}

function checked(
  file: string,
  { maxZones, maxListed }: Limits,
  groups: Partial<Record<string, readonly { readonly id: string }[]>>,
): Machines {
  const lists = Object.entries(groups).sort(([a], [b]) => (a < b ? -1 : 1))
  const machines = Object.fromEntries(lists.map(([zone, list = []]) => [zone, list.map(({ id }) => id).join(' ')]))
  const length = Object.values(machines).reduce((sum, list) => sum + list.length + 1, 0)
  const problem =
    lists.length === 0
      ? 'has no machine'
      : lists.length > maxZones
        ? `has more than ${maxZones} zones`
        : length > maxListed
          ? 'has more than about 10,000 machines'
          : undefined
  if (problem !== undefined) throw new PlatteError('usage', `${file}: ${problem}`, { hint: form })
  return machines
}

/** The id that Zincati makes of a machine id: `systemd-id128 machine-id --app-specific`. */
const zincati = Buffer.from('de35106b6ec24688b63afddaa156679b', 'hex')

/** None for what is no machine id. */
function fleetLockId(id: string): readonly string[] {
  if (!/^[0-9a-f]{32}$/.test(id)) return []
  const bytes = createHmac('sha256', Buffer.from(id, 'hex')).update(zincati).digest().subarray(0, 16)
  // The bits of a random UUID.
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return [bytes.toString('hex')]
}
