/** The rows of machines, and what follows from them: progress with releases, tallies by state, and the trend of versions. */
import type { DatabaseSync } from 'node:sqlite'
import type { Instant } from '../kernel/clock.ts'
import { addFacts, type Fact, identityOf, meaningsOf, type Sighting } from './facts.ts'
import { decodeFacts, encodeFacts } from './facts-codec.ts'
import { type Life, lifeOf, type Progress, settledFact, states } from './machine.ts'
import { hashOf, nameOf, type Slots } from './slots.ts'
import type { Words } from './words.ts'

const hourMs = 60 * 60 * 1000

/** Adds up changes of numbers by a key of numbers. */
type Deltas = Map<string, number>

const addTo = (deltas: Deltas, key: readonly number[], n: number): void => {
  const text = key.join(' ')
  deltas.set(text, (deltas.get(text) ?? 0) + n)
}

interface Tables {
  readonly sql: ReturnType<typeof statements>
  readonly words: Words
  readonly slots: Slots
  /** What is added when a transaction ends. */
  readonly tallies: Deltas
  readonly trend: Deltas
}

export interface MachineRows {
  /** Adds contacts of one machine. */
  write(slot: number, sightings: readonly Sighting[]): void
  /** Writes the last contact. */
  touch(slot: number): void
  /** Writes what follows from the rows, at the end of a transaction. */
  save(): void
  /** Forgets machines without a contact since then, in a transaction of its own. */
  forget(since: Instant): void
}

export function machineRows(database: DatabaseSync, words: Words, slots: Slots): MachineRows {
  const tables = { sql: statements(database), words, slots, tallies: new Map(), trend: new Map() }
  return {
    write: (slot, sightings) => write(tables, slot, sightings),
    touch: (slot) => void tables.sql.touch.run(slot, slots.last[slot] ?? 0),
    save: () => save(tables),
    forget(since) {
      database.exec('BEGIN IMMEDIATE')
      for (const { id, app, machine } of tables.sql.silent.all(since)) {
        forget(tables, Number(id), Number(app))
        slots.byName.delete(nameOf(Number(app), String(machine)))
      }
      save(tables)
      words.save()
      database.exec('COMMIT')
    },
  }
}

/** A row as it is, with its facts until the last contact. */
function rowOf({ sql, words, slots }: Tables, slot: number) {
  const row = sql.get.get(slot)
  if (row === undefined) return undefined
  const current = words.meaningOfId(Number(row.current))
  const last = slots.last[slot] ?? 0
  const facts = decodeFacts(row.facts as Uint8Array, words).map((fact) =>
    fact.meaning === current ? { ...fact, last: Math.max(fact.last, last) } : fact,
  )
  return { row, facts, last, life: lifeOf(facts) }
}

function write(tables: Tables, slot: number, sightings: readonly Sighting[]): void {
  const { words } = tables
  const known = rowOf(tables, slot)
  const facts = sightings.reduce<readonly Fact[]>(
    (all, one) => addFacts(all, one.at, meaningsOf(one).map(words.meaningOf)),
    known?.facts ?? [],
  )
  const [newest] = [...sightings].sort((a, b) => b.at - a.at)
  if (newest === undefined) return
  const life = lifeOf(facts)
  const app = words.idOf(newest.app)
  const syncer = sightings.some((one) => one.isSyncer) || known?.row.syncer === 1 ? 1 : 0
  if (known) count(tables, { app, syncer: Number(known.row.syncer), life: known.life }, -1)
  count(tables, { app, syncer, life }, 1)
  const steps = syncer ? nothing : life.progress
  writeProgress(tables, { app, slot }, steps, known && !known.row.syncer ? known.life.progress : nothing)
  const isLater = known === undefined || newest.at >= known.last
  const identity = isLater ? words.idOf(identityOf(newest)) : Number(known.row.identity)
  const alias = isLater ? newest.alias : String(known.row.alias)
  put(tables, slot, { app, machine: newest.machine, alias, identity, syncer, facts, life })
}

interface Written {
  readonly app: number
  readonly machine: string
  readonly alias: string
  readonly identity: number
  readonly syncer: number
  readonly facts: readonly Fact[]
  readonly life: Life
}

function put({ sql, words, slots }: Tables, slot: number, is: Written): void {
  const { facts, life, identity, alias } = is
  const now = life.changes.at(-1)
  const settled = settledFact(facts, life)
  const current = settled ? words.idOfMeaning(settled.meaning) : 0
  const last = facts.reduce((most, one) => Math.max(most, one.last), 0)
  const first = facts.reduce((least, one) => Math.min(least, one.first), last)
  sql.put.run(
    ...[slot, is.app, is.machine, alias, identity, is.syncer, first],
    ...[words.idOf(now?.channel ?? ''), words.idOf(now?.version ?? ''), states.indexOf(now?.state ?? 'seen')],
    ...[words.idOf(now?.detail ?? ''), words.idOf(now?.target ?? ''), now?.at ?? last, words.idOf(cameFrom(life))],
    ...[current, encodeFacts(facts, words)],
  )
  sql.putContact.run(slot, last)
  slots.current[slot] = current
  slots.identity[slot] = identity
  slots.alias[slot] = hashOf(alias)
  slots.since[slot] = settled?.first ?? last
  slots.last[slot] = last
  slots.dirty[slot] = 0
}

interface Counted {
  readonly app: number
  readonly syncer: number
  readonly life: Life
}

/** Counts a machine, or with -1 takes it out. */
function count({ words, tallies, trend }: Tables, { app, syncer, life }: Counted, n: 1 | -1): void {
  const now = life.changes.at(-1)
  if (now === undefined) return
  const [channel, version] = [words.idOf(now.channel), words.idOf(now.version)]
  addTo(tallies, [app, channel, version, states.indexOf(now.state), words.idOf(now.detail), syncer], n)
  if (syncer === 0) countVersions(trend, app, words, life, n)
}

function writeProgress(
  { sql, words }: Tables,
  { app, slot }: { readonly app: number; readonly slot: number },
  progress: Steps,
  old: Steps,
): void {
  for (const [target, one] of progress)
    if (!isSame(one, old.get(target)))
      sql.putProgress.run(app, words.idOf(target), slot, ...progressColumns(one, words))
  for (const target of old.keys()) if (!progress.has(target)) sql.dropProgress.run(app, words.idOf(target), slot)
}

function save({ sql, tallies, trend }: Tables): void {
  for (const [statement, deltas] of [
    [sql.addTally, tallies],
    [sql.addTrend, trend],
  ] as const) {
    for (const [key, n] of deltas) if (n !== 0) statement.run(...key.split(' ').map(Number), n)
    deltas.clear()
  }
  sql.dropTallies.run()
  sql.dropTrend.run()
}

function forget(tables: Tables, slot: number, app: number): void {
  const { sql, words, slots } = tables
  const known = rowOf(tables, slot)
  if (known === undefined) return
  count(tables, { app, syncer: Number(known.row.syncer), life: known.life }, -1)
  for (const target of known.life.progress.keys()) sql.dropProgress.run(app, words.idOf(target), slot)
  sql.drop.run(slot)
  sql.dropContact.run(slot)
  slots.current[slot] = 0
}

type Steps = Life['progress']
const nothing: Steps = new Map()

const progressColumns = (one: Progress, words: Words) =>
  [
    ...[one.offered, one.begun, one.installed, one.done, one.failed].map((at) => at ?? null),
    one.error === undefined ? null : words.idOf(one.error),
    ...[one.fellBack ?? null, one.channel === undefined ? null : words.idOf(one.channel), one.firstFailed ?? null],
  ] as const

const steps = [
  'offered',
  'begun',
  'installed',
  'done',
  'failed',
  'error',
  'fellBack',
  'channel',
  'firstFailed',
] as const
const isSame = (a: Progress, b: Progress | undefined): boolean =>
  b !== undefined && steps.every((name) => a[name] === b[name])

/** The channel that it was in before. */
function cameFrom({ changes }: Life): string {
  const channel = changes.at(-1)?.channel
  return changes.findLast((one) => one.channel !== channel)?.channel ?? ''
}

/** A machine counts for its version from the hour in which it is first seen with it, until the hour of the next one. */
function countVersions(trend: Deltas, app: number, words: Words, { changes }: Life, n: 1 | -1): void {
  let before: readonly number[] | undefined
  for (const { at, channel, version } of changes) {
    const name = [app, words.idOf(channel), words.idOf(version)]
    if (before?.every((part, i) => part === name[i])) continue
    const hour = Math.floor(at / hourMs)
    if (before) addTo(trend, [...before, hour], -n)
    addTo(trend, [...name, hour], n)
    before = name
  }
}

function statements(database: DatabaseSync) {
  const adding = (table: string, columns: string): string =>
    `INSERT INTO ${table} (${columns}, n) VALUES (${columns.replace(/\w+/g, '?')}, ?)
     ON CONFLICT (${columns}) DO UPDATE SET n = n + excluded.n`
  const machine = 'id, app, machine, alias, identity, syncer, first, channel, version, state, detail, target, since'
  const columns = `${machine}, came_from, current, facts`
  const progress =
    'app, target, machine, offered, begun, installed, done, failed, error, fell_back, channel, first_failed'
  /** Touches only the indexes of columns that change. */
  const putting = (table: string, names: string, key: string): string =>
    `INSERT INTO ${table} (${names}) VALUES (${names.replace(/\w+/g, '?')})
     ON CONFLICT (${key}) DO UPDATE SET ${names.replace(/\w+/g, '$& = excluded.$&')}`
  return {
    get: database.prepare('SELECT alias, identity, syncer, current, facts FROM machines WHERE id = ?'),
    silent: database.prepare('SELECT id, app, machine FROM machines JOIN contacts USING (id) WHERE last < ?'),
    put: database.prepare(putting('machines', columns, 'id')),
    touch: database.prepare('UPDATE contacts SET last = ?2 WHERE id = ?1 AND last < ?2'),
    putContact: database.prepare(putting('contacts', 'id, last', 'id')),
    putProgress: database.prepare(putting('progress', progress, 'app, target, machine')),
    dropProgress: database.prepare('DELETE FROM progress WHERE app = ? AND target = ? AND machine = ?'),
    addTally: database.prepare(adding('tallies', 'app, channel, version, state, detail, syncer')),
    addTrend: database.prepare(adding('trend', 'app, channel, version, hour')),
    dropTallies: database.prepare('DELETE FROM tallies WHERE n = 0'),
    dropTrend: database.prepare('DELETE FROM trend WHERE n = 0'),
    drop: database.prepare('DELETE FROM machines WHERE id = ?'),
    dropContact: database.prepare('DELETE FROM contacts WHERE id = ?'),
  }
}
