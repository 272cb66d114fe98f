/** A real server under a flood of made-up checks and events: answers stay the same, and what it holds and tells is bounded. */
import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import { afterAll, expect, test, vi } from 'vitest'
import { openForReading } from '../../src/fleet/database.ts'
import { disguiseWith } from '../../src/fleet/ids.ts'
import { readFleet } from '../../src/fleet/reader.ts'
import { jsonLogTo, startServer } from '../../src/runtime/node.ts'
import type { Running } from '../../src/runtime/server.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import { makeStore, openStore } from '../../src/runtime/store.ts'
import { bodyOf } from '../protocol/samples.ts'
import { rounds } from '../rounds.ts'
import { makeSceneStore, publicUrl } from '../scenes/fixture.ts'

const flood = rounds(10_000)
/** A log is written in bunches. */
const waiting = { timeout: 120_000 }
const app = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'
const folder = await mkdtemp(join(tmpdir(), 'platte-events-'))
afterAll(() => rm(folder, { recursive: true }))

/** A server over a store of its own, with events in the store and numbers. */
async function open(name: string, more: Record<string, string> = {}) {
  const dir = join(folder, name)
  await makeStore({ kind: 'file', dir })
  const { documents, packages } = await openStore({ kind: 'file', dir })
  const { publisher, pin } = await makeSceneStore(documents, packages)
  const env = { PLATTE_STORE: `file:${dir}`, PLATTE_ROOT: pin, PLATTE_PUBLIC_URL: publicUrl, PORT: '0' }
  const settings = readSettings({ ...env, PLATTE_EVENTS: 'store', PLATTE_METRICS: 'on', ...more }, ['store', 'pin'])
  const stdout = new PassThrough()
  const lines: Buffer[] = []
  stdout.on('data', (chunk) => lines.push(chunk))
  const running = await startServer(settings, { ...publisher, log: jsonLogTo(stdout), timestamp: [] })
  return { running, dir, log: () => Buffer.concat(lines).toString() }
}

const post = async ({ url }: Running, body: string | Uint8Array<ArrayBuffer>): Promise<string> =>
  (await fetch(`${url}/v1/update/`, { method: 'POST', body })).text()
const numbersOf = async ({ url }: Running): Promise<string> => (await fetch(`${url}/metrics`)).text()

/** One of 1,000 machines, with made-up names and codes. */
const forged = (i: number): string =>
  `<request protocol="3.0"><app appid="${i % 3 ? app : `app-${i}`}" version="${i}" track="${i % 2 ? 'stable' : `channel-${i}`}" board="amd64-usr" machineid="m${i % 1000}">${i % 5 ? '<updatecheck/>' : ''}<event eventtype="${i}" eventresult="0" errorcode="${i * 7}"/><event eventtype="3" eventresult="0" errorcode="44"/></app></request>`

async function sendAll(running: Running, count: number): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await post(running, forged(next++))
  }
  await Promise.all(Array.from({ length: 8 }, worker))
}

test('a flood of forged requests of 1,000 machines changes no answer, and adds few series and one line each', async () => {
  const { running, dir } = await open('flooded')
  const before = await post(running, bodyOf('full-update-01'))
  await sendAll(running, flood)
  expect(await post(running, bodyOf('full-update-01'))).toBe(before)
  const numbers = await numbersOf(running)
  const series = numbers.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  expect(series.length).toBeLessThan(500)
  expect(numbers).toMatch(
    new RegExp(`platte_events_total\\{app="${app}",channel="stable",type="3",result="0",errorcode="44"\\} \\d+`),
  )
  const counted = series
    .filter((line) => line.startsWith('platte_checks_total'))
    .map((line) => Number(line.split(' ')[1]))
  expect(counted.reduce((sum, count) => sum + count, 0)).toBe(flood * 0.8 + 2)
  await running.stop()
  const texts = await storedTexts(dir)
  expect(texts.length, 'a flood of a few MB is one file, or two around a minute').toBeLessThanOrEqual(2)
  const lines = texts.flatMap((text) => text.trimEnd().split('\n')).map((line) => JSON.parse(line))
  expect(lines.filter(({ event }) => event === 'contact')).toHaveLength(flood + 2)
  expect(lines.filter(({ check }) => check)).toHaveLength(flood * 0.8 + 2)
  expect(lines.flatMap(({ reported = [] }) => reported)).toHaveLength(flood * 2)
  const machines = new Set(lines.map(({ machine }) => machine))
  expect(machines.size).toBeGreaterThanOrEqual(1000)
})

async function storedTexts(dir: string): Promise<readonly string[]> {
  const files = await readdir(join(dir, 'events'), { recursive: true })
  const names = files.filter((name) => name.endsWith('.ndjson.gz'))
  return Promise.all(names.map(async (name) => gunzipSync(await readFile(join(dir, 'events', name))).toString()))
}

test('if events cannot be written, checks are answered, and lines wait; the log says why', async () => {
  const { running, dir, log } = await open('no-folder')
  // A file where the folder would be: not even root can write there.
  await writeFile(join(dir, 'events'), '')
  const before = await post(running, bodyOf('full-update-01'))
  await sendAll(running, 1_000)
  expect(await post(running, bodyOf('full-update-01'))).toBe(before)
  await running.stop()
  await vi.waitFor(
    () =>
      expect(log()).toMatch(/"level":"warn","event":"events","problem":"[^"]+","code":"store-unavailable","attempt":2/),
    waiting,
  )
})

test('a store that goes away is not made anew to keep events there', async () => {
  const { running, dir, log } = await open('unmounted')
  await post(running, bodyOf('full-update-01'))
  await rename(dir, `${dir}-elsewhere`)
  await post(running, bodyOf('full-update-01'))
  await running.stop()
  await vi.waitFor(
    () => expect(log()).toMatch(/"event":"events","problem":"[^"]+: the folder of the store does not exist"/),
    waiting,
  )
  await expect(stat(dir)).rejects.toMatchObject({ code: 'ENOENT' })
})

test('the projection has each contact within seconds, with ids as keyed hashes wherever they are written', async () => {
  const file = join(folder, 'fleet.db')
  const ids = { PLATTE_FLEET_IDS: 'hmac', PLATTE_FLEET_IDS_KEY: 'a key of the fleet' }
  const { running, dir, log } = await open('fleet', { ...ids, PLATTE_FLEET_FILE: file })
  await post(running, bodyOf('full-update-01'))
  await post(running, bodyOf('full-update-02'))
  await post(running, 'not an Omaha request')
  const id = '0123456789abcdef0123456789abcdef'
  const hashed = disguiseWith(ids.PLATTE_FLEET_IDS_KEY)(id)
  const read = () => {
    const database = openForReading(file)
    const [machine] = readFleet(database).machine(hashed)
    database.close()
    return machine
  }
  await vi.waitFor(() => expect(read()).toMatchObject({ state: 'downloading', oem: 'ami' }), waiting)
  expect(read()?.alias).toMatch(/^hmac-/)
  await running.stop()
  const written = [log(), ...(await storedTexts(dir)), readFileSync(file, 'latin1')]
  for (const text of written) expect([text.includes(id), text.includes('web-1')]).toEqual([false, false])
  expect(written.filter((text) => text.includes(hashed))).toHaveLength(3)
})
