/** A projection whose file is damaged or cannot be put aside: what finds it, and what is said. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openFleet } from '../../src/fleet/cli/open.ts'
import { openFollower } from '../../src/fleet/follow.ts'
import { keepProjection } from '../../src/fleet/kept.ts'
import { memoryDocuments } from '../memory.ts'
import { everything } from './everything.ts'
import { filesOf, makeFleet, start, store } from './generator.ts'

const dir = mkdtempSync(join(tmpdir(), 'platte-kept-'))
afterAll(() => rmSync(dir, { recursive: true }))
const hour = 60 * 60 * 1000

async function overwritePages(file: string): Promise<void> {
  const handle = await open(file, 'r+')
  // The first page says where the others are.
  for (let at = 4096; at < statSync(file).size; at += 4096) await handle.write(Buffer.alloc(4096, 7), 0, 4096, at)
  await handle.close()
}

async function keep(file: string) {
  const documents = memoryDocuments()
  let now = start + 4 * hour
  await store(documents, filesOf(makeFleet(140).lines, 'platte'))
  const options = { clock: () => now, keepMs: 30 * 24 * hour }
  const said: unknown[] = []
  const kept = keepProjection(file, options, ({ problem }) => said.push(problem))
  const pass = openFollower(documents, options)
  const follow = () => kept.use('follow', (fleet) => pass(fleet, () => false))
  return { kept, follow, said, later: (ms: number) => (now += ms) }
}

test('damage that no write meets is found by a check, every 6 hours', async () => {
  const file = join(dir, 'checked.db')
  const { kept, follow, said, later } = await keep(file)
  await follow()
  await kept.upkeep()
  const want = everything(file)
  kept.close()
  const again = await keep(file)
  await overwritePages(file)
  await again.kept.upkeep()
  expect(again.said).toEqual([expect.stringMatching(/checked\.db is damaged \(.+\); it is made anew/)])
  expect([existsSync(file), existsSync(`${file}.old`)]).toEqual([false, true])
  expect(await again.follow()).toBe(true)
  await overwritePages(file)
  await again.kept.upkeep()
  expect(again.said, 'not before 6 hours').toHaveLength(1)
  again.later(6 * hour)
  await again.kept.upkeep()
  await again.follow()
  expect(everything(file)).toEqual(want)
  again.kept.close()
  expect([said, later(0)]).toEqual([[], start + 4 * hour])
})

test('a file that cannot be put aside is tried again after half a minute, and said once', async () => {
  const file = join(dir, 'stuck.db')
  const { kept, follow, said, later } = await keep(file)
  await follow()
  const want = everything(file)
  mkdirSync(`${file}.old`)
  // Else what the log of SQLite holds would do.
  for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix)
  writeFileSync(file, 'nonsense'.repeat(10_000))
  for (let i = 0; i < 5; i++) {
    expect(await follow()).toBe(false)
    later(29_000)
  }
  expect(said.length, 'why it is lost, and why not made anew').toBeLessThanOrEqual(2)
  rmSync(`${file}.old`, { recursive: true })
  later(60_000)
  expect(await follow()).toBe(true)
  expect(everything(file)).toEqual(want)
  kept.close()
})

test('a command that meets damage says what to do', async () => {
  const file = join(dir, 'read.db')
  const { kept, follow } = await keep(file)
  await follow()
  kept.close()
  const { fleet } = await openFleet({ fleetFile: file, since: 'PT24H' }, [])
  await overwritePages(file)
  expect(() => fleet.howMany({})).toThrow(`${file} is damaged: database disk image is malformed`)
})
