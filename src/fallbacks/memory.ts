/** Which release a machine is not offered again for a while. Pure. */
import type { Query, Review } from '../checks/update-check.ts'
import type { Instant } from '../kernel/clock.ts'
import { timeText } from '../kernel/format.ts'
import type { Candidate } from '../release/view.ts'
import type { FallBack } from './fell-back.ts'
import { type Forgiven, forgivenAt, maxIdLength } from './forgiven.ts'

/** When machines fell back, by app and version, then by id. */
export type Memory = ReadonlyMap<string, ReadonlyMap<string, Instant>>

const nameOf = (app: string, version: string): string => `${app}\n${version}`

export function rememberAll(fallBacks: readonly FallBack[], entries: readonly Forgiven[]): Memory {
  const memory = new Map<string, Map<string, Instant>>()
  const forgiven = forgivenAt(entries)
  for (const one of fallBacks) {
    if (one.at <= forgiven(one)) continue
    const name = nameOf(one.app, one.version)
    const machines = memory.get(name) ?? new Map()
    memory.set(name, machines.set(one.machine, one.at))
  }
  return memory
}

/** No newer release helps a machine past a floor: it tries again after a day. */
const floorMs = 24 * 60 * 60 * 1000

interface Reviewing {
  readonly memory: () => Memory
  readonly keepMs: number
  /** An id as the projection has it. */
  readonly idOf: (id: string) => string
}

/** Withholds a release from a machine that fell back from it; a person on the machine gets it all the same. */
export function reviewBy({ memory, keepMs, idOf }: Reviewing): Review {
  const fellAt = ({ app, machineId = '' }: Query, { release }: Candidate): Instant | undefined => {
    // Longer ids are cut in lines, where two may become one.
    if (machineId === '' || machineId.length > maxIdLength) return undefined
    return memory().get(nameOf(app, release.version))?.get(idOf(machineId))
  }
  return (query, decision, now) => {
    if (decision.kind === 'no-update' || query.isManual || query.isSyncer) return decision
    const { offer } = decision
    const at = fellAt(query, offer)
    if (at === undefined) return decision
    const until = at + (offer.floor ? Math.min(keepMs, floorMs) : keepMs)
    if (now >= until) return decision
    const because = `it fell back from ${offer.release.version} at ${timeText(at)}, and is offered it again from ${timeText(until)}; at once if somebody asks on the machine, or after platte fleet forgive`
    return { kind: 'no-update', reason: 'fell-back', candidate: offer, because }
  }
}
