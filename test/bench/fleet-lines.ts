/** The lines of a fleet, as its servers write them: one round of contacts of all machines after the other. */
import { isoText } from '../../src/kernel/format.ts'
import { app } from './world.ts'

/** Every 45 minutes, a day long. */
export const roundsOfDay = 32
export const roundMs = 45 * 60_000
/** When the first round begins. */
export const start = Date.UTC(2026, 10, 23)

const [old, next] = ['4081.2.0', '4152.2.0']
const check = { version: old, check: true, ping: true, decision: 'no-update', reason: 'up-to-date' }
const event = (type: number, result: number, more: object = {}) => ({
  version: old,
  reported: [{ type, result, ...more }],
})

/** An update with a download that fails once; every line but the last is another state. */
const update: readonly object[] = [
  check,
  { ...check, reason: 'not-in-ramp' },
  { version: old, check: true, ping: true, decision: 'update', offered: next },
  event(13, 1),
  event(3, 0, { error: '9 download-transfer' }),
  event(13, 1),
  event(14, 1),
  event(3, 1),
  { ...check, version: next, reported: [{ type: 3, result: 2, previous: old }] },
  { ...check, version: next },
]

/** What a machine says in a round. */
export type Script = (round: number, machine: number) => object

export const repeating: Script = () => check
export const changing: Script = (round) => update[round % update.length] ?? check
/** Every machine updates once in the day, spread over it; in all other rounds it repeats itself. */
export const updatingOnce: Script = (round, machine) => {
  const step = round - (machine % (roundsOfDay - update.length))
  return update[Math.min(Math.max(step, 0), update.length - 1)] ?? check
}

/** An id as random ones are: those of neighbours have nothing in common. */
export function idOf(machine: number): string {
  let [state, text] = [machine + 1, '']
  for (let i = 0; i < 4; i++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d)
    state = Math.imul(state ^ (state >>> 12), 0x297a2d39) ^ i
    text += ((state ^ (state >>> 15)) >>> 0).toString(16).padStart(8, '0')
  }
  return text
}

const oems = ['ami', 'azure', 'qemu']
/** What is said, as text: put together by hand, as a day of a million machines has 32 million lines. */
const texts = new Map<object, string>()

function textOf(said: object): string {
  const known = texts.get(said) ?? JSON.stringify(said).slice(1)
  texts.set(said, known)
  return known
}

/** @param machines how many there are in all; `from` and `to` are the first of them, and the one after the last. */
export function linesOf(script: Script, round: number, machines: number, from = 0, to = machines): string[] {
  return Array.from({ length: to - from }, (_, i) => {
    const machine = from + i
    const time = isoText(start + round * roundMs + Math.floor((machine * roundMs) / machines))
    const channel = machine % 10 === 0 ? 'beta' : 'stable'
    return `{"time":"${time}","level":"info","event":"contact","app":"${app}","channel":"${channel}","board":"amd64-usr","machine":"${idOf(machine)}","oem":"${oems[machine % 3]}","oemVersion":"3.2.985","source":"scheduler","requestId":"${machine}-${round}",${textOf(script(round, machine))}`
  })
}
