/** What a projection holds of every machine in memory, to see at once that a contact says nothing new. */
import type { DatabaseSync } from 'node:sqlite'
import type { Instant } from '../kernel/clock.ts'

/** Columns by the number of a machine: its row in the database. */
export interface Slots {
  readonly byName: Map<string, number>
  /** The fact that only goes on while it repeats; 0 where the next contact may mean anything. */
  current: Int32Array
  identity: Int32Array
  /** A hash of the alias. */
  alias: Int32Array
  /** When `current` began. */
  since: Float64Array
  last: Float64Array
  syncer: Uint8Array
  /** Where the last contact is counted: 0, or the number of an app and a channel, and its span. */
  place: Int32Array
  span: Int32Array
  /** Apps and channels by their number, as their ids of words. */
  readonly places: string[]
  readonly placeNumbers: Map<string, number>
  /** 1: the last contact is not written. 2: there are contacts that are not in the row. */
  dirty: Uint8Array
  /** The number of the next machine. */
  next: number
}

/** Last contacts are counted by spans of this length. */
export const spanMs = 10 * 60 * 1000

/** Machines for which there is room before the columns grow. */
const initial = 4096

/** @param app the number of its name. */
export const nameOf = (app: number, machine: string): string => `${app} ${machine}`

export function loadSlots(database: DatabaseSync): Slots {
  const slots: Slots = {
    byName: new Map(),
    current: new Int32Array(initial),
    identity: new Int32Array(initial),
    alias: new Int32Array(initial),
    since: new Float64Array(initial),
    last: new Float64Array(initial),
    syncer: new Uint8Array(initial),
    place: new Int32Array(initial),
    span: new Int32Array(initial),
    places: [''],
    placeNumbers: new Map(),
    dirty: new Uint8Array(initial),
    next: 1,
  }
  const rows = database.prepare(
    'SELECT id, app, machine, alias, identity, current, last, channel, syncer FROM states JOIN names USING (id)',
  )
  for (const { id, app, machine, alias, identity, current, last, channel, syncer } of rows.iterate()) {
    const slot = Number(id)
    growTo(slots, slot)
    slots.byName.set(nameOf(Number(app), String(machine)), slot)
    slots.current[slot] = Number(current)
    slots.identity[slot] = Number(identity)
    slots.alias[slot] = hashOf(String(alias))
    // Not earlier, for want of the row's facts.
    slots.since[slot] = Number(last)
    slots.last[slot] = Number(last)
    slots.syncer[slot] = Number(syncer)
    slots.place[slot] = syncer ? 0 : placeOf(slots, Number(app), Number(channel))
    slots.span[slot] = Math.floor(Number(last) / spanMs)
    slots.next = Math.max(slots.next, slot + 1)
  }
  return slots
}

/** @returns the number of a machine that is new. */
export function addSlot(slots: Slots, name: string): number {
  const slot = slots.next++
  growTo(slots, slot)
  slots.byName.set(name, slot)
  return slot
}

function growTo(slots: Slots, slot: number): void {
  const length = slots.dirty.length
  if (slot < length) return
  const grown = <Column extends Int32Array | Float64Array | Uint8Array>(column: Column, larger: Column): Column => {
    larger.set(column)
    return larger
  }
  const size = Math.max(length * 2, slot + 1)
  slots.current = grown(slots.current, new Int32Array(size))
  slots.identity = grown(slots.identity, new Int32Array(size))
  slots.alias = grown(slots.alias, new Int32Array(size))
  slots.since = grown(slots.since, new Float64Array(size))
  slots.last = grown(slots.last, new Float64Array(size))
  slots.syncer = grown(slots.syncer, new Uint8Array(size))
  slots.place = grown(slots.place, new Int32Array(size))
  slots.span = grown(slots.span, new Int32Array(size))
  slots.dirty = grown(slots.dirty, new Uint8Array(size))
}

/** The number of a channel of an app, from 1. */
export function placeOf({ places, placeNumbers }: Slots, app: number, channel: number): number {
  const name = `${app} ${channel}`
  const known = placeNumbers.get(name)
  if (known !== undefined) return known
  placeNumbers.set(name, places.length)
  return places.push(name) - 1
}

/** FNV-1a over UTF-16 code units. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash | 0
}

export interface Contacted {
  readonly at: Instant
  readonly current: number
  readonly identity: number
  readonly alias: number
}

/** Whether a contact only repeats the fact that goes on, and how much later. Marks what is to be written. */
export function repeats(slots: Slots, slot: number, { at, current, identity, alias }: Contacted): boolean {
  if (slots.dirty[slot] === 2 || current === 0 || slots.current[slot] !== current) return false
  if (slots.identity[slot] !== identity || slots.alias[slot] !== alias || at < Number(slots.since[slot])) return false
  if (at <= Number(slots.last[slot])) return true
  slots.last[slot] = at
  slots.dirty[slot] = 1
  return true
}
