/**
 * The fleet as tables, from contacts in any order: folded in memory, and written where a machine changed. Every write is one
 * transaction, together with the files that it came from; so a process may end at any point.
 */
import type { DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import type { Clock, Instant } from '../kernel/clock.ts'
import { isoText } from '../kernel/format.ts'
import { bump, type Counts, newCounts } from './counts.ts'
import { isDamage, openDatabase, putAside } from './database.ts'
import { disguised, identityOf, keysOf, type Sighting } from './facts.ts'
import type { LineTaker } from './lines.ts'
import { type Contact, currentOf, type MachineRows, machineRows } from './machine-rows.ts'
import { isOfKnown } from './own-texts.ts'
import { addSlot, hashOf, loadSlots, nameOf, repeats, type Slots } from './slots.ts'
import { openWords, type Words } from './words.ts'

/** Machines that are kept one by one; contacts of others are only counted. */
const maxMachines = 1_500_000
/** A line that is dated later than this beyond the end of its file, or now, is of a wrong clock. */
const maxAheadMs = 10 * 60 * 1000
/** Contacts that wait for a row to be written again. */
const maxPending = 50_000
/** Machines whose last contact waits to be written. */
const maxTouched = 400_000

export interface ProjectionOptions {
  readonly clock: Clock
  /** How long a machine is kept after its last contact. */
  readonly keepMs: number
  readonly maxMachines?: number
  /** Rows of one transaction, about, where this process does something else, too: while it writes, nothing else goes on. */
  readonly maxRows?: number
  /** Replaces the id and the alias of a machine. */
  readonly disguise?: ((text: string) => string) | undefined
}

export interface Projection extends LineTaker {
  /**
   * @param isCounted whether it counts where it is of no machine that is kept.
   * @param until the time of its line at the latest; now without one.
   * @param now where the caller has it.
   */
  sighting(sighting: Sighting, isCounted?: boolean, until?: Instant, now?: Instant): void
  /** Whether the lines of a file are in. */
  has(file: string): boolean
  /** The lines since the last call were those of a file, all of them. */
  endFile(file: string): void
  /**
   * Writes what is held, with `maxRows` some of it: first what machines are, then when they were there last.
   * @returns whether there is more. @throws Error of SQLite: the projection must be opened again.
   */
  flush(): boolean
  /** Whether something is held besides last contacts. */
  hasChanges(): boolean
  /** Forgets machines that were silent for too long, and files before a day. */
  prune(): Promise<void>
  close(): void
  readonly database: DatabaseSync
}

/** A damaged file is put aside, and made anew. @throws PlatteError('configuration') as `openDatabase`. */
export function openProjection(file: string, options: ProjectionOptions): Projection {
  const database = openDatabase(file)
  try {
    return project(database, options)
  } catch (error) {
    database.close()
    if (!isDamage(error)) throw error
    putAside(file)
    return project(openDatabase(file), options)
  }
}

/** What is held in memory until it is written. */
interface Held {
  readonly database: DatabaseSync
  readonly options: ProjectionOptions
  words: Words
  slots: Slots
  rows: MachineRows
  /** Changes when another connection wrote. */
  readonly version: () => unknown
  /** `version` as of the last write here. */
  written: unknown
  /** Contacts by the row that they change. */
  readonly pending: Map<number, Contact[]>
  waiting: number
  /** Rows of which only the last contact changed. */
  touched: number[]
  readonly files: string[]
  readonly counts: Counts
  /** Of the file that is being read. */
  fileCounts: Counts
}

function project(database: DatabaseSync, options: ProjectionOptions): Projection {
  const select = database.prepare('PRAGMA data_version')
  const version = (): unknown => select.get()?.data_version
  const held: Held = {
    ...{ database, options, ...loaded(database), version, written: version() },
    ...{ pending: new Map(), waiting: 0, touched: [], files: [], counts: newCounts(), fileCounts: newCounts() },
  }
  const hasFile = database.prepare('SELECT 1 FROM files WHERE key = ?')
  return {
    sighting: (given, isCounted = true, until = undefined, now = options.clock()) =>
      take(held, given, isCounted ? held.fileCounts : uncounted, until ?? now, now),
    refused: () => bump(held.fileCounts, 'refused'),
    lost: (count) => bump(held.fileCounts, 'lost', count),
    unreadable: () => bump(held.fileCounts, 'unreadable'),
    foreign: () => bump(held.fileCounts, 'foreign'),
    has: (file) => hasFile.get(file) !== undefined || held.files.includes(file),
    endFile(file) {
      if (file !== '') held.files.push(file)
      for (const [name, n] of held.fileCounts) bump(held.counts, name, n)
      held.fileCounts = newCounts()
    },
    flush: () => flush(held),
    hasChanges: () => held.pending.size + held.files.length + held.counts.size > 0,
    prune: () => prune(held),
    close: () => database.close(),
    database,
  }
}

function loaded(database: DatabaseSync): Pick<Held, 'words' | 'slots' | 'rows'> {
  const [words, slots] = [openWords(database), loadSlots(database)]
  return { words, slots, rows: machineRows(database, words, slots) }
}

/** What is counted elsewhere. */
const uncounted: Counts = new Map()

function take(held: Held, given: Sighting, counts: Counts, until: Instant, now: Instant): void {
  const { keepMs, disguise } = held.options
  if (given.machine === '') bump(counts, 'nameless')
  else if (given.at > until + maxAheadMs) bump(counts, 'ahead')
  else if (given.at >= now - keepMs) add(held, disguise ? disguised(given, disguise) : given, counts)
}

function add(held: Held, sighting: Sighting, counts: Counts): void {
  const { words, slots, options } = held
  const app = words.idOf(sighting.app, isOfKnown(sighting.answer))
  const name = nameOf(app, sighting.machine)
  const known = slots.byName.get(name)
  if (known === undefined && slots.byName.size >= (options.maxMachines ?? maxMachines)) {
    bump(counts, 'beyond')
    return
  }
  const slot = known ?? addSlot(slots, name)
  const wasClean = slots.dirty[slot] === 0
  const current = currentOf(held, slot, sighting)
  const contacted = { current, identity: words.idOf(identityOf(sighting)), alias: hashOf(sighting.alias) }
  if (!repeats(slots, slot, { at: sighting.at, ...contacted }))
    wait(held, slot, { app, sighting, meanings: keysOf(sighting).map(words.meaningOf) })
  else if (wasClean && slots.dirty[slot] === 1 && held.touched.push(slot) >= maxTouched) flush(held)
}

function wait(held: Held, slot: number, contact: Contact): void {
  const list = held.pending.get(slot)
  if (list) list.push(contact)
  else held.pending.set(slot, [contact])
  held.slots.dirty[slot] = 2
  held.waiting += 1
  if (held.waiting >= (held.options.maxRows ?? maxPending)) flush(held)
}

/** After a failure the transaction ends with the connection. */
function flush(held: Held): boolean {
  const { database, pending, files, counts } = held
  if (pending.size + held.touched.length + files.length + counts.size === 0) return false
  database.exec('BEGIN IMMEDIATE')
  // Another process wrote here: what is held of the rows is of before.
  if (held.version() !== held.written) reread(held)
  const { rows, words, slots } = held
  for (const slot of Int32Array.from(pending.keys()).sort()) rows.write(slot, pending.get(slot) ?? [])
  const touched = held.touched.splice(-(held.options.maxRows ?? maxTouched))
  for (const slot of Int32Array.from(touched).sort()) {
    if (slots.dirty[slot] === 1) rows.touch(slot)
    slots.dirty[slot] = 0
  }
  rows.save()
  words.save()
  const hasMore = held.touched.length > 0
  // A file is in when all of it is.
  if (!hasMore) saveFiles(held)
  database.exec('COMMIT')
  held.written = held.version()
  pending.clear()
  held.waiting = 0
  return hasMore
}

function saveFiles({ database, files, counts }: Held): void {
  if (files.length + counts.size === 0) return
  const addFile = database.prepare('INSERT OR IGNORE INTO files (key) VALUES (?)')
  for (const file of files) addFile.run(file)
  const addCount = database.prepare(
    'INSERT INTO counts (name, n) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = n + excluded.n',
  )
  for (const [name, n] of counts) addCount.run(name, n)
  counts.clear()
  files.length = 0
}

/** Rows of another process may have other numbers than those that are held here. */
function reread(held: Held): void {
  const contacts = [...held.pending.values()].flat()
  const last = held.touched.map(
    (slot) => [slot, held.slots.dirty[slot] === 1 ? (held.slots.last[slot] ?? 0) : 0] as const,
  )
  Object.assign(held, loaded(held.database), { touched: [] })
  held.pending.clear()
  for (const [slot, at] of last) if (at > (held.slots.last[slot] ?? 0)) held.slots.last[slot] = at
  for (const [slot] of last) held.rows.touch(slot)
  held.waiting = Number.NEGATIVE_INFINITY
  for (const { sighting } of contacts) add(held, sighting, newCounts())
}

async function prune(held: Held): Promise<void> {
  const { database, options } = held
  const since = options.clock() - options.keepMs
  for (let next: number | undefined = 0; next !== undefined; await setImmediate()) {
    // A contact that waits may be newer than its row.
    while (flush(held)) await setImmediate()
    next = held.rows.forget(since, next)
  }
  if (held.words.isCrowded()) await forgetWords(held)
  // A key is read no more once its day is too old.
  const day = isoText(since - 2 * dayMs).slice(0, 10)
  const oldest = `events/dt=${day.replaceAll('-', '')}`
  database.prepare("DELETE FROM files WHERE replace(key, '-', '') < ?").run(oldest)
  held.written = held.version()
}

/** Those that no row uses; another time, where another process writes, too. */
async function forgetWords(held: Held): Promise<void> {
  const { database, words, rows } = held
  const used = words.watch()
  for (let next: number | undefined = 0; next !== undefined; await setImmediate()) next = rows.collectWords(used, next)
  flush(held)
  if (held.words !== words) return
  database.exec('BEGIN IMMEDIATE')
  if (held.version() === held.written) words.keepOnly(used)
  database.exec('COMMIT')
}

const dayMs = 24 * 60 * 60 * 1000
