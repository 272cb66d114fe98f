/** Floods of made-up ids, full disks, and processes that are killed at any point. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, expect, test, vi } from 'vitest'
import { followStore } from '../../src/fleet/follow.ts'
import { readLine } from '../../src/fleet/lines.ts'
import { openProjection } from '../../src/fleet/projection.ts'
import { readFleet } from '../../src/fleet/reader.ts'
import { makeStore, openStore } from '../../src/runtime/store.ts'
import { folderDocuments } from '../../src/store/folder/documents.ts'
import { makeSceneStore } from '../scenes/fixture.ts'
import { seeded } from '../world.ts'
import { everything } from './everything.ts'
import { filesOf, makeFleet, start, store } from './generator.ts'

const dir = mkdtempSync(join(tmpdir(), 'platte-flood-'))
afterAll(() => rmSync(dir, { recursive: true }))
const hour = 60 * 60 * 1000
const megabyte = 1024 * 1024

test('a million made-up machines, each with a version and a channel of its own: bounded, and known ones go on', () => {
  const file = join(dir, 'flood.db')
  const now = start + hour
  const projection = openProjection(file, { clock: () => now, keepMs: 24 * hour, maxMachines: 200_000 })
  const say = (machine: string, version: string, channel: string, at: number): void => {
    const time = new Date(at).toISOString()
    const text = `{"time":"${time}","event":"contact","app":"a","channel":"${channel}","version":"${version}","machine":"${machine}","ping":true}`
    readLine(text, projection)
  }
  say('known', '1', 'stable', start)
  say('another', '2', 'stable', start)
  const before = process.memoryUsage().rss
  for (let i = 0; i < 1_000_000; i++) say(`forged-${i}`, `v${i}`, `c${i}`, start + i)
  say('known', '2', 'stable', now)
  projection.endFile('')
  projection.flush()
  const grown = (process.memoryUsage().rss - before) / megabyte
  const fleet = readFleet(projection.database)
  expect([fleet.howMany({}), fleet.counts()]).toEqual([200_000, { beyond: 800_002 }])
  expect(fleet.machine('known')).toMatchObject([{ version: '2', last: now }])
  expect(fleet.tallies().length, 'names of rows').toBeLessThan(210_000)
  projection.close()
  const size = statSync(file).size / megabyte
  expect(grown).toBeLessThan(900)
  expect(size).toBeLessThan(300)
})

test('a projector that is killed at any point leaves rows from which the next one goes on to the same', async () => {
  const root = join(dir, 'killed')
  const now = start + 4 * hour
  mkdirSync(root)
  const documents = folderDocuments(root, { clock: () => now })
  await store(documents, filesOf(makeFleet(2_000).lines, 'platte'))
  const range = { since: now - 24 * hour, until: now }
  const plain = openProjection(join(dir, 'plain.db'), { clock: () => now, keepMs: 30 * 24 * hour })
  await followStore(documents, plain, range)
  plain.close()
  const random = seeded(11)
  const file = join(dir, 'killed.db')
  const args = [join(import.meta.dirname, 'projector-child.ts'), root, file, String(now)]
  for (let round = 0; round < 12; round++) {
    const child = spawn(process.execPath, args)
    const ended = once(child, 'exit')
    await once(child.stdout, 'data')
    await setTimeout(random() * 60)
    child.kill('SIGKILL')
    expect(await ended).toEqual([null, 'SIGKILL'])
  }
  const projection = openProjection(file, { clock: () => now, keepMs: 30 * 24 * hour })
  await followStore(documents, projection, range)
  projection.close()
  expect(everything(file)).toEqual(everything(join(dir, 'plain.db')))
})

test('on a full disk a server answers, says so once, and goes on when there is room', async () => {
  const storeDir = join(dir, 'full')
  const file = join(dir, 'full.db')
  await makeStore({ kind: 'file', dir: storeDir })
  const { documents, packages } = await openStore({ kind: 'file', dir: storeDir })
  const { pin } = await makeSceneStore(documents, packages)
  const env = { PLATTE_STORE: `file:${storeDir}`, PLATTE_ROOT: pin, PLATTE_PUBLIC_URL: 'https://u.example', PORT: '0' }
  const main = join(import.meta.dirname, '../../src/cli/main.ts')
  const child = spawn(process.execPath, [main, 'serve'], {
    env: { ...process.env, ...env, PLATTE_FLEET_FILE: file, PLATTE_EVENTS: 'off' },
  })
  const ended = once(child, 'exit')
  let log = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      log += chunk
    })
  const waiting = { timeout: 90_000, interval: 200 }
  const address = /http:\/\/[\d.]+:\d+/
  await vi.waitFor(() => expect(log).toMatch(address), waiting)
  const url = address.exec(log)?.[0]
  const check = async (i: number): Promise<number> => {
    const body = `<request protocol="3.0"><app appid="other" version="1" track="x" machineid="m${i}"><ping/></app></request>`
    return (await fetch(`${url}/v1/update/`, { method: 'POST', body })).status
  }
  const machines = (): number => everything(file).machines.length
  const limit = (bytes: string) =>
    expect(spawnSync('prlimit', ['--pid', String(child.pid), `--fsize=${bytes}`]).status).toBe(0)
  expect(await check(0)).toBe(200)
  await vi.waitFor(() => expect(machines()).toBe(1), waiting)
  limit(`${statSync(`${file}-wal`).size + 1024}:unlimited`)
  for (let i = 1; i <= 300; i++) expect(await check(i)).toBe(200)
  const failures = (): readonly string[] => log.split('\n').filter((line) => line.includes('"level":"error"'))
  await vi.waitFor(() => expect(failures()).toHaveLength(1), waiting)
  expect(failures()[0]).toContain('"event":"fleet"')
  await setTimeout(3_000)
  expect([await check(301), machines()]).toEqual([200, 1])
  limit('unlimited')
  await vi.waitFor(() => expect(machines()).toBe(302), waiting)
  expect(failures()).toHaveLength(1)
  child.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
})
