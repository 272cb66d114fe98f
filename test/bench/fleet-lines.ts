/** The lines of a fleet, one round of contacts after the other: what its servers would have written, in the order of time. */
import { isoText } from '../../src/kernel/format.ts'
import { app, machineId } from './world.ts'

/** Contacts of a day, every 45 minutes. */
export const roundsOfDay = 32
const roundMs = 45 * 60_000
/** When the first round begins. */
export const start = Date.UTC(2026, 10, 23)

const [old, next] = ['4081.2.0', '4152.2.0']
const upToDate = { version: old, check: true, ping: true, decision: 'no-update', reason: 'up-to-date' }
const offer = { version: old, check: true, ping: true, decision: 'update', offered: next }
const event = (type: number, result: number, more: object = {}) => ({
  version: old,
  reported: [{ type, result, ...more }],
})

/** An update, one line each; every line changes the state of its machine. */
const update: readonly object[] = [
  upToDate,
  { version: old, check: true, ping: true, decision: 'no-update', reason: 'not-in-ramp' },
  offer,
  event(13, 1),
  event(3, 0, { error: '9 download-transfer' }),
  event(13, 1),
  event(14, 1),
  event(3, 1),
  { ...upToDate, version: next, reported: [{ type: 3, result: 2, previous: old }] },
  { ...upToDate, version: next },
]

/** What every machine of a round says; `{}` has the time and the machine. */
export type Script = (round: number, machine: number) => object

export const scripts = {
  repeats: () => upToDate,
  changes: (round) => update[round % update.length] ?? upToDate,
  /** Most repeat; each updates once a day, spread over it; some fail, a few fall silent. */
  day: (round, machine) =>
    update[Math.min(Math.max(round - (machine % (roundsOfDay - update.length)), 0), update.length - 1)] ?? upToDate,
} as const satisfies Readonly<Record<string, Script>>

/** @returns the lines of one round. */
export function* linesOfRound(script: Script, round: number, machines: number): Iterable<string> {
  for (let machine = 0; machine < machines; machine++) {
    const time = isoText(start + round * roundMs + Math.floor((machine * roundMs) / machines))
    const oem = ['ami', 'azure', 'qemu'][machine % 3]
    const id = {
      app,
      channel: machine % 10 === 0 ? 'beta' : 'stable',
      board: 'amd64-usr',
      machine: machineId(machine),
      oem,
      oemVersion: '3.2.985',
    }
    yield JSON.stringify({
      time,
      level: 'info',
      event: 'contact',
      ...id,
      source: 'scheduler',
      ...script(round, machine),
      requestId: `${machine}-${round}`,
    })
  }
}
