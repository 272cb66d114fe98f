/** The file of a projection: SQLite. It may be thrown away: what it holds is made again from the files of events. */
import { existsSync, renameSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { messageOf, PlatteError } from '../kernel/errors.ts'

/** "Plat" in ASCII: tells our files from others. */
const applicationId = 0x506c6174
/** Of the tables below and of what is written into them. Another number is made anew. */
const schemaVersion = 5

const schema = `
-- Texts that many rows share: names, and facts as facts.ts writes them.
CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE);
-- The files of events that are in.
CREATE TABLE files (key TEXT PRIMARY KEY) WITHOUT ROWID;
-- Lines that are of no machine: lost, refused, unreadable, foreign, beyond (machines above the bound), ahead (of the clock).
CREATE TABLE counts (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
-- What a machine is now, in few bytes: reading all rows is quick, so lists need no index, which would cost each contact.
-- Numbers are ids of words, except instants (ms), and "current": the fact that goes on until the last contact.
CREATE TABLE states (id INTEGER PRIMARY KEY, last INTEGER, since INTEGER, first INTEGER, app INTEGER, channel INTEGER,
  version INTEGER, state INTEGER, detail INTEGER, target INTEGER, came_from INTEGER, identity INTEGER, syncer INTEGER,
  current INTEGER);
CREATE TABLE names (id INTEGER PRIMARY KEY, machine TEXT NOT NULL, alias TEXT NOT NULL, facts TEXT NOT NULL);
CREATE INDEX names_by_machine ON names (machine, alias);
CREATE INDEX names_by_alias ON names (alias) WHERE alias <> '';
CREATE VIEW machines AS SELECT id, machine, alias, facts, since, first, app, channel, version, state, detail, target,
  came_from, identity, syncer, current FROM states LEFT JOIN names USING (id);
CREATE VIEW contacts AS SELECT id, last FROM states;
-- How far each machine came with each release.
CREATE TABLE progress (app INTEGER, target INTEGER, machine INTEGER, offered INTEGER, begun INTEGER, installed INTEGER,
  done INTEGER, failed INTEGER, error INTEGER, fell_back INTEGER, channel INTEGER, first_failed INTEGER,
  PRIMARY KEY (app, target, machine)) WITHOUT ROWID;
CREATE INDEX progress_by_fall ON progress (fell_back) WHERE fell_back IS NOT NULL;
CREATE INDEX progress_by_failure ON progress (app, target) WHERE first_failed IS NOT NULL;
-- How many machines are in a state.
CREATE TABLE tallies (app INTEGER, channel INTEGER, version INTEGER, state INTEGER, detail INTEGER,
  came_from INTEGER, syncer INTEGER, n INTEGER NOT NULL,
  PRIMARY KEY (app, channel, version, state, detail, came_from, syncer)) WITHOUT ROWID;
-- How many machines had their last contact within a span of ten minutes (of Unix time).
CREATE TABLE silence (app INTEGER, channel INTEGER, span INTEGER, n INTEGER NOT NULL,
  PRIMARY KEY (app, channel, span)) WITHOUT ROWID;
-- How many machines came to a step of a release, as progress-rows.ts numbers and details them.
CREATE TABLE releases (target INTEGER, app INTEGER, step INTEGER, detail INTEGER, n INTEGER NOT NULL,
  PRIMARY KEY (target, app, step, detail)) WITHOUT ROWID;
-- How many machines were offered a release (step 0), installed it (1) and ran it (2) within a span of ten minutes.
CREATE TABLE curves (target INTEGER, app INTEGER, channel INTEGER, step INTEGER, span INTEGER, n INTEGER NOT NULL,
  PRIMARY KEY (target, app, channel, step, span)) WITHOUT ROWID;
-- By how many the machines of a version became more or fewer in an hour (of Unix time).
CREATE TABLE trend (app INTEGER, channel INTEGER, version INTEGER, hour INTEGER, n INTEGER NOT NULL,
  PRIMARY KEY (app, channel, version, hour)) WITHOUT ROWID;
`

const suffixes = ['', '-wal', '-shm'] as const

/** What SQLite says of a file that is damaged, or no database at all. */
const damage: readonly number[] = [11, 26]

/** Whether an error means that the file must be made anew. */
export const isDamage = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && damage.includes(Number(error.errcode) & 0xff)

/**
 * Opens a projection for writing. A damaged file, or one of another version, is put aside as `FILE.old`, and made anew.
 * @throws PlatteError('configuration') where the file is a database of something else, or cannot be opened.
 */
export function openDatabase(file: string): DatabaseSync {
  try {
    return prepare(file)
  } catch (error) {
    if (!isDamage(error)) throw cannotOpen(file, error)
    putAside(file)
    return prepare(file)
  }
}

/** @throws PlatteError('usage') if the file does not exist. */
export function openForReading(file: string): DatabaseSync {
  if (!existsSync(file))
    throw new PlatteError('usage', `${file}: there is no projection of the fleet`, {
      hint: `make it with platte fleet --fleet-file ${file}, or with platte serve`,
    })
  try {
    const database = new DatabaseSync(file, { readOnly: true, timeout: 10_000 })
    if (isOurs(database)) return database
  } catch (error) {
    throw cannotOpen(file, error)
  }
  throw new PlatteError('usage', `${file}: was written by another version of Platte, or by something else`)
}

function prepare(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: 10_000 })
  const isEmpty = numberOf(database, 'SELECT count(*) AS n FROM sqlite_schema') === 0
  const isPlatte = numberOf(database, 'PRAGMA application_id') === applicationId
  if (!isEmpty && !isPlatte) {
    database.close()
    throw new PlatteError('configuration', `${file} is a database, but no projection of a fleet`, {
      hint: 'name a file that does not exist yet, such as /var/lib/platte/fleet.db',
    })
  }
  if (!isEmpty && !isOurs(database)) {
    database.close()
    putAside(file)
    return prepare(file)
  }
  // Readers go on while this process writes; a power cut may cost the last second, and never the file.
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536')
  if (isEmpty)
    database.exec(
      `BEGIN;${schema};PRAGMA application_id = ${applicationId};PRAGMA user_version = ${schemaVersion};COMMIT`,
    )
  return database
}

const isOurs = (database: DatabaseSync): boolean =>
  numberOf(database, 'PRAGMA application_id') === applicationId &&
  numberOf(database, 'PRAGMA user_version') === schemaVersion

const numberOf = (database: DatabaseSync, sql: string): number =>
  Number(Object.values(database.prepare(sql).get() ?? {})[0])

/** Nothing is deleted but what was put aside before. */
export function putAside(file: string): void {
  for (const suffix of suffixes) {
    rmSync(`${file}.old${suffix}`, { force: true })
    if (existsSync(file + suffix)) renameSync(file + suffix, `${file}.old${suffix}`)
  }
}

const cannotOpen = (file: string, cause: unknown): PlatteError =>
  cause instanceof PlatteError
    ? cause
    : new PlatteError('configuration', `${file}: the projection of the fleet cannot be opened: ${messageOf(cause)}`, {
        hint: 'PLATTE_FLEET_FILE names a file on a local disk, in a folder that exists',
        cause,
      })
