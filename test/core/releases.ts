/** Releases and channels in few words, for tables. */
import type { BoardPackages, Channel, Hold, Package, Release, Window } from '../../src/release/channel.ts'
import { type Check, decide } from '../../src/release/decide.ts'
import { type ChannelView, viewChannel } from '../../src/release/view.ts'

export const onePackage = (digit = 'a', name = 'update.gz'): Package => ({
  name,
  size: 1000,
  sha256: digit.repeat(64),
  sha1: digit.repeat(40),
})

export const bytesOf = (digit = 'a'): BoardPackages => ({ codebases: [], packages: [onePackage(digit)] })

/** A release of `amd64-usr`, unless `more` says otherwise. */
export const release = (version: string, more: Partial<Release> = {}): Release => ({
  version,
  publishedAt: '2026-11-01T00:00:00.000Z',
  boards: { 'amd64-usr': bytesOf() },
  ...more,
})

export const held = (version: string, board?: string): Hold => ({
  version,
  reason: 'https://example.org/why',
  at: '2026-11-02T00:00:00Z',
  ...(board && { board }),
})

export const night: Window = { days: ['Mon'], from: '22:00', to: '04:00', timeZone: 'Europe/Berlin' }

export const queue = { app: 'example.app', channel: 'stable' }

/** A channel without a source, ready for deciding. */
export const viewOf = (content: Channel, holds: readonly Hold[] = [], rampAsOf?: string): ChannelView =>
  viewChannel(queue, { content, holds, rampAsOf })

/** A Monday, noon in UTC. */
export const noon = Date.parse('2026-11-23T12:00:00Z')

/** What a machine gets, in a few words: `update 3`, or `held 3 (because)`. */
export function answer(check: Partial<Check>, view: ChannelView, now: number = noon): string {
  const decision = decide({ version: '1', board: 'amd64-usr', ...check }, view, now)
  if (decision.kind === 'update') return `update ${decision.offer.release.version}`
  const { reason, candidate, because } = decision
  return [reason, candidate?.release.version, because && `(${because})`].filter(Boolean).join(' ')
}
