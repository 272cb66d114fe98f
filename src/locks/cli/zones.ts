/** `platte lock zones`: which machines must not all reboot at once. */
import type { Command } from 'commander'
import { notice, show, table } from '../../cli/terminal.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { readInput } from '../../lock-files/input.ts'
import { parseZoneList } from '../../lock-files/zone-list.ts'
import { type Lock, type LockPolicy, maxListed, maxZones } from '../document.ts'
import { configureGroup } from '../edits.ts'
import { splitZone } from '../resolve.ts'
import { maxSlots } from '../semaphore.ts'
import { groupNames, type Locking } from '../store.ts'
import { soakingOf } from '../ticks.ts'
import { takenByZone } from '../zones.ts'
import { groupOf, type LockOptions, nameOf, numberFrom, open, openSafely, parseGroup } from './group.ts'

type Zones = NonNullable<LockPolicy['zones']>

/** `false` is an option's `--no-…`. */
interface ZoneOptions extends LockOptions {
  readonly list?: string | false
  readonly perZone?: number | false
  readonly oneAtATime?: boolean
  readonly bySuffix?: boolean
  readonly remove?: true
  readonly dryRun?: true
}

export const withZones = (command: Command): Command =>
  command
    .argument('[group]', 'the group, as --group', parseGroup)
    .option('--per-zone <count>', 'at most this many machines of a zone reboot at once', numberFrom(1, maxSlots))
    .option('--no-per-zone', 'as many as there are slots')
    .option('--one-at-a-time', 'machines of one zone only reboot at once')
    .option('--no-one-at-a-time', 'of several')
    .option('--list <file>', 'on each line the id of a machine and its zone; - for stdin; replaces the list')
    .option('--no-list', 'forget it')
    .option('--by-suffix', 'machines of the group may also name their zone: group web.a is zone a of web')
    .option('--no-by-suffix', 'they may not')
    .option('--remove', 'no zones')
    .option('--dry-run', 'show the result, and write nothing')

/** Shows, plans or sets the zones of a group. */
export async function changeZones(named: string | undefined, options: ZoneOptions): Promise<void> {
  const group = nameOf(named, options)
  const { list, perZone, oneAtATime, bySuffix, remove } = options
  const hasChange = [list, perZone, oneAtATime, bySuffix, remove].some((one) => one !== undefined)
  const isWritten = hasChange && !options.dryRun
  const machines =
    typeof list === 'string'
      ? parseZoneList(list === '-' ? 'stdin' : list, await readInput('--list', list), { maxZones, maxListed })
      : list
  const opened = await (isWritten ? openSafely(options) : open(options))
  const lock = await groupOf(opened, group)
  if (bySuffix) await refuseGroups(opened, group)
  const edit = ({ zones, ...policy }: LockPolicy): LockPolicy => {
    const edited = editedZones(zones, { ...options, machines })
    return edited === undefined ? policy : { ...policy, zones: edited }
  }
  const { after } = isWritten
    ? await configureGroup(opened, group, ({ max, policy }) => ({ max, policy: edit(policy) }))
    : { after: { ...lock, policy: hasChange ? edit(lock.policy) : lock.policy } }
  const { zones } = after.policy
  const rows = zoneRows(after, lastTick(after))
  const lines = rows.length === 0 ? [] : ['', ...zoneTable(rows)]
  const shown = zones && { ...shownZones(zones), zones: rows }
  show(options.json, { group, ...shown }, [`group ${group}`, ...(zoneLines(after.policy) ?? ['No zones']), ...lines])
  warnOf(after)
}

const lastTick = ({ ticks }: Lock): number => ticks?.ms ?? 0

/** @throws PlatteError('usage') for zones without effect. */
function editedZones(
  before: Zones | undefined,
  { remove, machines, ...options }: ZoneOptions & { readonly machines: Zones['machines'] | false | undefined },
): Zones | undefined {
  if (remove) return undefined
  const made: Readonly<Record<keyof Zones, unknown>> = {
    perZone: options.perZone ?? before?.perZone,
    oneAtATime: options.oneAtATime ?? before?.oneAtATime,
    bySuffix: options.bySuffix ?? before?.bySuffix,
    machines: machines ?? before?.machines,
  }
  const zones: Zones = Object.fromEntries(Object.entries(made).filter(([, one]) => one !== undefined && one !== false))
  if (zones.perZone === undefined && !zones.oneAtATime)
    throw new PlatteError('usage', 'zones need --per-zone or --one-at-a-time; --remove ends them')
  if (zones.machines === undefined && !zones.bySuffix)
    throw new PlatteError('usage', 'no machine would have a zone: give --list or --by-suffix')
  return zones
}

/** @throws PlatteError('refused') where groups of their own have such names: their machines would go on beside this one. */
async function refuseGroups(opened: Locking, group: string): Promise<void> {
  const own = (await groupNames(opened)).filter((name) => splitZone(name)?.group === group)
  if (own.length === 0) return
  const names = `${own.slice(0, 5).join(', ')}${own.length > 5 ? ', …' : ''}`
  throw new PlatteError('refused', `there are groups with names of zones: ${names}`, {
    hint: `a machine that names one of them is of that group, and not of ${group}: remove locks/NAME.json once nobody holds a slot`,
  })
}

interface ZoneRow {
  readonly zone: string
  /** Ids in the list. */
  readonly listed: number
  /** Slots. */
  readonly taken: number
}

/** The zones of a group; none without. */
export function zoneRows({ holders, ...lock }: Lock, tick: number): readonly ZoneRow[] {
  const { zones } = lock.policy
  const taken = [...(holders ?? []), ...soakingOf({ holders, ...lock }, tick)]
  const rows = zones === undefined ? [] : [...takenByZone(zones, taken)]
  // A machine may name its zone as a member that every object has.
  const lists = new Map(Object.entries(zones?.machines ?? {}))
  return rows.map(([zone, count]) => ({ zone, listed: countIds(lists.get(zone)), taken: count }))
}

const countIds = (list: string | undefined): number => list?.split(' ').length ?? 0

export const zoneTable = (rows: readonly ZoneRow[]): readonly string[] =>
  table([['ZONE', 'IDS', 'TAKEN'], ...rows.map(({ zone, listed, taken }) => [zone, String(listed), String(taken)])])

/** A policy with numbers in place of the ids of its list. */
export function shownPolicy({ zones, ...policy }: LockPolicy) {
  return zones === undefined ? policy : { ...policy, zones: shownZones(zones) }
}

function shownZones({ machines, ...zones }: Zones) {
  const counts = Object.entries(machines ?? {}).map(([zone, list]) => [zone, countIds(list)])
  return machines === undefined ? zones : { ...zones, machines: Object.fromEntries(counts) as Record<string, number> }
}

/** Zones for people; `undefined` without. */
export function zoneLines({ zones }: LockPolicy): readonly string[] | undefined {
  if (zones === undefined) return undefined
  const { perZone, oneAtATime, bySuffix, machines } = zones
  const count = Object.keys(machines ?? {}).length
  const lines = [
    perZone && `At most ${perZone} at once in a zone`,
    oneAtATime && 'One zone at a time',
    machines && `Zones by a list: ${count} ${count === 1 ? 'zone' : 'zones'}`,
    bySuffix && 'Zones by the name of the group, such as GROUP.ZONE',
  ]
  return lines.filter((line) => typeof line === 'string')
}

function warnOf({ policy: { zones }, holders }: Lock): void {
  const unknown = holders?.filter(({ zone }) => zone === undefined).map(({ id }) => id) ?? []
  if (zones === undefined || unknown.length === 0) return
  notice(
    `warning: holders whose zone is not known: ${unknown.slice(0, 5).join(', ')}${unknown.length > 5 ? ', …' : ''}`,
  )
}
