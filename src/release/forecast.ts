/** When a machine's answer will change, if nobody edits the channel. Pure and bounded. */
import { boardFor, bucketFor, type Check, type Decision, decide } from './decide.ts'
import { rampEdges } from './ramp.ts'
import { compareVersions, parseVersion } from './version.ts'
import type { ChannelView } from './view.ts'
import { nextEdge } from './window.ts'

/** A channel with many long ramps has more instants. */
const maxInstants = 100

export interface ForecastChange {
  /** Milliseconds since 1970-01-01T00:00:00Z, a whole number. */
  readonly at: number
  readonly decision: Decision
}

/**
 * The next instant at which `decide` offers the same machine something else, or nothing.
 * @returns `undefined` where nothing that is signed now changes the answer.
 */
export function nextChange(check: Check, view: ChannelView, now: number): ForecastChange | undefined {
  const current = decide(check, view, now)
  const instants = [now, ...rampInstants(check, view, now)]
  for (const [i, from] of instants.entries()) {
    const then = decide(check, view, from)
    if (!isSame(then, current)) return { at: from, decision: then }
    for (const edge of windowEdges(then, check, view, from)) {
      if (edge >= (instants[i + 1] ?? Number.POSITIVE_INFINITY)) break
      const after = decide(check, view, edge)
      if (!isSame(after, current)) return { at: edge, decision: after }
    }
  }
  return undefined
}

function isSame(a: Decision, b: Decision): boolean {
  const [one, other] = [a, b].map((decision) => (decision.kind === 'update' ? decision.offer : undefined))
  return one === other
}

/** Later instants at which a ramp may change the answer, or a follower begins to offer a release. */
function rampInstants(check: Check, view: ChannelView, now: number): readonly number[] {
  const candidates = boardFor(view, check)?.candidates ?? []
  const instants = candidates.flatMap((candidate) => [
    candidate.seenFrom,
    ...candidate.ramps.flatMap((ramp) => rampEdges(ramp, bucketFor(candidate, view, check).ramp, now)),
  ])
  const later = instants.filter((at) => at > now).sort((a, b) => a - b)
  return [...new Set(later)].slice(0, maxInstants)
}

/** When the window of the offered release or of the next floor closes, or that of the withheld one opens. In order. */
function windowEdges(decision: Decision, check: Check, view: ChannelView, from: number): readonly number[] {
  if (check.isManual || (decision.kind === 'no-update' && decision.reason !== 'outside-window')) return []
  const running = parseVersion(check.version)
  const floor = boardFor(view, check)?.floors.find(({ version }) => compareVersions(version, running) > 0)
  const candidates = [decision.kind === 'update' ? decision.offer : decision.candidate, floor]
  const edges = candidates.flatMap((one) =>
    one?.schedule ? (nextEdge(one.schedule, bucketFor(one, view, check).window, from) ?? []) : [],
  )
  return edges.sort((a, b) => a - b)
}
