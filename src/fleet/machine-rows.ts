/** The rows of machines, and what is counted of them: by state, by version over time, and by their last contact. */
import type { DatabaseSync } from 'node:sqlite'
import type { Instant } from '../kernel/clock.ts'
import { addFacts, type Fact, identityOf, keysOf, type Meaning, type Sighting, says } from './facts.ts'
import { decodeFacts, encodeFacts, keptFacts } from './facts-codec.ts'
import { type Life, lifeOf, settledFact, states } from './machine.ts'
import { type Counted, cameFrom, countMachine } from './machine-counts.ts'
import { progressRows } from './progress-rows.ts'
import { hashOf, nameOf, placeOf, type Slots, spanMs } from './slots.ts'
import { openSums } from './sums.ts'
import type { Words } from './words.ts'

/** Of machines at once, so that nothing else waits long. */
const forgetting = { looked: 20_000, found: 200 }
const collecting = 1_000

interface Tables extends ReturnType<typeof tablesOf> {
  readonly words: Words
  readonly slots: Slots
}

export interface Contact {
  /** The number of its name. */
  readonly app: number
  readonly sighting: Sighting
  readonly meanings: readonly Meaning[]
}

export interface MachineRows {
  /** Adds contacts of one machine. */
  write(slot: number, contacts: readonly Contact[]): void
  /** Writes the last contact. */
  touch(slot: number): void
  /** Writes what follows from the rows, at the end of a transaction. */
  save(): void
  /**
   * Forgets some machines without a contact since then, in a transaction of its own.
   * @returns the number of the machine from which on to look next; `undefined` behind the last.
   */
  forget(since: Instant, from: number): number | undefined
  /** Adds the numbers of words that some machines use; what is counted of them is in their facts. @returns as `forget`. */
  collectWords(used: Set<number>, from: number): number | undefined
}

export function machineRows(database: DatabaseSync, words: Words, slots: Slots): MachineRows {
  const tables = { ...tablesOf(database, words), words, slots }
  const { sql, tallies, trend, silence, progress } = tables
  const save = (): void => {
    for (const one of [tallies, trend, silence, progress]) one.save()
  }
  return {
    write: (slot, contacts) => write(tables, slot, contacts),
    touch(slot) {
      sql.touch.run(slot, slots.last[slot] ?? 0)
      countContact(tables, slot, slots.place[slot] ?? 0)
    },
    save,
    forget(since, from) {
      const found = sql.silent.all(since, from, from + forgetting.looked, forgetting.found)
      if (found.length > 0) {
        database.exec('BEGIN IMMEDIATE')
        for (const { id, app, machine } of found) {
          forget(tables, Number(id), Number(app))
          slots.byName.delete(nameOf(Number(app), String(machine)))
        }
        save()
        words.save()
        database.exec('COMMIT')
      }
      const next = found.length < forgetting.found ? from + forgetting.looked : Number(found.at(-1)?.id) + 1
      return next < slots.next ? next : undefined
    },
    collectWords(used, from) {
      for (const { app, identity, facts } of sql.words.iterate(from, from + collecting)) {
        used.add(Number(app)).add(Number(identity))
        for (const { meaning } of decodeFacts(String(facts), words, undefined, 0)) used.add(words.idOfMeaning(meaning))
      }
      return from + collecting < slots.next ? from + collecting : undefined
    },
  }
}

/** The number of the only thing that a contact says; most say the same as the last one. */
export function currentOf({ words, slots }: Pick<Tables, 'words' | 'slots'>, slot: number, sighting: Sighting): number {
  const last = slots.current[slot] ?? 0
  if (last !== 0 && says(words.meaningOfId(last), sighting)) return last
  const [key] = keysOf(sighting)
  return key === undefined || sighting.reported.length > 0 ? 0 : words.idOfMeaning(words.meaningOf(key))
}

/** A row as it is, with its facts until the last contact. */
function rowOf({ sql, words, slots }: Tables, slot: number) {
  const row = sql.get.get(slot)
  if (row === undefined) return undefined
  const current = words.meaningOfId(slots.current[slot] ?? 0)
  const last = slots.last[slot] ?? 0
  const facts = decodeFacts(String(row.facts), words, current, last)
  return { alias: String(row.alias), syncer: slots.syncer[slot] ?? 0, facts, last, life: lifeOf(facts) }
}

function write(tables: Tables, slot: number, contacts: readonly Contact[]): void {
  const { words, slots, progress } = tables
  const known = rowOf(tables, slot)
  const all = known?.facts ?? []
  const [one] = contacts
  if (one === undefined) return
  const { app } = one
  let newest = one.sighting
  for (const { sighting, meanings } of contacts) {
    addFacts(all, sighting.at, meanings)
    if (sighting.at > newest.at) newest = sighting
  }
  const facts = keptFacts(all)
  const life = lifeOf(facts)
  const syncer = known?.syncer === 1 || contacts.some(({ sighting }) => sighting.isSyncer) ? 1 : 0
  const counted = { app, syncer, life }
  countMachine(tables, known && { app, ...known }, counted)
  progress.write(app, slot, stepsOf(counted), known ? stepsOf(known) : nothing)
  const isLater = known === undefined || newest.at >= known.last
  const identity = isLater ? words.idOf(identityOf(newest)) : (slots.identity[slot] ?? 0)
  const alias = isLater ? newest.alias : known.alias
  putNames(tables, slot, { machine: newest.machine, alias, facts }, known?.alias)
  put(tables, slot, { ...counted, alias, identity, facts }, known === undefined)
}

const nothing: Life['progress'] = new Map()
const stepsOf = ({ syncer, life }: Omit<Counted, 'app'>): Life['progress'] => (syncer ? nothing : life.progress)

type Named = { readonly machine: string; readonly alias: string; readonly facts: readonly Fact[] }

function putNames({ sql, words }: Tables, slot: number, { machine, alias, facts }: Named, before?: string): void {
  const bytes = encodeFacts(facts, words)
  if (before === undefined) return void sql.addNames.run(slot, machine, alias, bytes)
  sql.putFacts.run(bytes, slot)
  // Its indexes are written only where it changes.
  if (alias !== before) sql.putAlias.run(alias, slot)
}

interface Written extends Counted {
  readonly alias: string
  readonly identity: number
  readonly facts: readonly Fact[]
}

function put(tables: Tables, slot: number, is: Written, isNew: boolean): void {
  const { sql, words, slots } = tables
  const { facts, life, identity, alias } = is
  const now = life.changes.at(-1)
  const settled = settledFact(facts, life)
  const current = settled ? words.idOfMeaning(settled.meaning) : 0
  let [last, first] = [0, Number.POSITIVE_INFINITY]
  for (const one of facts) {
    last = Math.max(last, one.last)
    first = Math.min(first, one.first)
  }
  const channel = words.idOf(now?.channel ?? '')
  const statement = isNew ? sql.add : sql.put
  statement.run(
    ...[last, now?.at ?? last, first, is.app, channel, words.idOf(now?.version ?? '')],
    ...[states.indexOf(now?.state ?? 'seen'), words.idOf(now?.detail ?? ''), words.idOf(now?.target ?? '')],
    ...[words.idOf(cameFrom(life)), identity, is.syncer, current, slot],
  )
  slots.current[slot] = current
  slots.identity[slot] = identity
  slots.alias[slot] = hashOf(alias)
  slots.syncer[slot] = is.syncer
  slots.since[slot] = settled?.first ?? last
  slots.last[slot] = last
  slots.dirty[slot] = 0
  countContact(tables, slot, is.syncer ? 0 : placeOf(slots, is.app, channel))
}

/** Counts the last contact where it is now. @param place 0 for what is not counted. */
function countContact({ slots, silence }: Tables, slot: number, place: number): void {
  const [span, old, oldPlace] = [
    Math.floor((slots.last[slot] ?? 0) / spanMs),
    slots.span[slot] ?? 0,
    slots.place[slot] ?? 0,
  ]
  if (span === old && place === oldPlace) return
  if (oldPlace !== 0) silence.add(`${slots.places[oldPlace]} ${old}`, -1)
  if (place !== 0) silence.add(`${slots.places[place]} ${span}`, 1)
  slots.span[slot] = span
  slots.place[slot] = place
}

function forget(tables: Tables, slot: number, app: number): void {
  const { sql, slots, progress } = tables
  const known = rowOf(tables, slot)
  if (known === undefined) return
  countMachine(tables, { app, ...known }, undefined)
  progress.write(app, slot, nothing, stepsOf(known))
  countContact(tables, slot, 0)
  sql.drop.run(slot)
  sql.dropNames.run(slot)
  slots.current[slot] = 0
}

function tablesOf(database: DatabaseSync, words: Words) {
  const columns =
    'last, since, first, app, channel, version, state, detail, target, came_from, identity, syncer, current'
  return {
    sql: {
      get: database.prepare('SELECT alias, facts FROM names WHERE id = ?'),
      silent: database.prepare(
        `SELECT id, app, machine FROM states JOIN names USING (id)
         WHERE last < ? AND id >= ? AND id < ? ORDER BY id LIMIT ?`,
      ),
      add: database.prepare(`INSERT INTO states (${columns}, id) VALUES (${columns.replace(/\w+/g, '?')}, ?)`),
      put: database.prepare(
        `UPDATE states SET ${columns.replace(/\w+/g, '$& = ?').replace('first = ?', 'first = min(first, ?)')} WHERE id = ?`,
      ),
      words: database.prepare('SELECT app, identity, facts FROM states JOIN names USING (id) WHERE id >= ? AND id < ?'),
      touch: database.prepare('UPDATE states SET last = ?2 WHERE id = ?1 AND last < ?2'),
      addNames: database.prepare('INSERT INTO names (id, machine, alias, facts) VALUES (?, ?, ?, ?)'),
      putFacts: database.prepare('UPDATE names SET facts = ? WHERE id = ?'),
      putAlias: database.prepare('UPDATE names SET alias = ? WHERE id = ?'),
      drop: database.prepare('DELETE FROM states WHERE id = ?'),
      dropNames: database.prepare('DELETE FROM names WHERE id = ?'),
    },
    progress: progressRows(database, words),
    tallies: openSums(database, 'tallies', ['app', 'channel', 'version', 'state', 'detail', 'came_from', 'syncer']),
    trend: openSums(database, 'trend', ['app', 'channel', 'version', 'hour']),
    silence: openSums(database, 'silence', ['app', 'channel', 'span']),
  }
}
