/** The projection of a fleet of 500 machines: the same after whatever happens to it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { followStore } from '../../src/fleet/follow.ts'
import { disguiseOnce, disguiseWith } from '../../src/fleet/ids.ts'
import { readLine } from '../../src/fleet/lines.ts'
import {
  listMachines,
  type MachineRow,
  type MachineSort,
  machineSorts,
  type PageOfMachines,
} from '../../src/fleet/machine-list.ts'
import { openProjection, type ProjectionOptions } from '../../src/fleet/projection.ts'
import { readFleet } from '../../src/fleet/reader.ts'
import { openWords } from '../../src/fleet/words.ts'
import type { Documents } from '../../src/store/documents.ts'
import { folderDocuments } from '../../src/store/folder/documents.ts'
import { memoryDocuments } from '../memory.ts'
import { seeded } from '../world.ts'
import { everything } from './everything.ts'
import { app, type EventFile, filesOf, makeFleet, next, old, start, store } from './generator.ts'

const dir = mkdtempSync(join(tmpdir(), 'platte-fleet-'))
afterAll(() => rmSync(dir, { recursive: true }))
let file = ''
let files = 0
beforeEach(() => {
  file = join(dir, `${files++}.db`)
})

const hour = 60 * 60 * 1000
const day = 24 * hour
const now = start + 4 * hour
const options: ProjectionOptions = { clock: () => now, keepMs: 30 * day }
const { lines, machines } = makeFleet(500)

const window = { since: now - day, until: now }

async function follow(documents: Documents, at = file, more: Partial<ProjectionOptions> = {}) {
  const projection = openProjection(at, { ...options, ...more })
  const read = await followStore(documents, projection, window)
  projection.close()
  return read
}

async function inMemory(files: readonly EventFile[]): Promise<Documents> {
  const documents = memoryDocuments()
  await store(documents, files)
  return documents
}

const platteFiles = filesOf(lines, 'platte')
const plain = join(dir, 'plain.db')
await follow(await inMemory(platteFiles), plain)
const want = everything(plain)

describe('the same rows', () => {
  test('from files in any order', async () => {
    const random = seeded(7)
    const projection = openProjection(file, options)
    for (const one of platteFiles.toSorted(() => random() - 0.5)) {
      await followStore(await inMemory([one]), projection, window)
    }
    projection.close()
    expect(everything(file)).toEqual(want)
  })

  test('from lines in any order, one transaction each or all at once, and twice', () => {
    const random = seeded(8)
    const shuffled = [...lines, ...lines].toSorted(() => random() - 0.5)
    const projection = openProjection(file, options)
    shuffled.forEach(({ text }, i) => {
      readLine(text, projection)
      if (i % 3 === 0) projection.flush()
    })
    projection.flush()
    projection.close()
    expect(everything(file)).toEqual(want)
  })

  test('from files that come twice, under their name or another', async () => {
    const documents = await inMemory(platteFiles)
    expect(await follow(documents)).toBe(platteFiles.length)
    expect(await follow(documents)).toBe(0)
    await store(
      documents,
      platteFiles.map(({ key, bytes }) => ({ key: key.replace('-0a0b', '-1a1b'), bytes })),
    )
    expect(await follow(documents)).toBe(platteFiles.length)
    expect(everything(file)).toEqual(want)
  })

  test('after each of many short processes', async () => {
    const documents = memoryDocuments()
    for (const one of platteFiles) {
      await store(documents, [one])
      expect(await follow(documents)).toBe(1)
    }
    expect(everything(file)).toEqual(want)
  })

  test('where two processes write one file', async () => {
    const [a, b] = [openProjection(file, options), openProjection(file, options)]
    lines.forEach(({ text }, i) => {
      readLine(text, i % 2 ? a : b)
      if (i % 50 === 0) (i % 100 ? a : b).flush()
    })
    a.flush()
    b.flush()
    a.close()
    b.close()
    expect(everything(file)).toEqual(want)
  })

  test('after a projector was killed', async () => {
    const root = join(dir, 'killed')
    const documents = folderDocuments(root, { clock: () => now })
    await import('node:fs/promises').then(({ mkdir }) => mkdir(root))
    await store(documents, platteFiles)
    const child = spawn(process.execPath, [join(import.meta.dirname, 'projector-child.ts'), root, file, String(now)])
    child.stdout.once('data', () => child.kill('SIGKILL'))
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
    expect(await follow(documents)).toBeGreaterThan(0)
    expect(everything(file)).toEqual(want)
  })

  test.each([
    [
      'damaged in the middle',
      () =>
        writeFileSync(
          file,
          Buffer.concat([readFileSync(file).subarray(0, 8192), Buffer.alloc(readFileSync(file).length, 7)]),
        ),
    ],
    ['cut short', () => truncateSync(file, 10_000)],
    ['no database any more', () => writeFileSync(file, 'nonsense'.repeat(1_000))],
    ['of another version', () => new DatabaseSync(file).exec('PRAGMA user_version = 999')],
  ])('from a file that is %s', async (_, damage) => {
    const documents = await inMemory(platteFiles)
    await follow(documents)
    damage()
    await follow(documents).catch(() => follow(documents))
    expect(everything(file)).toEqual(want)
    expect(existsSync(`${file}.old`)).toBe(true)
  })
})

test('a database of something else is left alone', () => {
  new DatabaseSync(file).exec('CREATE TABLE precious (x)')
  expect(() => openProjection(file, options)).toThrow(/is a database, but no projection of a fleet/)
  expect(new DatabaseSync(file).prepare('SELECT name FROM sqlite_schema').all()).toMatchObject([{ name: 'precious' }])
})

const contact = (fields: object): string =>
  JSON.stringify({
    time: new Date(start).toISOString(),
    event: 'contact',
    app,
    channel: 'stable',
    version: old,
    machine: 'm',
    ...fields,
  })

test('forged lines: made-up machines, names and clocks are counted, within bounds', () => {
  const projection = openProjection(file, { ...options, maxMachines: 1_000 })
  for (let i = 0; i < 20_000; i++)
    readLine(contact({ machine: `m${i}`, version: `v${i}`, channel: `c${i}` }), projection)
  readLine(contact({ machine: 'm1', time: new Date(now + day).toISOString() }), projection)
  readLine(contact({ machine: '' }), projection)
  readLine(contact({ refused: 'bad-request' }), projection)
  for (const line of [
    'nonsense',
    '[]',
    '{}',
    contact({ app: 7 }),
    contact({ version: 'v'.repeat(999) }),
    contact({ reported: [null] }),
    contact({ time: 'noon' }),
  ])
    readLine(line, projection)
  readLine('{"event":"events","lostLines":7}', projection)
  readLine('{"event":"contact","leftOut":3}', projection)
  readLine('{"event":"serve"}', projection)
  projection.endFile('')
  projection.flush()
  const fleet = readFleet(projection.database)
  expect(fleet.howMany({})).toBe(1_000)
  expect(fleet.counts()).toEqual({
    ahead: 1,
    beyond: 19_000,
    lost: 10,
    foreign: 3,
    nameless: 1,
    refused: 1,
    unreadable: 4,
  })
  projection.close()
})

test('a machine of which not all facts are kept is counted once, and leaves nothing behind', async () => {
  const clock = { now: start }
  const projection = openProjection(file, { clock: () => clock.now, keepMs: day })
  for (let i = 0; i < 200; i++) {
    clock.now = start + i * 60_000
    // Each round is longer than what is kept, and comes back to the same release.
    const offered = i % 60 === 0 ? next : `w${i}`
    const time = new Date(clock.now).toISOString()
    readLine(contact({ time, machine: 'm1', version: `v${i % 7}`, decision: 'update', offered }), projection)
    projection.flush()
  }
  const fleet = readFleet(projection.database)
  expect(fleet.release(next)).toMatchObject([{ offered: 1 }])
  expect(fleet.machine('m1')).toMatchObject([{ first: start, last: clock.now }])
  clock.now += 2 * day
  await projection.prune()
  for (const table of ['states', 'progress', 'tallies', 'releases', 'curves', 'silence', 'trend'])
    expect([table, projection.database.prepare(`SELECT * FROM ${table}`).all()]).toEqual([table, []])
  projection.close()
})

test('lines of wrong clocks make the same rows when they are read, and when everything is read again', async () => {
  const documents = memoryDocuments()
  const put = (hour: string, machine: string, time: string): Promise<unknown> =>
    documents.create(
      `events/dt=2026-11-23/hr=${hour}/${machine}-0a0b0c0d.ndjson`,
      Buffer.from(contact({ machine, time: `2026-11-23T${time}:00.000Z` })),
    )
  await put('06', 'on-time', '06:05')
  await put('06', 'within-its-hour', '06:45')
  await put('06', 'gathered', '07:14')
  await put('06', 'beyond-its-hour', '09:00')
  await put('12', 'hours-ahead', '12:10')
  const clock = { now: start + 10 * 60_000 }
  const more = { ...options, clock: () => clock.now }
  const read = async (projection: ReturnType<typeof openProjection>) => {
    await followStore(documents, projection, { since: start - day, until: clock.now })
    return readFleet(projection.database)
      .machines({}, { limit: 10 })
      .map(({ machine }) => machine)
      .sort()
  }
  const projection = openProjection(file, more)
  const first = ['gathered', 'on-time', 'within-its-hour']
  expect(await read(projection)).toEqual(first)
  for (const hours of [4, 7]) {
    clock.now = start + hours * hour
    const want = hours === 4 ? first : ['gathered', 'hours-ahead', 'on-time', 'within-its-hour']
    const again = openProjection(':memory:', more)
    expect([await read(projection), await read(again)]).toEqual([want, want])
    expect(readFleet(projection.database).counts()).toEqual({ ahead: 1 })
    expect(readFleet(again.database).counts()).toEqual({ ahead: 1 })
    again.close()
  }
  projection.close()
})

test('syncers are no machines', () => {
  const projection = openProjection(file, options)
  for (const machine of ['s1', 's2'])
    readLine(contact({ machine, syncer: true, decision: 'update', offered: next }), projection)
  projection.flush()
  const fleet = readFleet(projection.database)
  expect([fleet.howMany({}), fleet.tallies(), fleet.release(next)]).toEqual([0, [], []])
  expect(fleet.syncers()).toEqual([{ app, channel: 'stable', machines: 2 }])
  projection.close()
})

test('machines are forgotten after their last contact, with all that was counted of them', async () => {
  let at = now
  const projection = openProjection(file, { ...options, clock: () => at })
  for (const { text } of lines) readLine(text, projection)
  at = now + 31 * day
  readLine(contact({ machine: 'new', time: new Date(at).toISOString() }), projection)
  await projection.prune()
  const fleet = readFleet(projection.database)
  expect(fleet.machines({}, { limit: 10, offset: 0 })).toMatchObject([{ machine: 'new' }])
  expect(fleet.tallies()).toMatchObject([{ version: old, machines: 1 }])
  expect([fleet.release(next), fleet.trend([at / hour]).length]).toEqual([[], 1])
  const [all] = fleet.trend([at / hour])
  expect(fleet.trend([at / hour], [{ app, channel: 'stable' }])).toEqual([all])
  expect(fleet.trend([at / hour], [{ app, channel: 'another' }])).toEqual([])
  projection.close()
})

test('ids and aliases as keyed hashes: the same machines, and no text of them in the file', async () => {
  const documents = await inMemory(platteFiles)
  await follow(documents, file, { disguise: disguiseOnce('a key of the fleet') })
  const id = machines[5]?.machine ?? ''
  const database = new DatabaseSync(file)
  const fleet = readFleet(database)
  expect(fleet.machine(id)).toEqual([])
  const hashed = disguiseWith('a key of the fleet')(id)
  expect(fleet.machine(hashed)).toMatchObject([{ machine: hashed, state: machines[5]?.state }])
  expect(disguiseOnce('a key of the fleet')(hashed)).toBe(hashed)
  expect(disguiseWith('another key of the fleet')(id)).not.toBe(hashed)
  database.close()
  expect(readFileSync(file).includes(id)).toBe(false)
  expect(everything(file).tallies).toEqual(want.tallies)
})

test('machines are found by a part of their id, what they run, where they are silent; in pages', async () => {
  await follow(await inMemory(platteFiles))
  const database = new DatabaseSync(file)
  const fleet = readFleet(database)
  expect(fleet.machines({ search: '01f3' }, { limit: 10, offset: 0 }).map(({ machine }) => machine)).toEqual([
    (499).toString(16).padStart(32, '0'),
  ])
  expect(fleet.howMany({ search: '%' })).toBe(0)
  const pages = [0, 200, 400].map((offset) => fleet.machines({}, { limit: 200, offset }))
  expect(pages.map(({ length }) => length)).toEqual([200, 200, 100])
  expect(new Set(pages.flat().map(({ machine }) => machine)).size).toBe(500)
  const silentSince = start + hour
  expect(fleet.howMany({ silentSince })).toBe(pages.flat().filter(({ last }) => last < silentSince).length)
  expect(fleet.silent(silentSince)).toEqual([{ app, channel: 'stable', machines: fleet.howMany({ silentSince }) }])
  expect(fleet.howMany({ version: 'never seen' })).toBe(0)
  database.close()
})

describe('a list in pages', () => {
  const database = new DatabaseSync(plain)
  const fleet = readFleet(database)
  afterAll(() => database.close())
  const keys: Readonly<Record<MachineSort, (one: MachineRow) => string>> = {
    seen: () => '',
    machine: ({ machine }) => machine,
    since: ({ since }) => String(since),
    last: ({ last }) => String(last),
  }

  test.each(
    machineSorts.flatMap((sort) =>
      [{}, { version: old }, { search: '1f', oem: 'azure' }, { silentSince: start + hour }].flatMap((filter) =>
        [true, false].map((isDescending) => ({ sort, filter, isDescending })),
      ),
    ),
  )('$sort $filter $isDescending: forwards, and back', ({ sort, filter, isDescending }) => {
    const wanted = { sort, isDescending, limit: 60 }
    const pages: PageOfMachines[] = []
    for (let after: string | undefined; pages.length === 0 || after !== undefined; after = pages.at(-1)?.next)
      pages.push(fleet.page(filter, { ...wanted, after }))
    const listed = pages.flatMap(({ machines }) => machines)
    expect(listed.length).toBe(fleet.howMany(filter))
    expect(new Set(listed.map(({ machine }) => machine)).size).toBe(listed.length)
    const found = listed.map(keys[sort])
    const sorted = found.toSorted()
    expect(found).toEqual(isDescending ? sorted.toReversed() : sorted)
    const back: PageOfMachines[] = []
    for (let after = pages.at(-1)?.previous; after !== undefined; after = back.at(0)?.previous)
      back.unshift(fleet.page(filter, { ...wanted, after }))
    expect(back.map(({ machines }) => machines)).toEqual(pages.slice(0, -1).map(({ machines }) => machines))
    expect(back.map(({ next }) => next)).toEqual(pages.slice(0, -1).map(({ next }) => next))
    expect(pages[0]?.previous).toBeUndefined()
  })

  test('a sort by id is the same where it walks', () => {
    const walk = listMachines(database, openWords(database), 0)
    for (const filter of [{}, { version: old }])
      expect(walk.page(filter, { sort: 'machine', limit: 60 })).toEqual(
        fleet.page(filter, { sort: 'machine', limit: 60 }),
      )
  })

  test.each(['', 'nonsense', 'W10', Buffer.from('[{},1]').toString('base64url')])('no place: %j', (after) => {
    expect(() => fleet.page({}, { limit: 10, after })).toThrow('this place in the list of machines cannot be read')
  })
})

test('a reader sees names that were written after it was opened', () => {
  const projection = openProjection(file, options)
  const database = new DatabaseSync(file)
  const fleet = readFleet(database)
  expect(fleet.tallies()).toEqual([])
  readLine(contact({ machine: 'm1', machinealias: 'web-7', decision: 'no-update', reason: 'held' }), projection)
  projection.flush()
  expect(fleet.tallies()).toMatchObject([
    { channel: 'stable', version: old, state: 'waiting', detail: 'held', machines: 1 },
  ])
  for (const id of ['m1', 'web-7'])
    expect(fleet.machine(id)).toMatchObject([{ machine: 'm1', alias: 'web-7', changes: [{ state: 'waiting' }] }])
  expect(fleet.howMany({ version: old, search: 'WEB' })).toBe(1)
  database.close()
  projection.close()
})
