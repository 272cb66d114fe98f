/** A fleet that goes through a ramp: 10,000 machines that poll as update_engine does, decided one by one by the core. */
import { decide } from '../../src/release/decide.ts'
import { type ChannelView, viewChannel } from '../../src/release/view.ts'
import { atMost, type Result, type Row } from './row.ts'
import { generator } from './stats.ts'
import { app, machineId, release, runningVersion } from './world.ts'

const machines = 10_000
const minuteMs = 60_000
const hourMs = 60 * minuteMs
const rampMs = 48 * hourMs
/** update_engine asks every 45 minutes, 5 more or less at random. */
const poll = { everyMs: 45 * minuteMs, fuzzMs: 10 * minuteMs }
const seed = 4593
const burstMs = 10 * minuteMs
/** What a straight line would be: as many downloads begin in any ten minutes. */
const idealBurst = (machines * burstMs) / rampMs
const began = Date.parse('2026-11-23T09:00:00Z')

/**
 * A machine learns up to 50 minutes late that it was let in, 22.5 in the mean: 0.8 points of a ramp of 48 hours. As
 * much again is the chance in which 10,000 machines are drawn, so a straight line would deviate by that, too.
 */
const mostPoints = 2
/** Ten minutes that see 35 machines in the mean see up to 60 by chance. */
const mostTimes = 2

export const simulationRow: Row = {
  name: 'ramp simulation',
  isLong: true,
  run: async () => {
    const starts = downloadStarts(rampView())
    const hours = Array.from({ length: rampMs / hourMs }, (_, i) => i + 1)
    const offered = (hour: number): number => starts.filter((at) => at <= began + hour * hourMs).length / machines
    const signed = (hour: number): number => (hour * hourMs) / rampMs
    const points = Math.max(...hours.map((hour) => Math.abs(offered(hour) - signed(hour)))) * 100
    const burst = largestBurst(starts)
    const shares = hours
      .filter((hour) => hour % 12 === 0)
      .map((hour): Result => {
        const [value, ratio] = [offered(hour) * 100, offered(hour) / signed(hour)]
        return { name: `ramp simulation: offered at ${hour} h`, value, unit: '%', ratio, against: 'the signed share' }
      })
    return [
      ...shares,
      { name: 'ramp simulation: largest deviation', value: points, unit: 'points', goal: atMost(points, mostPoints) },
      {
        name: 'ramp simulation: begun in 10 min',
        value: burst,
        unit: 'downloads',
        ratio: burst / idealBurst,
        against: `an even flow (${idealBurst.toFixed(1)})`,
        goal: atMost(burst / idealBurst, mostTimes),
      },
    ]
  },
}

function rampView(): ChannelView {
  const at = (ms: number): string => new Date(began + ms).toISOString()
  const ramp = [
    { at: at(0), share: 0 },
    { at: at(rampMs), share: 1 },
  ]
  const releases = [{ ...release('4593.2.0'), ramp }, release(runningVersion)]
  return viewChannel({ app, channel: 'stable' }, { content: { releases } })
}

/** When each machine begins its download, in order: at its first poll that is answered with an offer. */
function downloadStarts(view: ChannelView): readonly number[] {
  const next = generator(seed)
  return Array.from({ length: machines }, (_, machine) => {
    const check = { version: runningVersion, board: 'amd64-usr', machineId: machineId(machine) }
    let now = began + next() * poll.everyMs
    while (decide(check, view, now).kind !== 'update') {
      if (now > began + rampMs)
        throw new Error(`a machine was not offered the release behind its ramp: ${check.machineId}`)
      now += poll.everyMs + (next() - 0.5) * poll.fuzzMs
    }
    return now
  }).sort((a, b) => a - b)
}

function largestBurst(starts: readonly number[]): number {
  let first = 0
  return Math.max(
    ...starts.map((at, i) => {
      while ((starts[first] ?? at) <= at - burstMs) first++
      return i - first + 1
    }),
  )
}
