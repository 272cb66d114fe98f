/** What runs against a live S3, as rows: the run is whole when each of them passed. */
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { documentRows } from '../conformance/documents.ts'
import { lockRows } from '../conformance/locks.ts'
import { packageRows } from '../conformance/packages.ts'
import { uploadRows } from '../conformance/uploads.ts'
import { fleetRows } from './fleet.ts'
import { raceRows } from './races.ts'
import { settingRows } from './settings.ts'

export const liveSuite = {
  documents: documentRows,
  packages: packageRows(nodeHasher),
  uploads: uploadRows,
  races: raceRows,
  locks: lockRows,
  settings: settingRows,
  fleet: fleetRows,
}

/** Rows of the whole suite. */
export const liveCount = Object.values(liveSuite).reduce((total, rows) => total + rows.length, 0)
