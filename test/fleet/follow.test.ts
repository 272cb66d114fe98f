/** Following a store: where it is listed, how often, and that files which come late are found. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openFollower } from '../../src/fleet/follow.ts'
import { openProjection } from '../../src/fleet/projection.ts'
import { readFleet } from '../../src/fleet/reader.ts'
import { folderDocuments } from '../../src/store/folder/documents.ts'
import { suite } from '../conformance/register.ts'
import { fleetRows } from '../live/fleet.ts'
import { memoryDocuments } from '../memory.ts'

const dir = mkdtempSync(join(tmpdir(), 'platte-follow-'))
afterAll(() => rmSync(dir, { recursive: true }))

// A long listing is of buckets alone.
suite('a folder', fleetRows.slice(1), () => {
  const root = mkdtempSync(join(dir, 'store-'))
  const documents = folderDocuments(root, { clock: Date.now })
  return { documents, remove: async (key) => rmSync(join(root, key)), setting: `file:${root}` }
})

const hour = 60 * 60 * 1000
const start = Date.UTC(2026, 10, 23, 6, 30)

/** Five minutes after a folder began. */
const timeOf = (folder: string): string =>
  folder.replace(/^dt=(\d{4})-?(\d\d)-?(\d\d)(?:\/hr=(\d\d))?$/, (_, year, month, day, hour = '00') =>
    [[year, month, day].join('-'), `T${hour}:05:00Z`].join(''),
  )

function follower() {
  const documents = memoryDocuments()
  let now = start
  const listed: string[] = []
  const counting = {
    ...documents,
    list: (prefix: string) => {
      listed.push(prefix)
      return documents.list?.(prefix) as AsyncIterable<string>
    },
    folders: (folder: string) => {
      listed.push(folder)
      return documents.folders?.(folder) as AsyncIterable<string>
    },
  }
  const options = { clock: () => now, keepMs: 90 * 24 * hour }
  const projection = openProjection(':memory:', options)
  const pass = openFollower(counting, options)
  return {
    at: (at: number) => {
      now = at
    },
    put: (folder: string, machine: string) =>
      documents.create(
        `events/${folder}/${machine}.ndjson`,
        Buffer.from(
          `{"time":"${timeOf(folder)}","event":"contact","app":"a","channel":"c","version":"1","machine":"${machine}"}\n`,
        ),
      ),
    /** The machines that a pass adds, and where it looked. */
    pass: async (of = projection) => {
      const before = readFleet(projection.database).howMany({})
      listed.length = 0
      await pass(of, () => false)
      return { added: readFleet(projection.database).howMany({}) - before, listed: [...listed] }
    },
    options,
  }
}

test('most passes list three folders: those of the last two hours, and the day of Logpush', async () => {
  const { at, put, pass } = follower()
  await put('dt=2026-11-20/hr=05', 'old')
  await put('dt=20261122', 'of-logpush')
  await put('dt=2026-05-01/hr=05', 'too-old')
  expect(await pass()).toEqual({ added: 2, listed: ['events/', 'events/dt=2026-11-20/', 'events/dt=20261122/'] })
  await put('dt=2026-11-23/hr=06', 'now')
  await put('dt=20261123', 'now-too')
  at(start + 60_000)
  const folders = ['events/dt=2026-11-23/hr=05/', 'events/dt=2026-11-23/hr=06/', 'events/dt=20261123/']
  expect(await pass()).toEqual({ added: 2, listed: folders })
  expect(await pass()).toEqual({ added: 0, listed: folders })
})

test('at midnight both days are looked at; clocks of servers may be ahead', async () => {
  const { at, pass } = follower()
  at(Date.UTC(2026, 10, 23, 23, 30))
  await pass()
  at(Date.UTC(2026, 10, 23, 23, 57))
  expect((await pass()).listed).toEqual([
    ...['events/dt=2026-11-23/hr=22/', 'events/dt=2026-11-23/hr=23/', 'events/dt=2026-11-24/hr=00/'],
    ...['events/dt=20261123/', 'events/dt=20261124/'],
  ])
})

test('files of the day before are found within an hour, those of any day within a day', async () => {
  const { at, put, pass } = follower()
  await pass()
  await put('dt=2026-11-22/hr=09', 'late')
  await put('dt=2026-11-01/hr=09', 'later')
  at(start + 0.5 * hour)
  expect((await pass()).added).toBe(0)
  at(start + hour)
  expect((await pass()).added).toBe(1)
  at(start + 23.5 * hour)
  expect((await pass()).added).toBe(0)
  at(start + 24 * hour)
  expect((await pass()).added).toBe(1)
})

test('a clock that jumps back, and a projection that was made anew, look at everything', async () => {
  const { at, put, pass, options } = follower()
  await put('dt=2026-11-22/hr=09', 'm')
  await pass()
  at(start - 48 * hour)
  expect((await pass()).listed).toContain('events/')
  const fresh = openProjection(':memory:', options)
  expect((await pass(fresh)).listed).toContain('events/')
  expect(readFleet(fresh.database).howMany({})).toBe(0)
  at(start)
  await pass(fresh)
  expect(readFleet(fresh.database).howMany({})).toBe(1)
})
