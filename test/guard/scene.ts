/** A guarded channel, its fleet as lines, and the projection that the guard judges by. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { newCatalogCache } from '../../src/catalog/cache.ts'
import type { PublishOrder } from '../../src/channels/publish.ts'
import { readLine } from '../../src/fleet/lines.ts'
import { openProjection, type Projection } from '../../src/fleet/projection.ts'
import { openWatch, type Watch } from '../../src/guard/watch.ts'
import { logLine } from '../../src/kernel/json-log.ts'
import type { Guard } from '../../src/release/channel.ts'
import { execute } from '../changes.ts'
import { app, day, minute, newStore, publishOne, storedCatalog, type TestStore } from '../world.ts'

const dir = mkdtempSync(join(tmpdir(), 'platte-guard-'))
afterAll(() => rmSync(dir, { recursive: true }))
let files = 0

export const usual: Guard = { failures: 0.05, fellBack: 0.02, atLeast: 20, within: 'PT24H' }

export interface Scene extends TestStore {
  readonly file: string
  readonly projection: Projection
  /** Adds a line of a machine, now. Machines run version 1 in `stable` unless they say so. */
  say(machine: string, fields: object): void
  /** Lets a number of machines, from a first one on, do one thing. */
  each(count: number, fields: object, name?: string): void
  /** One more process that guards. */
  guard(more?: Partial<TestStore['publisher']>): Watch
  /** Of `stable`: version and reason. */
  holds(channel?: string): Promise<readonly (readonly [string, string])[]>
}

export const offer = (version = '2') => ({ check: true, decision: 'update', offered: version })
export const failure = (error: string) => ({ reported: [{ type: 3, result: 0, error }] })
export const upToDate = { check: true, decision: 'no-update', reason: 'up-to-date' }

/** Version 1 is published and its machines are known for a day; then version 2 is published. */
export async function guarded(
  known: number,
  moreOf: (now: number) => Partial<PublishOrder> = () => ({}),
): Promise<Scene> {
  const store = await newStore({ format: 2 })
  const { publisher, time } = store
  await publishOne(store, '1')
  await execute(publisher, 'channel-edit', { app, channel: 'stable', guard: usual })
  const file = join(dir, `${files++}.db`)
  const projection = openProjection(file, { clock: () => time.now, keepMs: 90 * day })
  const say = (machine: string, fields: object): void => {
    const whole = { app, channel: 'stable', version: '1', board: 'amd64-usr', machine, ...fields }
    readLine(logLine(time.now, { level: 'info', event: 'contact', ...whole }).trimEnd(), projection)
  }
  const each: Scene['each'] = (count, fields, name = 'machine') => {
    for (let i = 0; i < count; i++) say(`${name}${i}`, fields)
  }
  each(known, upToDate)
  time.now += day
  await publishOne(store, '2', moreOf(time.now))
  time.now += minute
  return {
    ...{ ...store, file, projection, say, each },
    guard: (given = {}) => {
      projection.flush()
      return openWatch({ cache: newCatalogCache(), writer: { ...publisher, ...given }, file })
    },
    holds: async (channel = 'stable') =>
      ((await storedCatalog(store)).apps[app]?.channels[channel]?.holds ?? []).map(({ version, reason }) => [
        version,
        reason,
      ]),
  }
}
