/**
 * What is kept of a machine: facts, each a thing that it said or was answered, with the first and the last time. So contacts
 * that arrive twice, late or in any order make the same machine. Pure.
 */
import type { Reported } from '../checks/omaha/omaha.ts'
import type { Instant } from '../kernel/clock.ts'

/** One contact of one machine. Texts are the client's own, cut short. */
export interface Sighting {
  readonly at: Instant
  readonly app: string
  readonly channel: string
  readonly version: string
  readonly machine: string
  readonly board: string
  readonly oem: string
  readonly oemVersion: string
  readonly alias: string
  readonly isSyncer: boolean
  /** The answer to a check: `update`, or the reason for none; empty where it did not ask. */
  readonly answer: string
  /** For `update`. */
  readonly offered: string
  readonly reported: readonly Reported[]
}

/** `seen`: a contact without a check and without news, as while update_engine waits for its reboot. */
type Kind = 'seen' | 'check' | 'offer' | 'event'

/** What a fact is about; equal meanings are one object. */
export interface Meaning {
  /** Equal for equal meanings only. */
  readonly key: string
  readonly kind: Kind
  readonly channel: string
  readonly version: string
  /** The reason of a check, the version of an offer, the previous version of an event. */
  readonly detail: string
  readonly type: number
  readonly result: number
  /** Number and name, such as `44 rollback`. */
  readonly error: string
  /** Within one instant, lower ones come first: checks before events, and downloads before installs. */
  readonly rank: number
}

export interface Fact {
  readonly meaning: Meaning
  first: Instant
  last: Instant
}

/** The keys of what a contact says: its check or that it was there, then its events. */
export function keysOf({ channel, version, answer, offered, reported }: Sighting): readonly string[] {
  const keys: string[] = []
  if (answer === 'update') keys.push(keyOf('offer', channel, version, offered))
  else if (answer !== '') keys.push(keyOf('check', channel, version, answer))
  else if (reported.length === 0) keys.push(keyOf('seen', channel, version, ''))
  for (const { type, result, error, previous = '' } of reported)
    keys.push(keyOf('event', channel, version, previous, type, result, error))
  return keys
}

/** Whether a contact says this and nothing else: the same as its only key being that of the meaning, and quicker. */
export function says(meaning: Meaning | undefined, { channel, version, answer, offered, reported }: Sighting): boolean {
  if (meaning === undefined || reported.length > 0) return false
  const kind = answer === 'update' ? 'offer' : answer === '' ? 'seen' : 'check'
  const detail = kind === 'offer' ? offered : answer
  return (
    meaning.kind === kind && meaning.detail === detail && meaning.version === version && meaning.channel === channel
  )
}

/** Texts of machines hold no line feeds. */
export const keyOf = (
  kind: Kind,
  channel: string,
  version: string,
  detail: string,
  type = 0,
  result = 0,
  error = '',
): string => `${kind}\n${channel}\n${version}\n${detail}\n${type}\n${result}\n${error}`

/** @param key of `keyOf`. */
export function meaningOfKey(key: string): Meaning {
  const [kind = 'seen', channel = '', version = '', detail = '', ofType = '0', ofResult = '0', error = ''] =
    key.split('\n')
  const [type, result] = [Number(ofType), Number(ofResult)]
  return { key, kind: kind as Kind, channel, version, detail, type, result, error, rank: rankOf(kind, type, result) }
}

/** Types of events of an update, in their order. */
export const progressTypes: readonly number[] = [13, 14, 800, 2, 3]

function rankOf(kind: string, type: number, result: number): number {
  if (kind !== 'event') return kind === 'seen' ? 0 : 1
  return 2 + (progressTypes.indexOf(type) + 1) * 3 + (result === 1 ? 0 : result === 2 ? 1 : 2)
}

/** Adds what a contact said to a list of facts. */
export function addFacts(facts: Fact[], at: Instant, meanings: readonly Meaning[]): void {
  for (const meaning of meanings) {
    const known = facts.find((one) => one.meaning === meaning)
    if (known === undefined) facts.push({ meaning, first: at, last: at })
    else if (at < known.first) known.first = at
    else if (at > known.last) known.last = at
  }
}

/** What a machine is. */
export const identityOf = ({ board, oem, oemVersion }: Pick<Sighting, 'board' | 'oem' | 'oemVersion'>): string =>
  `${board}\t${oem}\t${oemVersion}`

/** A sighting with another id and alias. */
export const disguised = (sighting: Sighting, disguise: (text: string) => string): Sighting => ({
  ...sighting,
  machine: disguise(sighting.machine),
  alias: sighting.alias && disguise(sighting.alias),
})
