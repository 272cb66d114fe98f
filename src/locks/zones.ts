/** Zones of a group, such as racks: so that the machines of one do not all reboot at once, or only those of one do. Pure. */
import { isListedId } from '../documents/paths.ts'
import type { Lock, LockPolicy } from './document.ts'

type Zones = NonNullable<LockPolicy['zones']>

/** The zone that the operator's list has for a machine. */
function listedZone({ machines = {} }: Pick<Zones, 'machines'>, id: string): string | undefined {
  if (!isListedId(id)) return undefined
  return Object.keys(machines).find((zone) => ` ${machines[zone]} `.includes(` ${id} `))
}

/** @param said by the machine, in the name of its group. The operator's list wins. */
export const zoneOf = ({ zones }: LockPolicy, id: string, said?: string): { readonly zone?: string } => {
  const zone = zones && (listedZone(zones, id) ?? said)
  return zone === undefined ? {} : { zone }
}

/** Holders and machines that soak, with the zones of a policy. What the list does not have keeps its zone. */
export function rezone({ holders, soaking }: Pick<Lock, 'holders' | 'soaking'>, policy: LockPolicy) {
  const again = <One extends { readonly id: string; readonly zone?: string }>(one: One): One => {
    const { zone, ...rest } = one
    return { ...rest, ...zoneOf(policy, one.id, zone) } as One
  }
  return { holders: holders?.map(again) ?? null, ...(soaking && { soaking: soaking.map(again) }) }
}

interface Taken {
  readonly id: string
  readonly via?: string
  readonly zone?: string
}

/**
 * Why a machine gets no slot for its zone's sake. A holder whose zone is not known may be in each, unless an operator gave it
 * its slot.
 * @param taken who holds a slot or soaks, without the machine itself.
 */
export function zoneVeto(zones: Zones, taken: readonly Taken[], zone: string | undefined): string | undefined {
  if (zone === undefined)
    return `the zone of this machine is not known: put it into the list of \`platte lock zones\`${zones.bySuffix ? ', or after a dot behind the name of its group' : ''}`
  const { perZone, oneAtATime } = zones
  const counted = taken.filter((one) => one.zone !== undefined || one.via !== 'operator')
  const here = counted.filter((one) => (one.zone ?? zone) === zone).length
  if (perZone !== undefined && here >= perZone) return `zone ${zone} has ${here} of ${perZone} slots taken`
  const other = oneAtATime && counted.find((one) => one.zone !== zone)
  return other
    ? `machines of ${other.zone ? `zone ${other.zone}` : 'an unknown zone'} reboot, and one zone at a time may`
    : undefined
}

/** How many slots each zone has taken, by zone in order; those of the list, too, that have none. */
export function takenByZone(zones: Zones, taken: readonly Taken[]): ReadonlyMap<string, number> {
  const names = [...Object.keys(zones.machines ?? {}), ...taken.flatMap(({ zone }) => zone ?? [])].sort()
  return new Map(names.map((name) => [name, taken.filter(({ zone }) => zone === name).length]))
}
