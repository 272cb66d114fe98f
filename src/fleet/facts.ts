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

/** What a fact is about; equal meanings are one fact. */
export interface Meaning {
  readonly kind: Kind
  readonly channel: string
  readonly version: string
  /** The reason of a check, the version of an offer, the previous version of an event. */
  readonly detail: string
  readonly type: number
  readonly result: number
  /** Number and name, such as `44 rollback`. */
  readonly error: string
}

export interface Fact {
  readonly meaning: Meaning
  readonly first: Instant
  readonly last: Instant
}

const meaningOf = (kind: Kind, { channel, version }: Sighting, more: Partial<Meaning> = {}): Meaning => ({
  ...{ kind, channel, version, detail: '', type: 0, result: 0, error: '', ...more },
})

/** What a contact says: its check or that it was there, then its events. */
export function meaningsOf(sighting: Sighting): readonly Meaning[] {
  const { answer, offered, reported } = sighting
  const check =
    answer === 'update'
      ? [meaningOf('offer', sighting, { detail: offered })]
      : answer !== ''
        ? [meaningOf('check', sighting, { detail: answer })]
        : reported.length === 0
          ? [meaningOf('seen', sighting)]
          : []
  const events = reported.map(({ type, result, error = '', previous = '' }) =>
    meaningOf('event', sighting, { type, result, error, detail: previous }),
  )
  return [...check, ...events]
}

/** Equal for equal meanings only. */
export const keyOf = ({ kind, channel, version, detail, type, result, error }: Meaning): string =>
  [kind, channel, version, detail, type, result, error].join('\n')

/** @param key of `keyOf`; texts of machines hold no line feeds. */
export function meaningOfKey(key: string): Meaning {
  const [kind = 'seen', channel = '', version = '', detail = '', type = '0', result = '0', error = ''] = key.split('\n')
  return { kind: kind as Kind, channel, version, detail, type: Number(type), result: Number(result), error }
}

/**
 * Adds what a contact said. @param meanings equal ones are one object.
 * @returns the same list where nothing is new.
 */
export function addFacts(facts: readonly Fact[], at: Instant, meanings: readonly Meaning[]): readonly Fact[] {
  let all = facts
  for (const meaning of meanings) {
    const index = all.findIndex((one) => one.meaning === meaning)
    const known = all[index]
    if (known === undefined) all = [...all, { meaning, first: at, last: at }]
    else if (at < known.first) all = all.with(index, { ...known, first: at })
    else if (at > known.last) all = all.with(index, { ...known, last: at })
  }
  return all
}

/** What a machine is. */
export const identityOf = ({ board, oem, oemVersion }: Pick<Sighting, 'board' | 'oem' | 'oemVersion'>): string =>
  `${board}\t${oem}\t${oemVersion}`
