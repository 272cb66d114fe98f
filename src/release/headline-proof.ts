/** Compares what a card says with what `decide` answers, so that it can say that it leaves something out. Pure. */

import type { Target } from './channel.ts'
import { decide } from './decide.ts'
import type { Headline } from './headline-facts.ts'
import { progressOf } from './rollout-status.ts'
import { compareVersions, parseVersion } from './version.ts'
import type { Candidate, ChannelView } from './view.ts'

type Tried = Readonly<{ version: string; oem: string; os: string }>

/** The newest releases whose versions machines are tried on. */
const triedAtMost = 16

/** Of each machine, only the first ramp counts that it comes upon; by its version and OEM, that is one of these. */
const rampsAtMost = 8

/** The same channel for machines that its ramps admit or not: to none, to all, to each alone. */
function waysOf(view: ChannelView, board: string, now: number) {
  const of = view.boards.get(board)
  if (of === undefined) return []
  const partial = of.candidates
    .filter((it) => it.refusal === undefined && (progressOf(it, now)?.share ?? 0) > 0)
    .slice(0, rampsAtMost)
  const admitted = [[], ...partial.map((it) => [it]), ...(partial.length > 1 ? [partial] : [])]
  return admitted.map((some: readonly Candidate[]) => {
    const original = new Map<Candidate, Candidate>()
    const candidates = of.candidates.map((it) => {
      const made = some.includes(it) ? { ...it, ramps: [] } : it
      original.set(made, it)
      return made
    })
    const floors = of.floors.map((it) => candidates[of.candidates.indexOf(it)] ?? it)
    const opened = { ...view, boards: new Map([[board, { ...of, candidates, floors }]]) }
    /** What a machine on no list is offered, now or when a window opens. */
    const offerTo = (tried: Tried): Candidate | undefined => {
      const one = decide({ ...tried, board, onNoList: true }, opened, now)
      const found = one.kind === 'update' ? one.offer : one.reason === 'outside-window' ? one.candidate : undefined
      return found && original.get(found)
    }
    return { admitted: some, offerTo }
  })
}

/** Whether machines of any version and OEM get what the headline says. */
export function isExact(said: Headline, view: ChannelView, board: string, now: number): boolean {
  const { candidates = [], deadEnds = [] } = view.boards.get(board) ?? {}
  const ways = waysOf(view, board, now)
  return machinesFor(candidates).every((tried) => {
    const running = parseVersion(tried.version)
    const is = ({ version }: Pick<Candidate, 'version'>) => compareVersions(version, running) === 0
    if (deadEnds.some(is) || view.rollbackFrom.some(is)) return true
    return ways.every(({ admitted, offerTo }) => {
      const isLucky = admitted.some((it) => it === said.rollout?.candidate)
      return isSaid(said, { running, tried, isLucky, got: offerTo(tried) })
    })
  })
}

/** Between these nothing changes: versions of releases, what is just above, and the bounds, OEMs and systems of targets. */
function machinesFor(candidates: readonly Candidate[]): readonly Tried[] {
  const tried = [...candidates.slice(0, triedAtMost), ...candidates.filter(({ floor }) => floor).slice(0, triedAtMost)]
  const targets = targetsOf(tried)
  const versions = [...tried.map(({ release }) => release.version), ...boundsOf(targets, 'from')]
  const all = new Set(['', ...versions.flatMap((one) => [one, one.replace(/[-+].*|$/, '.0.0.1')])])
  return kindsOf(targets).flatMap((kind) => [...all].map((version) => ({ ...kind, version })))
}

const boundsOf = (targets: readonly Target[], range: 'from' | 'os'): readonly string[] =>
  targets.flatMap((one) => [...(one[range] ?? '').matchAll(/[^\s<>=]+/g)].map(([version]) => version))

const targetsOf = (some: readonly Candidate[]): readonly Target[] =>
  [...new Set(some.flatMap((it) => it.targets))].flatMap(({ of }) => of ?? [])

/** By OEM and operating system. */
function kindsOf(targets: readonly Target[]): readonly Omit<Tried, 'version'>[] {
  const oems = new Set(['', ...targets.flatMap(({ oem }) => [...(oem?.only ?? []), ...(oem?.not ?? [])])])
  const systems = new Set(['', ...boundsOf(targets, 'os').flatMap((one) => ['0', one, `${one}.0.0.1`])])
  const first = [...oems].slice(0, triedAtMost)
  return [...systems].slice(0, triedAtMost).flatMap((os) => first.map((oem) => ({ oem, os })))
}

/**
 * What machines get that are sent back from a version: one release, or two by the ramp that they come upon. `undefined`
 * where they keep theirs, or where more would have to be said.
 */
export function wayBackFrom(version: string, view: ChannelView, board: string, now: number) {
  const [none, ...others] = waysOf(view, board, now)
  const to = none?.offerTo({ version, oem: '', os: '' })
  const running = parseVersion(version)
  if (to === undefined || compareVersions(to.version, running) >= 0) return undefined
  const admitted = kindsOf(targetsOf(view.boards.get(board)?.candidates ?? [])).filter((kind) =>
    to.targets.every((admits) => admits({ ...kind, running, machineId: '', onNoList: true }) === undefined),
  )
  const found = new Set([none, ...others].flatMap((way) => admitted.map((kind) => way?.offerTo({ ...kind, version }))))
  found.delete(to)
  const [or] = found
  return found.size > 1 || (found.size === 1 && or === undefined) ? undefined : { to, or }
}

type Found = Readonly<{ running: Candidate['version']; tried: Tried; isLucky: boolean; got: Candidate | undefined }>

function isSaid({ rollout, rest, ...said }: Headline, { running, tried: { oem, os }, isLucky, got }: Found): boolean {
  const below = (one: Candidate | undefined): boolean => one !== undefined && compareVersions(running, one.version) < 0
  const isFor = (one: Candidate | undefined): boolean =>
    one === undefined ||
    one.targets.every((admits) => admits({ running, oem, os, machineId: '', onNoList: true }) === undefined)
  // Notices say no more of these than that they are for others.
  const waits = said.notices.some(({ state, candidate }) => /later|ramp/.test(state) && !isFor(candidate))
  if (waits || said.notices.some(({ state, candidate }) => state === 'target' && isFor(candidate))) return true
  const lead = rollout?.candidate ?? rest
  if (below(said.since)) {
    const barrier = said.barriers.findLast(({ from, floor }) => !below(from) && below(floor))
    const instead = below(barrier?.rest) ? barrier?.rest : undefined
    if (barrier === undefined || ![lead, barrier.floor, instead].every(isFor)) return true
    const isOnTheWay = got?.floor !== undefined && compareVersions(got.version, instead?.version) < 0
    return got === barrier.floor || got === instead || isOnTheWay
  }
  const goal = isLucky || rollout === undefined ? lead : rest
  const floor = said.floors.find(below)
  if (![lead, goal, floor].every(isFor)) return true
  const isFirst = floor !== undefined && goal !== undefined && compareVersions(floor.version, goal.version) < 0
  const want = below(goal) ? (isFirst ? floor : goal) : undefined
  return got === want || (isFirst && want?.schedule !== undefined && compareVersions(got?.version, want.version) < 0)
}
