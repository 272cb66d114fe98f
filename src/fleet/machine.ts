/**
 * What became of a machine: its states follow from going through the first and the last time of every fact in order. Pure.
 */
import type { Instant } from '../kernel/clock.ts'
import { type Fact, type Meaning, progressTypes } from './facts.ts'

export const states = [
  /** Only contacts that say nothing about updates. */
  'seen',
  'up-to-date',
  'offered',
  /** Something withholds the update; `detail` is the reason. */
  'waiting',
  'downloading',
  'downloaded',
  /** Waits for its reboot. */
  'installed',
  /** Came back in the new version; its next check says what is next. */
  'rebooted',
  /** `detail` is number and name of the error. Stays until it tries again, or runs or is offered something else. */
  'failed',
  /** Came back in the old version. Stays as long as `failed`. */
  'fell-back',
] as const

export type State = (typeof states)[number]

/** One step of a machine's history. */
export interface Change {
  readonly at: Instant
  readonly state: State
  readonly channel: string
  /** What it runs. */
  readonly version: string
  /** Of `waiting` and `failed`. */
  readonly detail: string
  /** The version that it updates to; empty where that is unknown. */
  readonly target: string
}

/** How far a machine came with one release. Instants are of the first time; `failed` and `fellBack` of the last. */
export interface Progress {
  offered?: Instant
  /** Where it was offered first. */
  channel?: string
  begun?: Instant
  installed?: Instant
  done?: Instant
  failed?: Instant
  /** Of failures and of coming back in the old version, the first. */
  firstFailed?: Instant
  /** Of the last failure. */
  error?: string
  fellBack?: Instant
}

export interface Life {
  /** At least one, oldest first. */
  readonly changes: readonly Change[]
  /** By version. */
  readonly progress: ReadonlyMap<string, Progress>
}

/** Of ChromiumOS, after a reboot. */
const chromeReboot = 54

const updating: readonly State[] = ['downloading', 'downloaded', 'installed']
const sticky: readonly State[] = ['failed', 'fell-back']

interface Walk {
  readonly changes: Change[]
  readonly progress: Map<string, Progress>
}

/** @param facts at least one, in any order. */
export function lifeOf(facts: readonly Fact[]): Life {
  const walk: Walk = { changes: [], progress: new Map() }
  const [instants, meanings] = pointsOf(facts)
  meanings.forEach((meaning, i) => {
    step(walk, instants[i] ?? 0, meaning)
  })
  return walk
}

/** The first and the last time of each fact, in order. Facts are nearly in order: so one by one is the quickest sort. */
function pointsOf(facts: readonly Fact[]): readonly [readonly Instant[], readonly Meaning[]] {
  const [instants, meanings]: [Instant[], Meaning[]] = [[], []]
  const insert = (at: Instant, meaning: Meaning): void => {
    let i = instants.length
    for (; i > 0; i--) {
      const [before, other] = [instants[i - 1] as Instant, meanings[i - 1] as Meaning]
      if (before < at || (before === at && isBefore(other, meaning))) break
      instants[i] = before
      meanings[i] = other
    }
    instants[i] = at
    meanings[i] = meaning
  }
  for (const { meaning, first } of facts) insert(first, meaning)
  for (const { meaning, first, last } of facts) if (last > first) insert(last, meaning)
  return [instants, meanings]
}

/** In one instant: beyond the rank, it only has to be the same each time. */
const isBefore = (a: Meaning, b: Meaning): boolean => a.rank < b.rank || (a.rank === b.rank && a.key < b.key)

const nowhere: Change = { at: 0, state: 'seen', channel: '', version: '', detail: '', target: '' }

function step(walk: Walk, at: Instant, meaning: Meaning): void {
  const { changes } = walk
  const now = changes[changes.length - 1] ?? nowhere
  const { channel, version } = meaning
  const { state, detail, target } = nextOf(walk, now, at, meaning)
  const isSame = state === now.state && detail === now.detail && target === now.target
  if (isSame && channel === now.channel && version === now.version && now !== nowhere) return
  // Of what one request says, the last counts.
  if (now.at === at) changes.pop()
  changes.push({ at, state, channel, version, detail, target })
}

type Next = Pick<Change, 'state' | 'detail' | 'target'>

function nextOf(walk: Walk, now: Change, at: Instant, meaning: Meaning): Next {
  const { kind, version, detail } = meaning
  const { target } = now
  // It runs another version than when it began: go-omaha and Nebraska's updater do not say that they rebooted.
  const isFailure = kind === 'event' && meaning.result === 0
  if (updating.includes(now.state) && version !== now.version && !isFailure) return done(walk, at, version)
  const isStuck = sticky.includes(now.state) && version === now.version
  if (kind === 'seen') return isStuck || now.version === version ? now : { state: 'seen', detail: '', target: '' }
  if (kind === 'offer') {
    const progress = progressOf(walk, detail)
    progress.offered ??= at
    progress.channel ??= meaning.channel
    return isStuck && detail === target ? now : { state: 'offered', detail: '', target: detail }
  }
  if (kind === 'event') return afterEvent(walk, now, at, meaning)
  // The event of the same request says what it fell back from.
  if (detail === 'fell-back') return now
  if (detail === 'up-to-date') return { state: 'up-to-date', detail: '', target: '' }
  return isStuck ? now : { state: 'waiting', detail, target }
}

function done(walk: Walk, at: Instant, version: string): Next {
  progressOf(walk, version).done ??= at
  return { state: 'rebooted', detail: '', target: version }
}

function afterEvent(walk: Walk, now: Change, at: Instant, meaning: Meaning): Next {
  const { version, type, result, error, detail: previous } = meaning
  const { target } = now
  if (result === 0) return afterFailure(walk, now, at, meaning)
  const isReboot = (type === 3 && result === 2) || (type === chromeReboot && result === 1)
  // Without the version before, it only counts for a machine that was updating.
  if (isReboot) return previous !== '' || updating.includes(now.state) ? done(walk, at, version) : now
  if (result === 9) return sticky.includes(now.state) ? now : { state: 'waiting', detail: error, target }
  if (result !== 1 || !progressTypes.includes(type)) return now
  const progress = target === '' ? {} : progressOf(walk, target)
  progress.begun ??= at
  if (type === 13) return { state: 'downloading', detail: '', target }
  if (type === 14) return { state: 'downloaded', detail: '', target }
  progress.installed ??= at
  return { state: 'installed', detail: '', target }
}

function afterFailure(walk: Walk, now: Change, at: Instant, { version, error }: Meaning): Next {
  const isFallBack = error.startsWith('44 ')
  // An update that is done has not failed.
  const target = now.target === version ? '' : now.target
  if (target !== '') {
    const progress = progressOf(walk, target)
    progress.firstFailed ??= at
    if (isFallBack) progress.fellBack = at
    else Object.assign(progress, { failed: at, error })
  }
  return isFallBack
    ? { state: 'fell-back', detail: '', target }
    : { state: 'failed', detail: error || 'unnamed', target }
}

function progressOf({ progress }: Walk, version: string): Progress {
  const known = progress.get(version)
  if (known) return known
  const made: Progress = {}
  progress.set(version, made)
  return made
}

/**
 * The fact that only goes on while it repeats. @returns `undefined` where the next contact may change something, even one
 * that says the same.
 */
export function settledFact(facts: readonly Fact[], { changes, progress }: Life): Fact | undefined {
  const now = changes.at(-1)
  let [newest, fact]: [Instant, Fact | undefined] = [Number.NEGATIVE_INFINITY, undefined]
  for (const one of facts) {
    if (one.last < newest) continue
    fact = one.last > newest ? one : undefined
    newest = one.last
  }
  if (fact === undefined || now === undefined || fact.meaning.kind === 'event') return undefined
  // A state that began with the last time of a fact would begin later with each contact.
  if (now.at === newest && fact.first < newest) return undefined
  // Progress that a fact makes, it made before.
  const walk: Walk = { changes: [now], progress: new Map(progress) }
  step(walk, newest + 1, fact.meaning)
  return walk.changes.length === 1 ? fact : undefined
}
