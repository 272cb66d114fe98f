/** The views of infra/sql in DuckDB say of 500 machines what the projection says of them. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { afterAll, describe, expect, test } from 'vitest'
import { eventsKey } from '../../src/documents/paths.ts'
import { followStore } from '../../src/fleet/follow.ts'
import { openProjection } from '../../src/fleet/projection.ts'
import { readFleet } from '../../src/fleet/reader.ts'
import { logLine } from '../../src/kernel/json-log.ts'
import { folderDocuments } from '../../src/store/folder/documents.ts'
import { app, filesOf, type Line, makeFleet, next, store } from '../fleet/generator.ts'

const dir = mkdtempSync(join(tmpdir(), 'platte-sql-'))
afterAll(() => rmSync(dir, { recursive: true }))
const now = Date.now()
const minute = 60_000
const day = 24 * 60 * minute
/** Some machines are silent for a day, and others not. */
const { lines } = makeFleet(500, now - day - 55 * minute)

const line = (ago: number, fields: object): Line => {
  const whole = {
    level: 'info',
    event: 'contact',
    app,
    channel: 'stable',
    version: '1',
    machine: 'm',
    ...fields,
  } as const
  return { at: now - ago, text: logLine(now - ago, whole).trimEnd() }
}

/** Lines that are of no machine, or of no state; and the lines of old servers, and of other programs. */
const others = [
  line(minute, { machine: 'a-syncer', syncer: true, decision: 'update', offered: next }),
  line(minute, { machine: 'refused', refused: 'bad-request' }),
  line(minute, { machine: '' }),
  line(minute, { event: 'serve' }),
  line(-day, { machine: 'of-tomorrow' }),
  line(minute, { machine: 'backs-off', ...{ reported: [{ type: 3, result: 9, error: '40 backoff' }] } }),
  line(2 * minute, { machine: 'of-go-omaha', decision: 'update', offered: '2', reported: [{ type: 14, result: 1 }] }),
  line(minute, { machine: 'of-go-omaha', version: '2', ping: true }),
  line(minute, { machine: 'rebooted-only', reported: [{ type: 3, result: 2 }] }),
  { at: now - minute, text: '{"time":"2026-11-23T06:00:00.000Z","event":"contact","app":"cut' },
]

const root = join(dir, 'store')
mkdirSync(root)
const documents = folderDocuments(root, { clock: () => now })
await store(documents, filesOf(lines, 'platte'))
// A file is named by its first line, and has lines of a minute.
await store(
  documents,
  filesOf(
    others.toSorted((a, b) => a.at - b.at),
    'platte',
  ),
)
// A copied file changes nothing.
await store(
  documents,
  filesOf(lines.slice(0, 97), 'platte').map(({ key, bytes }) => ({ key: key.replace('-0a0b', '-1a1b'), bytes })),
)

const projection = openProjection(':memory:', { clock: () => now, keepMs: 30 * day })
await followStore(documents, projection, { since: now - 7 * day, until: now })
const fleet = readFleet(projection.database)

const read = (name: string): string => readFileSync(join(import.meta.dirname, '../../infra/sql', name), 'utf8')

async function connect(sql: string): Promise<DuckDBConnection> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  await connection.run(`SET TimeZone = 'UTC'; SET VARIABLE events = '${join(root, 'events')}'; ${sql}`)
  return connection
}

/** Athena's views in DuckDB: its functions as macros, and the two forms that DuckDB writes in another way. */
function athenaInDuckdb(): string {
  const table = `CREATE VIEW platte_lines AS FROM read_json('${join(root, 'events')}/dt=*/hr=*/*.ndjson.gz', ignore_errors = true,
    format = 'newline_delimited', hive_partitioning = true, hive_types = {'dt': 'VARCHAR'}, columns = {${columnsOf(read('athena.sql'))}});
    CREATE MACRO to_unixtime(ts) AS epoch(ts); CREATE MACRO from_iso8601_timestamp(text) AS CAST(text AS TIMESTAMPTZ);
    CREATE MACRO date_format(ts, form) AS strftime(ts, form); CREATE MACRO approx_percentile(n, p) AS quantile_disc(n, p);`
  const forms: readonly (readonly [string, string])[] = [
    ["last_value(nullif(target, '')) IGNORE NULLS OVER", "last_value(nullif(target, '') IGNORE NULLS) OVER"],
    ['UNNEST(c.reported) AS e (type, result, error, previous)', '(SELECT unnest(c.reported, recursive := true)) AS e'],
  ]
  const views = read('athena.sql').slice(read('athena.sql').indexOf('CREATE OR REPLACE VIEW'))
  return forms.reduce((sql, [form, other]) => {
    expect(sql).toContain(form)
    return sql.replace(form, other)
  }, table + views)
}

/** The columns of the table, as DuckDB names their types. */
function columnsOf(sql: string): string {
  const [, columns = ''] = /CREATE EXTERNAL TABLE platte_lines \(([^)]+)\)/.exec(sql) ?? []
  const struct = 'STRUCT("type" INTEGER, result INTEGER, error VARCHAR, previous VARCHAR)[]'
  return columns
    .replace(/array<struct<.*>>/, struct.replaceAll(',', ';'))
    .split(',')
    .map((column) => /^\s*`?(\w+)`? ([^`]+)$/.exec(column.trimEnd()) ?? [])
    .map(
      ([, name = '', type = '']) => `'${spelled(name)}': '${type.replaceAll(';', ',').replace(/^string$/, 'VARCHAR')}'`,
    )
    .join(', ')
}

/** Athena knows no capitals. */
const spelled = (name: string): string => (name === 'oemversion' ? 'oemVersion' : name)

type Row = Readonly<Record<string, unknown>>

const rowsOf = async (connection: DuckDBConnection, sql: string): Promise<readonly Row[]> =>
  (await connection.runAndReadAll(sql)).getRowObjectsJS()

const sorted = <One extends object>(rows: readonly One[]): readonly string[] =>
  rows.map((row) => JSON.stringify(Object.entries(row).sort())).sort()

describe.each([
  ['duckdb.sql', read('duckdb.sql')],
  ['athena.sql', athenaInDuckdb()],
])('%s', async (_, sql) => {
  const duckdb = await connect(sql)

  test('machines', async () => {
    const found = await rowsOf(
      duckdb,
      `SELECT app, machine, alias, board, oem, oem_version AS "oemVersion", channel, version, state, detail,
       epoch_ms(first_contact)::DOUBLE AS first, epoch_ms(last_contact)::DOUBLE AS last, came_from AS "cameFrom" FROM machines ORDER BY machine`,
    )
    const want = fleet.machines({}, { limit: 10_000, sort: 'machine' }).map(({ since, target, ...row }) => row)
    expect(found).toEqual(want.toSorted((a, b) => (a.machine < b.machine ? -1 : 1)))
  })

  test('tallies', async () => {
    const found = await rowsOf(duckdb, 'SELECT * REPLACE (machines::INTEGER AS machines) FROM tallies')
    expect(sorted(found)).toEqual(sorted(fleet.tallies()))
  })

  test('releases and failures', async () => {
    const [found] = await rowsOf(
      duckdb,
      `SELECT offered::INTEGER AS offered, begun::INTEGER AS begun, installed::INTEGER AS installed, done::INTEGER AS done,
       fell_back::INTEGER AS "fellBack", failed::INTEGER AS failed, success, median_seconds * 1000 AS "medianMs"
       FROM releases WHERE version = '${next}'`,
    )
    const failures = await rowsOf(
      duckdb,
      `SELECT error, machines::INTEGER AS n FROM failures WHERE version = '${next}'`,
    )
    const [want] = fleet.release(next)
    const { offered, begun, installed, done, fellBack, failed = {}, success, medianMs } = want ?? {}
    const failedCount = Object.values(failed).reduce((sum, n) => sum + n, 0)
    expect(found).toEqual({
      offered,
      begun,
      installed,
      done,
      fellBack,
      failed: failedCount,
      success: success?.share,
      medianMs,
    })
    expect(Object.fromEntries(failures.map(({ error, n }) => [error, n]))).toEqual(failed)
  })

  test('silent machines', async () => {
    const found = await rowsOf(duckdb, 'SELECT machine FROM silent ORDER BY machine')
    const want = fleet.machines({ silentSince: now - day }, { limit: 10_000 }).map(({ machine }) => machine)
    expect(found.map(({ machine }) => machine)).toEqual(want.toSorted())
    expect(want.length).toBeGreaterThan(100)
  })
})

test('days before a date are not read', async () => {
  const duckdb = await connect(read('duckdb.sql'))
  await duckdb.run("SET VARIABLE since = '2999-01-01'")
  expect(await rowsOf(duckdb, 'SELECT * FROM machines')).toEqual([])
})

test("Athena's partitions are where files are", () => {
  const [, template] = /'storage.location.template' = 's3:\/\/BUCKET\/(.+)'/.exec(read('athena.sql')) ?? []
  expect(template?.replace(/\$\{dt\}/, '2026-11-23').replace(/\$\{hr\}/, '06')).toBe('events/dt=2026-11-23/hr=06/')
  expect(eventsKey(Date.UTC(2026, 10, 23, 6), 1)).toMatch(/^events\/dt=2026-11-23\/hr=06\//)
})
