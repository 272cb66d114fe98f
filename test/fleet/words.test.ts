/** Texts that clients make up, and those that servers say, through real lines. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { readLine } from '../../src/fleet/lines.ts'
import { openProjection, type Projection } from '../../src/fleet/projection.ts'
import { readFleet } from '../../src/fleet/reader.ts'

const dir = mkdtempSync(join(tmpdir(), 'platte-words-'))
afterAll(() => rmSync(dir, { recursive: true }))
let file = ''
let files = 0
const hour = 60 * 60 * 1000
let now = 0
beforeEach(() => {
  file = join(dir, `${files++}.db`)
  now = Date.UTC(2026, 10, 23, 6)
})

const open = (): Projection => openProjection(file, { clock: () => now, keepMs: 24 * hour })

function say(projection: Projection, machine: string, fields: object): void {
  const whole = { event: 'contact', app: 'a', channel: 'stable', version: '1', board: 'amd64-usr', machine, ...fields }
  readLine(JSON.stringify({ time: new Date(now).toISOString(), ...whole }), projection)
}

/** Takes all room of made-up texts. */
function flood(projection: Projection): void {
  for (let i = 0; i < 67_000; i++)
    say(projection, `made-up-${i % 20_000}`, { app: `a${i % 9}`, version: `v${i}`, channel: `c${i}`, ping: true })
}

const offer = (offered: string) => ({ check: true, decision: 'update', offered })
const check = (reason: string) => ({ check: true, decision: 'no-update', reason })
const failed = (error: string) => ({ reported: [{ type: 3, result: 0, error }] })

/** What a new release looks like: in a channel and for an app of which nothing was heard before. */
function release(projection: Projection): void {
  const place = { app: 'new', channel: 'edge' }
  for (const machine of ['m1', 'm2', 'm3']) say(projection, machine, { ...place, ...offer('2') })
  now += hour
  say(projection, 'm1', { ...place, ...check('up-to-date'), version: '2' })
  say(projection, 'm2', { ...place, ...failed('44 rollback') })
  say(projection, 'm3', { ...place, ...failed('10 payload-hash') })
}

const wordsOf = ({ database }: Projection): number =>
  Number(database.prepare('SELECT count(*) AS n FROM words').get()?.n)

/** For a machine, its state, and what it shows of the release. */
function shown(projection: Projection) {
  projection.flush()
  const fleet = readFleet(projection.database)
  const machines = ['m1', 'm2', 'm3'].map((id) => {
    const [{ app, channel, version, state, detail } = {}] = fleet.machine(id)
    return [app, channel, version, state, detail].join(' ')
  })
  return { machines, release: fleet.release('2'), tallies: fleet.tallies().filter(({ app }) => app === 'new') }
}

test('what servers say is seen after any flood of made-up texts, also by the next process', () => {
  const plain = openProjection(':memory:', { clock: () => now, keepMs: 24 * hour })
  for (const machine of ['m1', 'm2', 'm3']) say(plain, machine, { ...check('up-to-date'), app: 'new' })
  release(plain)
  const want = shown(plain)
  now -= hour
  let projection = open()
  for (const machine of ['m1', 'm2', 'm3']) say(projection, machine, { ...check('up-to-date'), app: 'new' })
  flood(projection)
  release(projection)
  const found = shown(projection)
  expect(found).toEqual(want)
  const words = wordsOf(projection)
  for (let i = 0; i < 20_000; i++)
    say(projection, 'm5', { reported: [{ type: i, result: i, error: `${i} code ${i}` }] })
  projection.flush()
  expect(wordsOf(projection) - words, 'words of made-up events').toBeLessThan(200)
  projection.close()
  projection = open()
  say(projection, 'm4', { app: 'new', channel: 'edge', version: '2', ping: true })
  projection.flush()
  expect(readFleet(projection.database).machine('m4')).toMatchObject([{ app: 'new', channel: 'edge', version: '2' }])
  projection.close()
})

test('made-up texts are forgotten with the machines that said them; counts stay right', async () => {
  let projection = open()
  say(projection, 'm1', check('up-to-date'))
  flood(projection)
  projection.flush()
  expect(wordsOf(projection)).toBeGreaterThan(190_000)
  now += 20 * hour
  say(projection, 'm1', { ...check('held'), version: '1.1' })
  now += 10 * hour
  const pruning = projection.prune()
  // Comes between, with texts of its own.
  say(projection, 'm2', offer('3'))
  await pruning
  expect(wordsOf(projection)).toBeLessThan(100)
  say(projection, 'm3', { channel: 'made', version: 'up', ping: true })
  projection.flush()
  const tallies = (): readonly unknown[] =>
    readFleet(projection.database)
      .tallies()
      .map(({ channel, version, state, machines }) => [channel, version, state, machines])
  const want = [
    ['made', 'up', 'seen', 1],
    ['stable', '1.1', 'waiting', 1],
    ['stable', '1', 'offered', 1],
  ]
  expect(tallies()).toEqual(want)
  expect(readFleet(projection.database).release('3')).toMatchObject([{ offered: 1 }])
  projection.close()
  projection = open()
  now += 26 * hour
  await projection.prune()
  expect(tallies()).toEqual([])
  projection.close()
})
