/** Files of events as each source writes them, whole, damaged, and among those of other programs. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { type Lines, linesOf, unpacked } from '../../src/events/files.ts'
import type { Sighting } from '../../src/fleet/facts.ts'
import { followStore } from '../../src/fleet/follow.ts'
import { readLine } from '../../src/fleet/lines.ts'
import { openProjection } from '../../src/fleet/projection.ts'
import { readFleet } from '../../src/fleet/reader.ts'
import type { Documents } from '../../src/store/documents.ts'
import { memoryDocuments } from '../memory.ts'
import { seeded } from '../world.ts'

const samples = join(import.meta.dirname, '../samples/events')
const sample = (name: string): Buffer => readFileSync(join(samples, name))
const now = Date.UTC(2026, 10, 23, 7)
const key = (name: string): string => `events/dt=2026-11-23/${name}`

async function* inPieces(bytes: Uint8Array, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

/** What a file says: its contacts, and how often anything else. */
async function read(chunks: AsyncIterable<Uint8Array>) {
  const sightings: Sighting[] = []
  const counts: Record<string, number> = {}
  const count = (name: string) => () => {
    counts[name] = (counts[name] ?? 0) + 1
  }
  const take = {
    ...{ sighting: (one: Sighting) => void sightings.push(one), refused: count('refused'), lost: count('lost') },
    ...{ unreadable: count('unreadable'), foreign: count('foreign') },
  }
  for await (const lines of linesOf(unpacked(chunks)))
    for (const line of lines) line === undefined ? take.unreadable() : line && readLine(line, take)
  return { sightings, counts }
}

/** Every file of the store. */
async function follow(documents: Documents) {
  const projection = openProjection(':memory:', { clock: () => now, keepMs: 30 * 86_400_000 })
  const files = await followStore(documents, projection, { since: now - 86_400_000, until: now })
  const fleet = readFleet(projection.database)
  const found = { files, machines: fleet.howMany({}), counts: fleet.counts() }
  projection.close()
  return found
}

const { sightings: want } = await read(inPieces(sample('platte.ndjson'), 1_000_000))

describe('the samples', () => {
  test('are three contacts', () => {
    expect(want.map(({ machine, answer, reported }) => [machine[0], answer, reported.length])).toEqual([
      ['1', 'update', 0],
      ['2', 'not-in-ramp', 0],
      ['3', '', 1],
    ])
    expect(readdirSync(samples)).toHaveLength(5)
  })

  test.each([
    ['platte.ndjson', {}],
    ['workers-logpush.ndjson', { foreign: 2 }],
    ['cloudwatch-firehose.json', {}],
    ['cloudwatch-messages.txt', {}],
  ])('%s, however it is packed, and wherever a read ends', async (name, counts) => {
    const plain = sample(name)
    const records = plain.toString().split(/(?<=\})(?=\{"messageType")/)
    const packings = [
      plain,
      gzipSync(plain),
      gzipSync(gzipSync(plain)),
      Buffer.concat(records.map((one) => gzipSync(one))),
    ]
    for (const [i, bytes] of packings.entries())
      for (const size of [7, 64, 1_000, 1_000_000])
        expect(await read(inPieces(bytes, size)), `packing ${i}, ${size} bytes at once`).toEqual({
          sightings: want,
          counts,
        })
  })
})

const contact = (machine: string): string =>
  `{"time":"2026-11-23T06:00:00.000Z","event":"contact","app":"a","channel":"c","version":"1","machine":"${machine}"}\n`
const contacts = (count: number): string => Array.from({ length: count }, (_, i) => contact(`m${i}`)).join('')

test('a file that is cut short anywhere says what came before, and a line that is cut is counted', async () => {
  const whole = gzipSync(contacts(500))
  let most = 0
  for (let end = 20; end < whole.length; end += 97) {
    const { sightings, counts } = await read(inPieces(whole.subarray(0, end), 64 * 1024))
    expect(sightings.length).toBeGreaterThanOrEqual(most)
    expect(sightings.map(({ machine }) => machine)).toEqual(sightings.map((_, i) => `m${i}`))
    expect([{}, { unreadable: 1 }, { foreign: 1 }]).toContainEqual(counts)
    most = sightings.length
  }
  expect(most).toBeGreaterThan(450)
})

test('files that are damaged, too large, deleted meanwhile, or none of Platte cost no others', async () => {
  const documents = memoryDocuments()
  const random = seeded(3)
  const noise = Array.from({ length: 20_000 }, (_, i) => contact(`n${i}${random()}`)).join('')
  const damaged = gzipSync(noise)
  damaged.fill(0xff, damaged.length - 5_000, damaged.length - 4_000)
  await documents.create(key('damaged.gz'), damaged)
  await documents.create(key('a-good-one.gz'), gzipSync(contact('good')))
  await documents.create(key('ownership-challenge-0a0b.txt'), Buffer.from('00000000000000006d8d27'))
  await documents.create(key('empty'), new Uint8Array())
  await documents.create(key('photo.jpg'), Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16]))
  await documents.create(key('gone.gz'), gzipSync(contact('gone')))
  await documents.create('events/processing-failed/2026/11/23/06/one', Buffer.from(contact('elsewhere')))
  const get: Documents['get'] = async (name, ...more) =>
    name === key('gone.gz') ? undefined : documents.get(name, ...more)
  const found = await follow({ ...documents, get })
  expect(found.files).toBe(6)
  expect(found.machines, 'those before the damage').toBeGreaterThan(10_000)
  expect(found.counts.foreign, 'with what the damage became').toBeGreaterThanOrEqual(2)
  expect(found.counts.unreadable).toBeGreaterThanOrEqual(1)
})

test('a line of 50 MB is counted, and bounded in memory; those around it are read', async () => {
  const mebibyte = Buffer.alloc(1024 * 1024, 'x')
  let most = 0
  const chunks = async function* (): AsyncIterable<Uint8Array> {
    yield Buffer.from(`${contact('before')}{"time":"`)
    for (let i = 0; i < 50; i++) {
      most = Math.max(most, process.memoryUsage().heapUsed)
      yield mebibyte
    }
    yield Buffer.from(`"}\n${contact('after')}`)
  }
  const heap = process.memoryUsage().heapUsed
  const { sightings, counts } = await read(chunks())
  expect([sightings.map(({ machine }) => machine), counts]).toEqual([['before', 'after'], { unreadable: 1 }])
  expect((most - heap) / 1024 / 1024).toBeLessThan(40)
})

test('lines are split only where a record begins', async () => {
  const tricky = contact('}{\\"time\\":\\"').replace('"c"', '"}{"')
  const lines: Lines[] = []
  for await (const some of linesOf(inPieces(Buffer.from(tricky + tricky.trimEnd() + tricky), 1_000))) lines.push(some)
  expect(lines.flat().filter(Boolean)).toHaveLength(3)
})
