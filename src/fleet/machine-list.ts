/** Lists of machines: filtered, sorted, in pages. Each reads the narrow table once, whatever is asked for. */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import type { Instant } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { decodeFacts } from './facts-codec.ts'
import { type Change, lifeOf, type State, states } from './machine.ts'
import type { Words } from './words.ts'

export interface MachineRow {
  readonly app: string
  readonly machine: string
  readonly alias: string
  readonly board: string
  readonly oem: string
  readonly oemVersion: string
  readonly channel: string
  readonly version: string
  readonly state: State
  readonly detail: string
  /** The version that it updates to. */
  readonly target: string
  /** When the state began. */
  readonly since: Instant
  readonly first: Instant
  readonly last: Instant
  /** The channel that it was in before. */
  readonly cameFrom: string
}

type Filtered = 'app' | 'channel' | 'version' | 'state' | 'detail' | 'target' | 'oem'

export interface MachineFilter extends Partial<{ readonly [Name in Filtered]: MachineRow[Name] | undefined }> {
  /** Without a contact since then. */
  readonly silentSince?: Instant | undefined
  /** A part of the id or the alias. */
  readonly search?: string | undefined
  /** Those of rows, as of a search before. */
  readonly ids?: readonly number[] | undefined
}

/** `seen`: in the order in which they came to be known. */
export const machineSorts = ['seen', 'machine', 'since', 'last'] as const
export type MachineSort = (typeof machineSorts)[number]

export interface MachinePage {
  readonly limit: number
  /** From where on; reads all before, so prefer `after`. */
  readonly offset?: number
  /** Without one: `since` where a state is wanted, descending, and else `seen`. */
  readonly sort?: MachineSort | undefined
  readonly isDescending?: boolean | undefined
  /** `next` or `previous` of another page with the same filter and sort. */
  readonly after?: string | undefined
}

export interface PageOfMachines {
  readonly machines: readonly MachineRow[]
  /** What to give as `after` for the page behind this one, and the one before; absent where there is none. */
  readonly next?: string
  readonly previous?: string
}

export type Row = Readonly<Record<string, SQLOutputValue>>

/** @param walkAbove more machines than this are walked in the order of their ids until a page is full; fewer are sorted. */
export function listMachines(database: DatabaseSync, words: Words, walkAbove = 20_000) {
  const byId = database.prepare('SELECT * FROM states JOIN names USING (id) WHERE id = ?')
  const byName = database.prepare(
    `SELECT * FROM states JOIN names USING (id)
     WHERE id IN (SELECT id FROM names WHERE machine = ?1 UNION SELECT id FROM names WHERE alias = ?1 AND alias <> '')`,
  )
  const howMany = (filter: MachineFilter): number => {
    words.refresh()
    const { sql, values } = conditionsOf(filter, words)
    return Number(database.prepare(`SELECT count(*) AS n FROM states WHERE ${sql}`).get(...values)?.n)
  }
  const page = (filter: MachineFilter, wanted: MachinePage): PageOfMachines => {
    words.refresh()
    const { limit, offset = 0, after } = wanted
    const sort = wanted.sort ?? (filter.state === undefined ? 'seen' : 'since')
    const from = after === undefined ? undefined : cursorOf(after)
    const isDescending = wanted.isDescending ?? (wanted.sort === undefined && sort === 'since')
    const isWalk = sort === 'machine' && filter.search === undefined && howMany(filter) > walkAbove
    const { sql, values } = pageQuery(conditionsOf(filter, words), { sort, isDescending, isWalk, from })
    const found = database.prepare(sql).all(...values, limit + 1, offset)
    const rows = found.slice(0, limit)
    if (from?.isBack) rows.reverse()
    const hasMore = found.length > limit
    const [first, last] = [rows[0], rows.at(-1)]
    return {
      machines: rows.flatMap(({ id }) => {
        const row = byId.get(id ?? null)
        return row ? [machineOf(row, words)] : []
      }),
      ...(last && (from?.isBack || hasMore) && { next: cursorText(last, false) }),
      ...(first && (from?.isBack ? hasMore : from || offset > 0) && { previous: cursorText(first, true) }),
    }
  }
  const machine = (id: string) => {
    words.refresh()
    return byName.all(id).map((row) => ({ ...machineOf(row, words), changes: changesOf(row, words) }))
  }
  return { howMany, page, machine }
}

interface Cursor {
  readonly key: string | number
  readonly id: number
  /** Towards the machines before. */
  readonly isBack: boolean
}

const cursorText = ({ key, id }: Row, isBack: boolean): string =>
  Buffer.from(JSON.stringify([key, id, isBack])).toString('base64url')

/** @throws PlatteError('bad-request') for a text that `cursorText` did not make. */
function cursorOf(text: string): Cursor {
  try {
    const [key, id, isBack]: unknown[] = JSON.parse(Buffer.from(text, 'base64url').toString())
    if ((typeof key === 'string' || typeof key === 'number') && typeof id === 'number')
      return { key, id, isBack: isBack === true }
  } catch {
    // Below.
  }
  throw new PlatteError('bad-request', 'this place in the list of machines cannot be read', {
    hint: 'start from the first page',
  })
}

const keys: Readonly<Record<MachineSort, string>> = {
  ...{ seen: 'id', machine: 'machine', since: 'since', last: 'last' },
}

type Conditions = ReturnType<typeof conditionsOf>

interface Order {
  readonly sort: MachineSort
  readonly isDescending: boolean
  readonly isWalk: boolean
  readonly from: Cursor | undefined
}

function pageQuery({ sql, values }: Conditions, { sort, isDescending, isWalk, from }: Order) {
  const key = keys[sort]
  const isUp = isDescending === (from?.isBack ?? false)
  const [direction, beyond] = isUp ? ['ASC', '>'] : ['DESC', '<']
  const tables =
    sort !== 'machine' ? 'states' : isWalk ? 'names CROSS JOIN states USING (id)' : 'states CROSS JOIN names USING (id)'
  const start = from ? ` AND ${key} ${beyond}= ? AND (${key} ${beyond} ? OR id ${beyond} ?)` : ''
  return {
    sql: `SELECT id, ${key} AS key FROM ${tables} WHERE ${sql}${start}
      ORDER BY ${key} ${direction}, id ${direction} LIMIT ? OFFSET ?`,
    values: from ? [...values, from.key, from.key, from.id] : values,
  }
}

export const stateOf = (row: Row): State => states[Number(row.state)] ?? 'seen'

function machineOf(row: Row, words: Words): MachineRow {
  const text = (name: string): string => words.textOf(Number(row[name]))
  const [board = '', oem = '', oemVersion = ''] = text('identity').split('\t')
  return {
    ...{ app: text('app'), machine: String(row.machine), alias: String(row.alias), board, oem, oemVersion },
    ...{ channel: text('channel'), version: text('version'), state: stateOf(row), detail: text('detail') },
    ...{ target: text('target'), since: Number(row.since), first: Number(row.first), last: Number(row.last) },
    cameFrom: text('came_from'),
  }
}

function changesOf(row: Row, words: Words): readonly Change[] {
  const current = words.meaningOfId(Number(row.current))
  return lifeOf(decodeFacts(String(row.facts), words, current, Number(row.last))).changes
}

function conditionsOf({ search, ids, silentSince, state, oem, ...names }: MachineFilter, words: Words) {
  const conditions: (readonly [string, ...(string | number)[]])[] = [['syncer = 0']]
  for (const [column, name] of Object.entries(names))
    if (name !== undefined) conditions.push([`${column} = ?`, words.known(name) ?? -1])
  if (state !== undefined) conditions.push(['state = ?', states.indexOf(state)])
  if (oem !== undefined)
    conditions.push(['identity IN (SELECT id FROM words WHERE word LIKE ? ESCAPE ?)', `%\t${like(oem)}\t%`, '\\'])
  if (silentSince !== undefined) conditions.push(['last < ?', silentSince])
  if (ids !== undefined) conditions.push(['id IN (SELECT value FROM json_each(?))', JSON.stringify(ids)])
  if (search !== undefined) {
    const part = `%${like(search)}%`
    conditions.push([
      `id IN (SELECT id FROM names WHERE machine LIKE ? ESCAPE ? OR (alias <> '' AND alias LIKE ? ESCAPE ?))`,
      ...[part, '\\', part, '\\'],
    ])
  }
  return {
    sql: conditions.map(([sql]) => sql).join(' AND '),
    values: conditions.flatMap(([, ...values]) => values),
  }
}

export const like = (text: string): string => text.replace(/[\\%_]/g, '\\$&')
