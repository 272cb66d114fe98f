/** Why a machine is offered nothing; `{version}` is the withheld version. */
export const reasonSentences = {
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
  'version-prefix': '{version} is not of the versions that the machine asks for',
  'update-disabled': 'the machine says that it takes no update',
  'rollback-disabled': 'the machine says that it does not go back to an older version, {version}',
  'fell-back': 'the machine reports in this request that an update did not start, and that it went back',
  'not-mirrored': 'this store does not hold the manifest of that channel',
  'catalog-expired': 'the catalog or the root has expired: it must be refreshed before anything is offered',
  'store-unavailable': 'the store did not answer',
  unverifiable: 'what the store holds could not be verified',
}

export type Reason = keyof typeof reasonSentences

/** For no particular release. */
export const explainReason = (reason: Reason): string => reasonSentences[reason].replace('{version}', 'the release')
