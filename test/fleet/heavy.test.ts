/** What takes long: files of a projection that are damaged while a server runs with it, floods, and processes that are killed. */
import { copyFileSync, mkdtempSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { followStore } from '../../src/fleet/follow.ts'
import { openProjection } from '../../src/fleet/projection.ts'
import { readFleet } from '../../src/fleet/reader.ts'
import type { LogEntry } from '../../src/kernel/log.ts'
import { jsonLogTo, startServer } from '../../src/runtime/node.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import { makeStore, openStore } from '../../src/runtime/store.ts'
import { memoryDocuments } from '../memory.ts'
import { makeSceneStore, publicUrl } from '../scenes/fixture.ts'
import { everything } from './everything.ts'
import { filesOf, makeFleet, start, store } from './generator.ts'

const dir = mkdtempSync(join(tmpdir(), 'platte-kept-'))
afterAll(() => rmSync(dir, { recursive: true }))
const waiting = { timeout: 60_000, interval: 100 }
const hour = 60 * 60 * 1000

const damages: readonly (readonly [string, (file: string) => unknown])[] = [
  ['deleted', (file) => rmSync(file)],
  ['cut short', (file) => truncateSync(file, statSync(file).size / 2)],
  ['emptied', (file) => truncateSync(file, 0)],
  [
    'replaced by something else',
    (file) => {
      rmSync(file)
      writeFileSync(file, 'nonsense'.repeat(10_000))
    },
  ],
  [
    'replaced by a copy',
    (file) => {
      renameSync(file, `${file}.copied`)
      copyFileSync(`${file}.copied`, file)
    },
  ],
]

describe('while a server runs with it, a file that is', () => {
  test.concurrent.each(damages)('%s is made anew, which the log says once', async (name, damage) => {
    const storeDir = join(dir, `store ${name}`)
    const file = join(dir, `${name}.db`)
    await makeStore({ kind: 'file', dir: storeDir })
    const { documents, packages } = await openStore({ kind: 'file', dir: storeDir })
    const { publisher, pin } = await makeSceneStore(documents, packages)
    const from = Math.floor(Date.now() / hour) * hour - 5 * hour
    await store(documents, filesOf(makeFleet(140, from).lines, 'platte'))
    const env = { PLATTE_STORE: `file:${storeDir}`, PLATTE_ROOT: pin, PLATTE_PUBLIC_URL: publicUrl, PORT: '0' }
    const settings = readSettings({ ...env, PLATTE_EVENTS: 'store', PLATTE_FLEET_FILE: file }, ['store', 'pin'])
    const stdout = new PassThrough()
    const running = await startServer(settings, { ...publisher, log: jsonLogTo(stdout), timestamp: [] })
    const check = async (i: number): Promise<number> => {
      const body = `<request protocol="3.0"><app appid="other" version="1" track="x" machineid="m${i}"><ping/></app></request>`
      return (await fetch(`${running.url}/v1/update/`, { method: 'POST', body })).status
    }
    const fleet = (at = file) => {
      const { machines, histories, releases } = everything(at, from)
      return { machines: machines.filter(({ app }) => app !== 'other'), releases, histories: histories.slice(0, 140) }
    }
    const plain = openProjection(`${file}.plain`, { clock: Date.now, keepMs: 24 * hour })
    await followStore(documents, plain, { since: from, until: Date.now() })
    const want = fleet(`${file}.plain`)
    expect(want.machines).toHaveLength(140)
    await vi.waitFor(() => expect(fleet()).toEqual(want), waiting)
    damage(file)
    const answered = Promise.all(Array.from({ length: 50 }, (_, i) => check(i)))
    await vi.waitFor(() => expect(fleet()).toEqual(want), waiting)
    expect(new Set(await answered)).toEqual(new Set([200]))
    await check(50)
    await vi.waitFor(
      () => expect(everything(file).machines).toContainEqual(expect.objectContaining({ machine: 'm50' })),
      waiting,
    )
    await running.stop()
    const lines = String(stdout.read())
      .trim()
      .split('\n')
      .map((line): LogEntry => JSON.parse(line))
    expect(lines.filter(({ level }) => level === 'error')).toEqual([
      expect.objectContaining({
        event: 'fleet',
        problem: expect.stringMatching(/made anew from the files of events$/),
      }),
    ])
  })
})

test('what unpacks to too much ends the file; its one line is too long', async () => {
  const part = gzipSync(Buffer.alloc(64 * 1024 * 1024, ' '), { level: 1 })
  const documents = memoryDocuments()
  const line =
    '{"time":"2026-11-23T06:00:00.000Z","event":"contact","app":"a","channel":"c","version":"1","machine":"m"}\n'
  await documents.create(
    'events/dt=2026-11-23/bomb.gz',
    Buffer.concat([gzipSync(line), ...Array.from({ length: 17 }, () => part)]),
  )
  const projection = openProjection(':memory:', { clock: () => start + hour, keepMs: 24 * hour })
  expect(await followStore(documents, projection, { since: start, until: start + hour })).toBe(1)
  const fleet = readFleet(projection.database)
  expect([fleet.howMany({}), fleet.counts()]).toEqual([1, { unreadable: 2 }])
  projection.close()
})
