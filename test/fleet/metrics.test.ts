/** The fleet in /metrics: exact for 500 machines, and bounded whatever clients make up. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import type { Sighting } from '../../src/fleet/facts.ts'
import { readLine } from '../../src/fleet/lines.ts'
import { openProjection } from '../../src/fleet/projection.ts'
import type { LogEntry } from '../../src/kernel/log.ts'
import { fleetScrape } from '../../src/metrics/fleet-scrape.ts'
import { openMetrics } from '../../src/metrics/metrics.ts'
import { app, makeFleet, next, old, start } from './generator.ts'

const dir = mkdtempSync(join(tmpdir(), 'platte-metrics-'))
afterAll(() => rmSync(dir, { recursive: true }))
let file = ''
beforeEach(({ task }) => {
  file = join(dir, `${task.id}.db`)
})

const hour = 60 * 60 * 1000
const now = start + 4 * hour
const options = { clock: () => now, keepMs: 90 * 24 * hour }
const known = {
  isKnown: (one: string, channel = 'stable') => one === app && ['stable', 'beta'].includes(channel),
  releasesOf: () => new Set([next, old]),
}

interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Scrapes until the numbers are read. */
async function scrape(at = now): Promise<readonly Sample[]> {
  const log: LogEntry[] = []
  const fleet = fleetScrape(file, known, { clock: () => at, log: (entry) => log.push(entry) })
  const { render } = openMetrics({ ...known, catalog: () => undefined, fleet })
  for (;;) {
    const text = await render()
    expect(log).toEqual([])
    if (text.includes('platte_fleet_read_timestamp_seconds')) return samplesOf(text)
  }
}

const samplesOf = (text: string): readonly Sample[] =>
  [...text.matchAll(/^(platte_fleet_\w+)\{(.*)\} (\S+)$/gm)].map(([, name = '', labels = '', value]) => ({
    ...{ name, value: Number(value) },
    labels: Object.fromEntries([...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text])),
  }))

/** The sum of each value of some labels. */
function sumsBy(samples: readonly Sample[], name: string, ...labels: readonly string[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const one of samples.filter((sample) => sample.name === name && sample.value > 0)) {
    const key = labels.map((label) => one.labels[label]).join(' ')
    sums[key] = (sums[key] ?? 0) + one.value
  }
  return sums
}

function countBy<T>(all: readonly T[], keyOf: (one: T) => string): Record<string, number> {
  const groups = Object.groupBy(all, keyOf)
  return Object.fromEntries(Object.entries(groups).map(([key, some = []]) => [key, some.length]))
}

test('500 machines in 14 states: every number is that of the generator', async () => {
  const { lines, machines } = makeFleet(500)
  const projection = openProjection(file, options)
  for (const { text } of [...lines].reverse()) readLine(text, projection)
  projection.flush()
  projection.close()
  const found = await scrape()
  expect(sumsBy(found, 'platte_fleet_machines', 'app', 'channel', 'version', 'state')).toEqual(
    countBy(machines, ({ channel, version, state }) => `${app} ${channel} ${version} ${state}`),
  )
  const failed = machines.filter(({ state }) => state === 'failed')
  expect(sumsBy(found, 'platte_fleet_failed_machines', 'channel', 'errorcode')).toEqual(
    countBy(failed, ({ channel, detail }) => `${channel} ${detail.replace(/ .*/, '')}`),
  )
  const waiting = machines.filter(({ state }) => state === 'waiting')
  expect(sumsBy(found, 'platte_fleet_waiting_machines', 'reason')).toEqual(
    countBy(waiting, ({ detail }) => (/^\d/.test(detail) ? 'client' : detail)),
  )
  const steps = sumsBy(found, 'platte_fleet_release_machines', 'version', 'step')
  const fellBack = machines.filter(({ state }) => state === 'fell-back').length
  expect(steps).toMatchObject({ [`${next} failed`]: failed.length, [`${next} fell-back`]: fellBack })
  expect(sumsBy(found, 'platte_fleet_release_failed_machines', 'errorcode')).toEqual(
    countBy(failed, ({ detail }) => detail.replace(/ .*/, '')),
  )
  expect(sumsBy(found, 'platte_fleet_silent_machines', 'channel')).toEqual({})
  const later = await scrape(start + 30 * hour)
  expect(sumsBy(later, 'platte_fleet_silent_machines', 'channel')).toEqual({ stable: 500 })
})

const sighting = (i: number, more: Partial<Sighting>): Sighting => ({
  ...{ at: now, app, channel: 'stable', version: old, machine: `m${i}`, board: '', oem: '', oemVersion: '', alias: '' },
  ...{ isSyncer: false, answer: 'up-to-date', offered: '', reported: [], ...more },
})

test('what clients make up is bounded, is counted once, and takes no name from a release', async () => {
  const forged = 24_000
  const projection = openProjection(file, options)
  for (let i = 0; i < 10; i++) projection.sighting(sighting(i, { version: next, machine: `real-${i}` }))
  for (let i = 0; i < forged; i++) {
    const error = i % 16 === 1 ? `${i} code ${i}` : `${i} name-${i}`
    const fails = { answer: '', reported: [{ type: 3, result: 0, error }] }
    const made = [
      { version: `${i % 500}.1`, channel: i % 16 ? 'stable' : 'beta' },
      { version: `9.${i}`, channel: `channel-${i}` },
      { app: `app-${i}` },
      { version: `"}\\${i % 50} 1`, answer: `reason-${i}` },
    ]
    const more = i % 2 ? { ...fails, version: `${i % 40}.2` } : made[(i / 2) % made.length]
    projection.sighting(sighting(i, more ?? {}))
  }
  projection.flush()
  projection.close()
  const found = await scrape()
  for (const [name, some = []] of Object.entries(Object.groupBy(found, (one) => one.name)))
    expect(some.length, name).toBeLessThanOrEqual(5_000)
  const failed = sumsBy(found, 'platte_fleet_failed_machines', 'errorcode')
  expect(Object.keys(failed).length).toBeGreaterThan(4_900)
  expect(Object.values(failed).reduce((sum, n) => sum + n, 0)).toBe(forged / 2)
  const total = Object.values(sumsBy(found, 'platte_fleet_machines', 'app')).reduce((sum, n) => sum + n, 0)
  expect(total).toBe(forged + 10)
  expect(sumsBy(found, 'platte_fleet_machines', 'channel', 'version')).toMatchObject({ [`stable ${next}`]: 10 })
  expect(Object.keys(sumsBy(found, 'platte_fleet_machines', 'channel')).sort()).toEqual(['beta', 'other', 'stable'])
  const versions = Object.keys(sumsBy(found, 'platte_fleet_machines', 'version'))
  expect(versions.length).toBeLessThanOrEqual(2 * 20 + 1)
  expect(Object.keys(sumsBy(found, 'platte_fleet_waiting_machines', 'reason'))).toEqual(['client'])
})

test('a file that is not there is logged once, and costs no scrape', async () => {
  const log: LogEntry[] = []
  let clock = now
  const fleet = fleetScrape(file, known, { clock: () => clock++, log: (entry) => log.push(entry) })
  for (let i = 0; i < 3; i++) {
    expect(await fleet()).toEqual([])
    clock += hour
  }
  expect(log).toMatchObject([{ level: 'error', event: 'fleet', problem: expect.stringContaining('no projection') }])
})
