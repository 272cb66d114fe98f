/** Following the events of a bucket: long listings, late and deleted objects, processes that stop and begin again. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { eventsKey } from '../../src/documents/paths.ts'
import { openForReading } from '../../src/fleet/database.ts'
import { openFollower } from '../../src/fleet/follow.ts'
import { openProjection } from '../../src/fleet/projection.ts'
import { readFleet } from '../../src/fleet/reader.ts'
import { logLine } from '../../src/kernel/json-log.ts'
import type { Documents } from '../../src/store/documents.ts'
import { type Row, same } from '../conformance/rows.ts'

/** An empty folder of the bucket. */
export interface Events {
  readonly documents: Documents
  readonly remove: (key: string) => Promise<unknown>
  /** As PLATTE_STORE takes it. */
  readonly setting: string
}

const hour = 60 * 60 * 1000
const day = 24 * hour
const keepMs = 30 * day
const start = Date.UTC(2026, 10, 23, 6, 30)

const contact = (machine: string, at: number): Buffer =>
  Buffer.from(
    logLine(at, { level: 'info', event: 'contact', app: 'a', channel: 'c', version: '1', machine, ping: true }),
  )

async function put({ documents }: Events, at: number, ...machines: readonly number[]): Promise<void> {
  const waiting = [...machines]
  const worker = async (): Promise<void> => {
    for (let n = waiting.pop(); n !== undefined; n = waiting.pop())
      same(await documents.create(eventsKey(at, n), contact(`m${n}`, at)), 'created', 'create')
  }
  await Promise.all(Array.from({ length: 16 }, worker))
}

/** Follows in memory, by a clock of its own. */
function follow(documents: Documents) {
  let now = start
  const options = { clock: () => now, keepMs }
  const projection = openProjection(':memory:', options)
  const pass = openFollower(documents, options)
  return {
    pass: (at: number, isStopped = () => false) => {
      now = at
      return pass(projection, isStopped)
    },
    machines: () => readFleet(projection.database).howMany({}),
    counts: () => readFleet(projection.database).counts(),
    projection,
  }
}

const range = (from: number, to: number): readonly number[] => Array.from({ length: to - from }, (_, i) => from + i)

export const fleetRows: readonly Row<Events>[] = [
  {
    name: 'more objects in one folder than a listing has: each is read, once',
    async run(events) {
      await put(events, start, ...range(0, 1_050))
      const { pass, machines } = follow(events.documents)
      same([await pass(start), await pass(start + 60_000)], [1_050, 0], 'files')
      await put(events, start + 90_000, 2_000)
      same([await pass(start + 120_000), machines()], [1, 1_051], 'one more')
    },
  },
  {
    name: 'objects that appear late, and before others in the order of names, are found',
    async run(events) {
      await put(events, start, 5)
      const { pass, machines } = follow(events.documents)
      await pass(start)
      await put(events, start - 1_000, 4)
      await put(events, start - 20 * hour, 3)
      await put(events, start - 20 * day, 2)
      same([await pass(start + 60_000), await pass(start + hour), await pass(start + day)], [1, 1, 1], 'files')
      same(machines(), 4, 'machines')
    },
  },
  {
    name: 'objects that a lifecycle rule deletes, before or after they are read, cost nothing',
    async run(events) {
      const { documents, remove } = events
      await put(events, start, 1, 2, 3)
      const list = async function* (prefix: string) {
        for await (const key of documents.list?.(prefix) ?? []) {
          if (key === eventsKey(start, 2)) await remove(key)
          yield key
        }
      }
      const { pass, machines, counts } = follow({ ...documents, list })
      await pass(start)
      await remove(eventsKey(start, 1))
      await pass(start + day)
      same([machines(), counts()], [2, {}], 'machines and lines of none')
    },
  },
  {
    name: 'a pass that is interrupted goes on where it stopped',
    async run(events) {
      await put(events, start, ...range(0, 100))
      const { pass, machines } = follow(events.documents)
      let left = 40
      const first = await pass(start, () => left-- === 0)
      same([first, await pass(start), machines()], [40, 60, 100], 'files and machines')
    },
  },
  {
    name: 'platte fleet --watch follows the bucket, ends at a signal, and begins again',
    run: async (events) => watch(events),
  },
]

async function watch(events: Events): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'platte-live-fleet-'))
  const file = join(dir, 'fleet.db')
  const machines = (): number => {
    try {
      const database = openForReading(file)
      const count = readFleet(database).howMany({})
      database.close()
      return count
    } catch {
      return 0
    }
  }
  const main = join(import.meta.dirname, '../../src/cli/main.ts')
  const run = async (until: number): Promise<string> => {
    const child = spawn(process.execPath, [main, 'fleet', '--watch', '1s', '--fleet-file', file], {
      env: { ...process.env, PLATTE_STORE: events.setting, PLATTE_ROOT: `1:sha256:${'0'.repeat(64)}` },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const ended = once(child, 'exit')
    let said = ''
    child.stdout.on('data', (chunk) => {
      said += chunk
    })
    const deadline = Date.now() + 60_000
    while (machines() < until && Date.now() < deadline) await setTimeout(200)
    child.kill('SIGTERM')
    same((await ended)[0], 0, 'exit code')
    return said
  }
  try {
    await put(events, Date.now(), ...range(0, 20))
    same([await run(20), machines()], ['files of events read: 20\n', 20], 'the first time')
    await put(events, Date.now(), ...range(20, 25))
    same([await run(25), machines()], ['files of events read: 5\n', 25], 'again')
  } finally {
    rmSync(dir, { recursive: true })
  }
}
