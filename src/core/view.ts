/** A channel prepared for deciding: joined with its holds once, so that a check costs the same for 1 and for 200 releases. */
import type { BoardPackages, Channel, Hold, Release } from './channel.ts'
import { compareVersions, parseVersion, type Version } from './version.ts'

/** Why one release is offered to nobody. */
export interface Refusal {
  readonly reason: 'withdrawn' | 'held' | 'not-in-ramp' | 'outside-window' | 'target'
  /** The operator's words. */
  readonly because: string
}

/** One release as one board sees it. */
export interface Candidate {
  readonly release: Release
  readonly version: Version | undefined
  readonly packages: BoardPackages
  readonly refusal: Refusal | undefined
}

export interface BoardView {
  /** By their text: what nearly every machine runs is one of these, and need not be read again. */
  readonly versions: ReadonlyMap<string, Version>
  /** Newest first. */
  readonly candidates: readonly Candidate[]
  /** Oldest first. */
  readonly floors: readonly Candidate[]
  readonly deadEnds: readonly Candidate[]
}

export interface ChannelView {
  readonly boards: ReadonlyMap<string, BoardView>
  readonly rollbackFrom: readonly (Version | undefined)[]
}

/** Joins a channel with the holds that the catalog puts on it. */
export function viewChannel(channel: Channel, holds: readonly Hold[] = []): ChannelView {
  const names = new Set(channel.releases.flatMap(({ boards }) => Object.keys(boards)))
  return {
    boards: new Map([...names].map((name) => [name, viewBoard(channel, name, holds)])),
    rollbackFrom: (channel.rollbackFrom ?? []).map(parseVersion),
  }
}

function viewBoard(channel: Channel, board: string, holds: readonly Hold[]): BoardView {
  const candidates = channel.releases
    .flatMap((release): Candidate[] => {
      const packages = release.boards[board]
      if (packages === undefined) return []
      const version = parseVersion(release.version)
      return [{ release, version, packages, refusal: refusalOf(channel, release, holdOn(holds, version, board)) }]
    })
    .sort((a, b) => compareVersions(b.version, a.version))
  return {
    versions: new Map(candidates.flatMap(({ release, version }) => (version ? [[release.version, version]] : []))),
    candidates,
    floors: candidates.filter(({ release }) => release.floor).reverse(),
    deadEnds: candidates.filter(({ release }) => release.deadEnd),
  }
}

function holdOn(holds: readonly Hold[], version: Version | undefined, board: string): Hold | undefined {
  return holds.find(
    (hold) =>
      (hold.board === undefined || hold.board === board) && compareVersions(parseVersion(hold.version), version) === 0,
  )
}

/** Conditions that are not evaluated yet withhold: a release must never reach more machines than was signed. */
function refusalOf(channel: Channel, release: Release, hold: Hold | undefined): Refusal | undefined {
  if (release.withdrawn) return { reason: 'withdrawn', because: release.withdrawn.reason }
  if (hold) return { reason: 'held', because: hold.reason }
  if (release.target ?? channel.target) return { reason: 'target', because: 'it names targets' }
  if (release.ramp) return { reason: 'not-in-ramp', because: 'it is ramped' }
  if (release.windows ?? channel.windows) return { reason: 'outside-window', because: 'it has windows' }
  return undefined
}
