/** Compares what a card says with what `decide` answers, so that it can say that it leaves something out. Pure. */

import type { Target } from './channel.ts'
import { decide } from './decide.ts'
import type { Headline } from './headline-facts.ts'
import { progressOf } from './rollout-status.ts'
import { compareVersions, parseVersion } from './version.ts'
import type { Candidate, ChannelView } from './view.ts'

type Tried = Readonly<{ version: string; oem: string }>

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
    const offerTo = ({ version, oem }: Tried): Candidate | undefined => {
      const one = decide({ version, oem, board, onNoList: true }, opened, now)
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
      return isSaid(said, { running, oem: tried.oem, isLucky, got: offerTo(tried) })
    })
  })
}

/** Between these nothing changes: versions of releases, what is just above, and the bounds and the OEMs of targets. */
function machinesFor(candidates: readonly Candidate[]): readonly Tried[] {
  const tried = [...candidates.slice(0, triedAtMost), ...candidates.filter(({ floor }) => floor).slice(0, triedAtMost)]
  const targets = targetsOf(tried)
  const bounds = targets.flatMap(({ from = '' }) => [...from.matchAll(/[^\s<>=]+/g)].map(([version]) => version))
  const versions = [...tried.map(({ release }) => release.version), ...bounds]
  const all = new Set(['', ...versions.flatMap((one) => [one, one.replace(/[-+].*|$/, '.0.0.1')])])
  return oemsOf(targets).flatMap((oem) => [...all].map((version) => ({ version, oem })))
}

const targetsOf = (some: readonly Candidate[]): readonly Target[] =>
  [...new Set(some.flatMap((it) => it.targets))].flatMap(({ of }) => of ?? [])

const oemsOf = (targets: readonly Target[]): readonly string[] =>
  [...new Set(['', ...targets.flatMap(({ oem }) => [...(oem?.only ?? []), ...(oem?.not ?? [])])])].slice(0, triedAtMost)

/**
 * What machines get that are sent back from a version: one release, or two by the ramp that they come upon. `undefined`
 * where they keep theirs, or where more would have to be said.
 */
export function wayBackFrom(version: string, view: ChannelView, board: string, now: number) {
  const [none, ...others] = waysOf(view, board, now)
  const to = none?.offerTo({ version, oem: '' })
  const running = parseVersion(version)
  if (to === undefined || compareVersions(to.version, running) >= 0) return undefined
  const admitted = oemsOf(targetsOf(view.boards.get(board)?.candidates ?? [])).filter((oem) =>
    to.targets.every((admits) => admits({ running, oem, machineId: '', onNoList: true }) === undefined),
  )
  const found = new Set([none, ...others].flatMap((way) => admitted.map((oem) => way?.offerTo({ version, oem }))))
  found.delete(to)
  const [or] = found
  return found.size > 1 || (found.size === 1 && or === undefined) ? undefined : { to, or }
}

type Found = Readonly<{ running: Candidate['version']; oem: string; isLucky: boolean; got: Candidate | undefined }>

function isSaid({ rollout, rest, ...said }: Headline, { running, oem, isLucky, got }: Found): boolean {
  const below = (one: Candidate | undefined): boolean => one !== undefined && compareVersions(running, one.version) < 0
  const isFor = (one: Candidate | undefined): boolean =>
    one === undefined ||
    one.targets.every((admits) => admits({ running, oem, machineId: '', onNoList: true }) === undefined)
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
