/** What a card says of one board of a channel. */
import type { Reason, Withheld } from './decide.ts'
import type { Progress } from './rollout-status.ts'
import type { Candidate } from './view.ts'

/**
 * What `decide` answers to machines without an OEM that are on no list, at once or when a window opens. Instants are
 * milliseconds since 1970-01-01T00:00:00Z.
 */
export interface Headline {
  /** A share of the machines gets its candidate. `to`: everybody does from then on. */
  readonly rollout: (Progress & { readonly candidate: Candidate }) | undefined
  /** What the others get; without a rollout, what all get. `undefined`: nothing. */
  readonly rest: Candidate | undefined
  /** Both are for machines on this version or a newer one; `undefined`: for all. */
  readonly since: Candidate | undefined
  /** Machines below one of these install it first. Lowest first. */
  readonly floors: readonly Candidate[]
  /** What machines get from `from` on that cannot install the floor above them. Lowest first. */
  readonly barriers: readonly Barrier[]
  /** What is newer and not offered. Newest first. */
  readonly notices: readonly Notice[]
  /** Machines that run `from` go back to `to`, except those that the rollout gives `or`. */
  readonly sentBack: readonly Readonly<{ from: string; to: Candidate; or: Candidate | undefined }>[]
  /** Machines that run one of these get nothing. Newest first. */
  readonly deadEnds: readonly Candidate[]
  /** Whether machines on some versions get something else. */
  readonly hasExceptions: boolean
}

/** `rest`: what they get instead. */
export interface Barrier {
  readonly from: Candidate | undefined
  readonly reason: Reason
  readonly because: string | undefined
  readonly floor: Candidate
  readonly rest: Candidate | undefined
}
/** `at`: nobody is offered it before. */
export interface WhyNot extends Pick<Withheld, 'because'> {
  readonly state: Reason | 'later'
  readonly at?: number
}
export type Notice = WhyNot & { readonly candidate: Candidate }
