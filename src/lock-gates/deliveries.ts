/** Which events of an outbox are due, what they say, and what comes of them. Pure. */
import type { Instant } from '../kernel/clock.ts'
import { textDigest } from '../kernel/digest.ts'
import { isoText } from '../kernel/format.ts'
import type { Lock } from '../locks/document.ts'
import type { Outbox, OutboxEntry } from '../locks/outbox.ts'

const [second, minute] = [1_000, 60_000]
/** After these an event is given up: a day. */
const pausesMs = [5 * second, 30 * second, ...[2, 10, 30, ...Array(23).fill(60)].map((count) => count * minute)]
const maxPauseMs = 60 * minute

type Entries = Pick<Outbox, 'entries'>

/** The first event of each machine, with how long it waits. */
function firstOf({ entries }: Entries, now: Instant) {
  const machines = new Set<string>()
  return entries.flatMap((entry) => {
    const { id, due } = entry
    if (machines.has(id)) return []
    machines.add(id)
    const leftMs = due === undefined ? 0 : Date.parse(due) - now
    // A pause longer than any is of a clock that was wrong.
    return [{ entry, leftMs: leftMs > 2 * maxPauseMs ? 0 : leftMs }]
  })
}

/** The first event of each machine, where it is due: the next ones of a machine wait for it. */
export const dueIn = (outbox: Entries, now: Instant): readonly OutboxEntry[] =>
  firstOf(outbox, now).flatMap(({ entry, leftMs }) => (leftMs <= 0 ? [entry] : []))

/** How long until one is due; infinite without any. */
export const nextIn = (outbox: Entries, now: Instant): number =>
  Math.min(...firstOf(outbox, now).map(({ leftMs }) => leftMs))

/** By the number of the event. */
export interface Outcome {
  readonly delivered: ReadonlySet<number>
  readonly failed: ReadonlySet<number>
}

/** The outbox after deliveries, unclaimed. */
export function settle({ claim: _, ...outbox }: Outbox, { delivered, failed }: Outcome, now: Instant): Outbox {
  const left = outbox.entries.filter(({ n }) => !delivered.has(n))
  const kept = left.filter(({ n, tries = 0 }) => !failed.has(n) || tries < pausesMs.length)
  const entries = kept.map((entry) => {
    const { n, tries = 0 } = entry
    return failed.has(n) ? { ...entry, tries: tries + 1, due: isoText(now + (pausesMs[tries] ?? 0)) } : entry
  })
  return { ...outbox, entries, dropped: outbox.dropped + left.length - kept.length }
}

/** What a machine does next is known for `unlocked` alone: who is freed by an operator or a lease may never come back. */
const typeOf = ({ what, via }: OutboxEntry) => {
  if (what === 'lock') return 'reboot.locked'
  return what === 'expire' || via === 'operator' ? 'reboot.freed' : 'reboot.unlocked'
}

const words = {
  'reboot.locked': 'may reboot',
  'reboot.unlocked': 'is back',
  'reboot.freed': 'lost its slot: an operator or its lease freed it',
} as const

/** Equal on every server, and each time it is sent. */
export function messageOf({ group, created }: Pick<Lock, 'group' | 'created'>, entry: OutboxEntry) {
  const { n, at, id: machine, via, what } = entry
  const type = typeOf(entry)
  return {
    id: `msg_${textDigest(JSON.stringify([group, created, n])).slice(0, 32)}`,
    ...{ type, timestamp: at, text: `${group}: ${machine} ${words[type]}` },
    data: { group, machine, what, via, number: n },
  }
}

export type HookMessage = ReturnType<typeof messageOf>
