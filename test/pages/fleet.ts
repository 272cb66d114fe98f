/** A fleet over the store of the pages: what most machines do, and each state that a machine can be in. */
import type { Reported } from '../../src/checks/omaha/omaha.ts'
import type { Sighting } from '../../src/fleet/facts.ts'
import { openProjection } from '../../src/fleet/projection.ts'
import { fleetPages } from '../../src/fleet-site/routes.ts'
import { bucketOf } from '../../src/release/ramp.ts'
import { sitePages } from '../../src/site/feature.ts'
import { app, day, seeded, type TestStore } from '../world.ts'
import { serve } from './store.ts'

export const token = 'a-token-of-the-fleet'
const hour = day / 24
const minute = hour / 60

const platforms = [
  ['ami', '3.2.1'],
  ['azure', '2.11.1.4'],
  ['qemu', ''],
  ['gce', '20250201'],
] as const

const errors = ['9 download-transfer', '10 payload-hash', '37 omaha-request-http', '5 postinstall-runner']

/** What machines of a channel run: before, most of the time, and in the end. */
const versions = {
  stable: ['4230.2.0', '4372.2.0', '4593.2.0'],
  beta: ['4081.2.0', '4230.2.0', '4372.2.0'],
  alpha: ['4372.0.0', '4593.0.0', '4628.0.0'],
} as const

const idOf = (i: number): string => (0x5ee0_0000 + i).toString(16).padStart(32, 'fe1e0123456789ab')

/** What one machine says, oldest first. */
function* lifeOf(i: number, now: number, random: () => number): Generator<Sighting> {
  const [oem, oemVersion] = platforms[i % 4] ?? ['', '']
  const alias = i % 5 === 0 ? `db-${String(i).padStart(4, '0')}.fra.example` : ''
  const common = { app, machine: idOf(i), board: i % 7 === 0 ? 'arm64-usr' : 'amd64-usr', oem, oemVersion, alias }
  const channel = i % 10 < 7 ? 'stable' : i % 10 < 9 ? 'beta' : 'alpha'
  const say = (at: number, version: string, more: Partial<Sighting>): Sighting => ({
    ...{ ...common, at, channel, version, isSyncer: false, answer: '', offered: '', reported: [] },
    ...more,
  })
  const event = (type: number, result: number, more: Partial<Reported> = {}) => ({
    reported: [{ type, result, ...more }],
  })
  const [old, middle, next] = versions[channel]
  const begin = now - (29 + random()) * day
  yield say(begin, old, { answer: 'up-to-date' })
  // Most moved on within days; one in twenty stays where it is, and some of those are silent.
  const moved = begin + (1 + 9 * random()) * day
  if (i % 20 === 3) {
    yield say(now - (i % 40 === 3 ? 9 * day : hour), old, { answer: 'update', offered: middle })
    return
  }
  yield say(moved, old, { answer: 'update', offered: middle })
  yield say(moved + minute, old, event(13, 1))
  yield say(moved + 9 * minute, old, event(3, 1))
  yield say(moved + 60 * minute, middle, { answer: 'up-to-date', ...event(3, 2, { previous: old }) })
  yield say(moved + 105 * minute, middle, { answer: 'up-to-date' })
  // The ramp of the newest one began nine hours ago, over a day.
  const reached = now - 9 * hour + 24 * hour * bucketOf({ app, channel }, next, idOf(i)).ramp
  const asked = reached + 45 * minute * random()
  if (channel === 'stable' && asked > now) {
    yield say(now - 40 * minute * random(), middle, { answer: 'not-in-ramp' })
    return
  }
  const at = channel === 'stable' ? asked : now - (1 + 3 * random()) * day
  yield say(at, middle, { answer: 'update', offered: next })
  const steps = [
    say(at + minute, middle, event(13, 1)),
    say(at + 6 * minute, middle, event(14, 1)),
    say(at + 9 * minute, middle, event(3, 1)),
  ]
  const ends = i % 23
  const error = errors[i % 4] ?? ''
  if (ends === 1) yield* [...steps.slice(0, 1), say(at + 3 * minute, middle, event(3, 0, { error }))]
  else if (ends === 2)
    yield* [...steps, say(at + 70 * minute, middle, { answer: 'fell-back', ...event(3, 0, { error: '44 rollback' }) })]
  else if (ends === 3) yield* steps.slice(0, 1)
  else if (ends < 7) yield* steps
  else {
    yield* steps
    const rebooted = at + (30 + 200 * random()) * minute
    yield say(rebooted, next, { answer: 'up-to-date', ...event(3, 2, { previous: middle }) })
    yield say(rebooted + 45 * minute, next, { answer: 'up-to-date' })
  }
}

/** Writes the projection of a fleet, with a machine of hostile texts. */
export function makeFleetFile(file: string, now: number, machines: number): void {
  const projection = openProjection(file, { clock: () => now, keepMs: 90 * day })
  const random = seeded(5)
  for (let i = 0; i < machines; i++)
    for (const one of lifeOf(i, now, random)) if (one.at <= now) projection.sighting({ ...one, at: Math.floor(one.at) })
  projection.sighting({ ...hostile, at: now - hour, app })
  projection.sighting({ ...hostile, at: now - hour, app, machine: ' nameless ', channel: '', version: '' })
  projection.sighting({ ...hostile, at: now - hour, app, machine: 'syncer', isSyncer: true })
  projection.lost(7)
  projection.endFile('')
  projection.flush()
  projection.close()
}

/** Longer than what lines keep. */
const long = 'W'.repeat(64)
export const hostile = {
  machine: `"><script>alert(1)</script>&'\u202e`,
  alias: `<img src=x onerror=alert(1)>${long}`,
  version: `</svg><b>${long}`,
  channel: `stable"&<i>\u202eevil${long.slice(0, 40)}`,
  board: '<board>',
  oem: `"onmouseover=alert(1) ${long}`,
  oemVersion: '<oem>',
  ...{ isSyncer: false, answer: 'held', offered: '', reported: [] },
} as const

/** Serves the pages with the fleet's. */
export const serveFleet = (store: TestStore, file: string, more: Parameters<typeof serve>[1] = {}, idsKey?: string) =>
  serve(store, { extensions: [sitePages, fleetPagesOver(store, file, idsKey)], ...more })

export const fleetPagesOver = (store: TestStore, file: string, idsKey?: string) =>
  fleetPages({ file, token, idsKey, clock: store.publisher.clock })
