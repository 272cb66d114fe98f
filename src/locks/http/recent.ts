/** What one process remembers of its requests for locks: refusals, problems, and who locked from where. */
import type { Instant } from '../../kernel/clock.ts'

/** Why a machine got no slot, or no answer. */
export const refusals = [
  ...['full', 'hold', 'rollback', 'freeze', 'window', 'soak', 'zone', 'gate'],
  ...['lost-race', 'no-group', 'token', 'request', 'damaged', 'driver', 'store'],
] as const
export type Refusal = (typeof refusals)[number]

/** A request from the address of the last lock is taken for the same machine's until this much later. */
const knownMs = 10 * 60 * 1000
/** locksmith tries again after 10 s at the earliest and 5 minutes at the latest. Looks that follow each other at once are no tries. */
const [retryMs, maxRetryMs] = [5_000, 6 * 60 * 1000]
/** Addresses that are remembered, the last ones. */
const maxPeers = 1000

interface Peer {
  readonly machine: string
  readonly group: string
  readonly at: Instant
  /** Whether others lock from there, too. */
  readonly isShared: boolean
}

export interface Memory {
  refused(why: Refusal): void
  counts(): ReadonlyMap<string, number>
  /** What is wrong with the store; `undefined` once it is right again. */
  note(what: 'read' | 'write' | 'list', problem: string | undefined): void
  /** The groups were listed. What is wrong with them, instead of what was. */
  noteGroups(damaged: ReadonlyMap<string, string>): void
  problems(): readonly string[]
  /** Notes that locksmith found no slot free. @returns whether it waits: it looked before, and not just before. */
  foundFull(group: string, now: Instant): boolean
  /** Remembers that a machine locked. */
  locked(peer: string | undefined, group: string, machine: string, now: Instant): void
  /** A command of locksmith begins there. A daemon that tries again does not begin so. */
  began(peer: string | undefined): void
  /** @returns the only machine that locked from there in the last minutes. */
  lockedFrom(peer: string | undefined, group: string, now: Instant): string | undefined
}

export function openMemory(): Memory {
  const counts = new Map<string, number>(refusals.map((why) => [why, 0]))
  const problems = new Map<string, string>()
  let groups: ReadonlyMap<string, string> = new Map()
  const peers = new Map<string, Peer>()
  const full = new Map<string, Instant>()
  return {
    refused: (why) => void counts.set(why, (counts.get(why) ?? 0) + 1),
    counts: () => counts,
    note(what, problem) {
      if (problem === undefined) problems.delete(what)
      else problems.set(what, problem)
    },
    noteGroups(damaged) {
      problems.delete('list')
      groups = damaged
    },
    problems: () => [...new Set([...problems.values(), ...groups.values()])],
    foundFull(group, now) {
      const before = full.get(group)
      const gapMs = before === undefined ? Number.POSITIVE_INFINITY : Math.abs(now - before)
      if (gapMs >= retryMs) full.set(group, now)
      return gapMs >= retryMs && gapMs <= maxRetryMs
    },
    locked(peer, group, machine, at) {
      if (peer === undefined) return
      const before = peers.get(peer)
      const isRecent = before !== undefined && Math.abs(at - before.at) < knownMs
      peers.delete(peer)
      peers.set(peer, { machine, group, at, isShared: isRecent && (before.isShared || before.machine !== machine) })
      const [oldest] = peers.keys()
      if (peers.size > maxPeers && oldest !== undefined) peers.delete(oldest)
    },
    began: (peer) => void (peer !== undefined && peers.delete(peer)),
    lockedFrom(peer, group, now) {
      const found = peer === undefined ? undefined : peers.get(peer)
      if (found === undefined || found.isShared || found.group !== group) return undefined
      return Math.abs(now - found.at) < knownMs ? found.machine : undefined
    },
  }
}
