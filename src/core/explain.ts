/** A decision in a sentence, for people: what a machine gets, and why. */
import type { Decision, Reason } from './decide.ts'

/** What each reason means; `{version}` is the version that is withheld. */
const sentences: Readonly<Record<Reason, string>> = {
  'unknown-app': 'this app is not in the catalog',
  'unknown-channel': 'this app has no channel of that name',
  'no-release-for-board': 'this channel has no release for that board',
  'up-to-date': 'it runs the newest release, or a newer one',
  held: '{version} is held',
  'floor-held': 'it must pass through {version} first, and that one is held or withdrawn',
  withdrawn: '{version} was withdrawn',
  'dead-end': '{version}, which it runs, is a dead end: no update is offered from it',
  target: '{version} is not for this machine',
  'not-in-ramp': '{version} has not reached this machine yet',
  'outside-window': '{version} is offered in its windows only',
  'not-mirrored': 'this store does not hold the manifest of that channel',
  'catalog-expired': 'the catalog or the root has expired: it must be refreshed before anything is offered',
  'store-unavailable': 'the store did not answer',
  unverifiable: 'what the store holds could not be verified',
}

/** What a reason means, for people who may not know which release or machine it is about. */
export const explainReason = (reason: Reason): string => sentences[reason].replace('{version}', 'the release')

/** Reasons whose words are the operator's own, and meant for everybody. */
const toldToAll: readonly Reason[] = ['held', 'floor-held', 'withdrawn', 'dead-end']

/** The reason for the machine itself: `up-to-date`, or with the operator's words, `held: https://example.org/why`. */
export const reasonText = ({ reason, because }: NoUpdate): string =>
  because !== undefined && toldToAll.includes(reason) ? `${reason}: ${because}` : reason

type NoUpdate = Extract<Decision, { kind: 'no-update' }>

/** One sentence without a full stop, e.g. `no update: 4593.2.0 is held (https://example.org/why)`. */
export function explainDecision(decision: Decision): string {
  if (decision.kind === 'update') return `update to ${decision.offer.release.version}`
  const sentence = sentences[decision.reason].replace(
    '{version}',
    () => decision.candidate?.release.version ?? 'the release',
  )
  return `no update: ${sentence}${decision.because === undefined ? '' : ` (${decision.because})`}`
}
