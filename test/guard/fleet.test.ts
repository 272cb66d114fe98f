/** The guard over whole fleets: from the lines of machines to the hold. */
import { expect, test } from 'vitest'
import { type Answering, checkForUpdate } from '../../src/checks/update-check.ts'
import { rampOver } from '../../src/release/edits.ts'
import { app, ask, minute, newReader, seeded } from '../world.ts'
import { failure, guarded, offer, type Scene, upToDate } from './scene.ts'

const rollback = failure('44 rollback')
const hour = 60 * minute
const strangers = 100_000

test(`${strangers} made-up ids hold nothing`, { timeout: 600_000 }, async () => {
  const scene = await guarded(41)
  scene.each(41, offer())
  scene.each(strangers, offer(), 'made-up')
  scene.time.now += minute
  scene.each(strangers, rollback, 'made-up')
  const watch = scene.guard()
  await watch.once()
  expect(await scene.holds()).toEqual([])
  expect(watch.gauges()[1]?.values.get(`${app}/stable`)).toBe(0)
})

test('made-up versions and channels hide no release from the guard', { timeout: 600_000 }, async () => {
  const scene = await guarded(41)
  for (let i = 0; i < 70_000; i++) scene.say(`made-up${i % 20_000}`, { version: `v${i}`, channel: `c${i}`, ping: true })
  scene.each(41, offer())
  scene.time.now += minute
  scene.each(30, rollback)
  await scene.guard().once()
  expect(await scene.holds()).toEqual([['2', 'guard: 30 of 41 failed: 30 × 44 rollback']])
})

const machines = 10_000

/** Goes on with what every machine does next, in the order of time. */
class Fleet {
  readonly offered = new Set<number>()
  readonly failed = new Set<number>()
  private readonly due: (() => Promise<void> | void)[][] = []
  private readonly random = seeded(4593)
  private readonly scene: Scene
  private readonly reader: Answering
  private readonly share: number
  private readonly began: number

  /** @param share of machines that fail. */
  constructor(scene: Scene, share: number) {
    this.scene = scene
    this.reader = newReader(scene)
    this.share = share
    this.began = scene.time.now
    for (let i = 0; i < machines; i++) this.after(this.random() * 45 * minute, () => this.poll(i))
  }

  /** Runs all that is due in the next minute. */
  async minute(): Promise<void> {
    const index = (this.scene.time.now - this.began) / minute
    for (const run of this.due[index] ?? []) await run()
    this.due[index] = []
    this.scene.time.now += minute
  }

  private after(ms: number, run: () => Promise<void> | void): void {
    const index = Math.floor((this.scene.time.now - this.began + Math.max(minute, ms)) / minute)
    this.due[index] = [...(this.due[index] ?? []), run]
  }

  /** Asks every 45 minutes, 5 more or less. What fails is reported within 5 minutes, what works after an hour. */
  private async poll(i: number): Promise<void> {
    const machine = `machine${i}`
    const query = { app, channel: 'stable', version: '1', board: 'amd64-usr', machineId: machine }
    const decision = await checkForUpdate(this.reader, query)
    if (decision.kind === 'no-update') {
      this.scene.say(machine, { check: true, decision: 'no-update', reason: decision.reason })
      return this.after((40 + 10 * this.random()) * minute, () => this.poll(i))
    }
    this.scene.say(machine, offer())
    this.offered.add(i)
    if (this.random() >= this.share)
      return this.after(hour, () => this.scene.say(machine, { ...upToDate, version: '2' }))
    this.failed.add(i)
    this.after(this.random() * 5 * minute, () => this.scene.say(machine, rollback))
  }
}

/** A ramp of 48 hours with a share of machines that fail, until it is held. */
async function rampUntilHeld(share: number, mostHours: number) {
  const scene = await guarded(machines, (start) => ({ ramp: rampOver({ start, overMs: 48 * hour }) }))
  const fleet = new Fleet(scene, share)
  const watch = scene.guard()
  for (let i = 0; i < mostHours * 60; i++) {
    await fleet.minute()
    scene.projection.flush()
    await watch.once()
    if ((await scene.holds()).length > 0) return { scene, fleet, minutes: i }
  }
  return { scene, fleet, minutes: undefined }
}

test('a release with which half fail is held before 1 % of a ramp of 48 hours have it', {
  timeout: 600_000,
}, async () => {
  const { scene, fleet, minutes } = await rampUntilHeld(0.5, 3)
  expect(minutes).toBeLessThan(60)
  expect(fleet.offered.size).toBeLessThan(machines / 100)
  const [[version, reason] = []] = await scene.holds()
  expect([version, reason]).toEqual([
    '2',
    expect.stringMatching(/^guard: \d+ of \d+ fell back|^guard: \d+ of \d+ failed: \d+ × 44 rollback$/),
  ])
  expect(await ask(newReader(scene))).toBe('held')
  const had = fleet.offered.size
  for (let i = 0; i < 60; i++) await fleet.minute()
  expect(fleet.offered.size).toBe(had)
})

test('a good release with 1 % background failures is not held', { timeout: 600_000 }, async () => {
  const { scene, fleet, minutes } = await rampUntilHeld(0.01, 10)
  expect([minutes, await scene.holds()]).toEqual([undefined, []])
  expect(fleet.offered.size).toBeGreaterThan(60)
})
