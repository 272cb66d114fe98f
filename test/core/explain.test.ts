import { expect, test } from 'vitest'
import type { Decision, Reason } from '../../src/release/decide.ts'
import { explainDecision, explainRamp } from '../../src/release/explanation.ts'
import { parseVersion } from '../../src/release/version.ts'
import type { Candidate } from '../../src/release/view.ts'
import { bytesOf, release } from './releases.ts'

const candidate = (version: string): Candidate => ({
  release: release(version),
  version: parseVersion(version),
  packages: bytesOf(),
  floor: undefined,
  deadEnd: undefined,
  refusal: undefined,
  seenFrom: Number.NEGATIVE_INFINITY,
  targets: [],
  ramps: [],
  schedule: undefined,
})

/** A new reason breaks the build here until it has its sentence. */
const sentences: Record<Reason, string> = {
  'unknown-app': 'no update: this app is not in the catalog (why)',
  'unknown-channel': 'no update: this app has no channel of that name (why)',
  'no-release-for-board': 'no update: this channel has no release for that board (why)',
  'up-to-date': 'no update: this channel offers nothing newer than the machine runs (why)',
  held: 'no update: 3 is held (why)',
  'floor-held': 'no update: it must install the floor 3 first, and that one is held or withdrawn (why)',
  withdrawn: 'no update: 3 was withdrawn (why)',
  'dead-end': 'no update: 3, which it runs, is a dead end: no update is offered from it (why)',
  target: 'no update: 3 is not for this machine (why)',
  'not-in-ramp': 'no update: 3 has not reached this machine yet (why)',
  'outside-window': 'no update: 3 is offered in its windows only (why)',
  'version-prefix': 'no update: 3 does not match the version prefix that the machine requests (why)',
  'update-disabled': 'no update: the machine has disabled updates in its request (why)',
  'rollback-disabled': 'no update: the machine does not allow a rollback to 3 (why)',
  'fell-back': 'no update: the machine reported that an update did not start, and that it went back (why)',
  'no-package': 'no update: 3 has no package that this client installs (why)',
  'not-mirrored': 'no update: this store lacks the manifest of that channel, or packages of 3 (why)',
  'catalog-expired':
    'no update: the catalog or the root has expired: it must be refreshed before anything is offered (why)',
  'store-unavailable': 'no update: the store did not answer (why)',
  clock:
    'no update: the content of the store is dated in the future: the clock of this server or of the signer is wrong (why)',
  unverifiable: 'no update: the content of the store could not be verified (why)',
}

test.each(Object.entries(sentences) as [Reason, string][])('%s', (reason, want) => {
  expect(explainDecision({ kind: 'no-update', reason, candidate: candidate('3'), because: 'why' })).toBe(want)
})

test.each<[string, Decision, string]>([
  ['no version', { kind: 'no-update', reason: 'held' }, 'no update: the release is held'],
  [
    'words that look like a pattern',
    { kind: 'no-update', reason: 'held', candidate: candidate("3+$&$'") },
    "no update: 3+$&$' is held",
  ],
  ['an update', { kind: 'update', offer: candidate('3') }, 'update to 3'],
])('%s', (_, decision, want) => {
  expect(explainDecision(decision)).toBe(want)
})

test.each([
  [{ bucket: 0.448, share: 0.3 }, 'this machine is reached when the ramp passes 44.8 %; it is at 30 %'],
  [{ bucket: 0.2, share: 0.3 }, 'the ramp reached this machine at 20 %; it is at 30 %'],
  [{ bucket: 1, share: 0.3 }, 'this machine is reached last, when the ramp is at 100 %; it is at 30 %'],
  [
    { bucket: 0.448, share: 0.3, stoppedAt: '2026-11-23T06:00:00Z' },
    'this machine is reached when the ramp passes 44.8 %; it is stopped at 30 %',
  ],
  [{ bucket: 0.448, share: 1 }, undefined],
  [{ windowEdge: '2026-11-23T06:00:00Z' }, undefined],
])('%j as a ramp for an operator', (numbers, want) => {
  expect(explainRamp(numbers)).toBe(want)
})
