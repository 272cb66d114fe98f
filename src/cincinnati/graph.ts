/**
 * All releases of a board as a graph: from each, an edge to the one that a machine which runs it is offered. Pure.
 * @see openshift/cincinnati docs/design/cincinnati.md, coreos/fedora-coreos-cincinnati
 */
import { payloadOf, type Scheme } from '../release/channel.ts'
import { boardFor, type Check, type Decision, decide, isComplete } from '../release/decide.ts'
import { compareVersions, parseVersion, type Version } from '../release/version.ts'
import { type Candidate, type ChannelView, withoutRefused } from '../release/view.ts'
import { rolloutOf } from './rollout.ts'

export interface Graph {
  readonly nodes: readonly Readonly<{ version: string; metadata: Record<string, string>; payload: string }>[]
  /** Indexes of nodes. */
  readonly edges: readonly (readonly [from: number, to: number])[]
}

/** What a machine runs and how it names that. */
export type Running = Check & Readonly<{ scheme: Scheme; payload: string }>

interface Step {
  readonly text: string
  readonly version: Version | undefined
  readonly payload: string
  /** `undefined`: what the machine runs, of which the channel knows nothing. */
  readonly candidate: Candidate | undefined
}

/** Deciding for every node walks all conditions: about 30 ms. Zincati follows the edge of its own node only. */
const maxWalked = 100_000

/** @param own the decision for the machine that asks. */
export function readGraph(view: ChannelView, running: Running, own: Decision, now: number): Graph {
  const steps = withOwn(stepsOf(view, running), running)
  const places = new Map(steps.map(({ candidate }, i) => [candidate, i] as const))
  const offerable = withoutRefused(view)
  const hasOthers = conditionsOf(offerable, running, now) * steps.length <= maxWalked
  const edges = steps.flatMap(({ text, candidate }, from) => {
    const isOwn = candidate === undefined || text === running.version
    const decision = isOwn ? own : hasOthers ? decide({ ...running, version: text }, offerable, now) : undefined
    const to = decision?.kind === 'update' ? places.get(decision.offer) : undefined
    return to === undefined ? [] : [[from, to] as const]
  })
  const nodes = steps.map(({ text, payload, candidate }, i) => ({
    version: text,
    metadata: metadataOf(running.scheme, i, candidate, now),
    payload,
  }))
  return { nodes, edges }
}

/** How many things one decision may have to look at. */
function conditionsOf(view: ChannelView, running: Running, now: number): number {
  const { candidates = [], floors = [], deadEnds = [] } = boardFor(view, running) ?? {}
  const conditional = candidates.filter((one) => one.refusal || one.targets.length > 0 || !isComplete(one, now))
  return conditional.length + floors.length + deadEnds.length
}

/** Oldest first. */
const stepsOf = (view: ChannelView, running: Running): readonly Step[] =>
  (boardFor(view, running)?.candidates ?? []).toReversed().flatMap((candidate) => {
    const payload = payloadOf(candidate.packages, running.scheme)
    const { release, version } = candidate
    return payload === undefined ? [] : [{ text: release.version, version, payload, candidate }]
  })

/** As they are written, so that nobody is answered with any other text. */
const forms: Readonly<Record<Scheme, RegExp>> = {
  checksum: /^[0-9a-f]{64}$/,
  oci: /^[\w.:/-]{1,400}@sha256:[0-9a-f]{64}$/,
}

/** A machine finds itself by what it runs: one that comes from elsewhere has no place in the channel, and gets one here. */
function withOwn(steps: readonly Step[], { version: text, payload, scheme }: Running): readonly Step[] {
  const version = parseVersion(text)
  const isKnown = steps.some((one) => one.payload === payload || compareVersions(one.version, version) === 0)
  if (version === undefined || isKnown || !forms[scheme].test(payload)) return steps
  const above = steps.findIndex((one) => compareVersions(one.version, version) > 0)
  return steps.toSpliced(above < 0 ? steps.length : above, 0, { text, version, payload, candidate: undefined })
}

const prefix = 'org.fedoraproject.coreos.'
const updates = `${prefix}updates.`

const metadataOf = (scheme: Scheme, index: number, candidate: Candidate | undefined, now: number) => ({
  [`${prefix}releases.age_index`]: String(index),
  [`${prefix}scheme`]: scheme,
  ...(candidate?.floor && { [`${updates}barrier`]: 'true', [`${updates}barrier_reason`]: candidate.floor.reason }),
  ...(candidate?.deadEnd && { [`${updates}deadend`]: 'true', [`${updates}deadend_reason`]: candidate.deadEnd.reason }),
  ...Object.fromEntries(
    Object.entries(candidate ? rolloutOf(candidate.ramps, now) : {}).map(([name, value]) => [updates + name, value]),
  ),
})
