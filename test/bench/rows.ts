/** Every row of the table, in its order. */
import { allocatedRows } from './allocated.ts'
import { checkRows } from './checks.ts'
import { commandRows } from './commands.ts'
import { fleetRows } from './fleet.ts'
import { growthRows } from './growth.ts'
import { hostileRow } from './hostile.ts'
import { latencyRows } from './latency.ts'
import { locksRow } from './locks.ts'
import { millionRows } from './million.ts'
import { mirrorRow } from './mirror.ts'
import { packageRows } from './package.ts'
import { pagesRow } from './pages.ts'
import { cupRow, jsonRow } from './proofs.ts'
import { readsRow } from './reads.ts'
import type { Row } from './row.ts'
import { simulationRow } from './simulation.ts'
import { startRows } from './starts.ts'
import { stepsRow } from './steps.ts'

export const rows: readonly Row[] = [
  ...checkRows,
  ...latencyRows,
  ...allocatedRows,
  ...millionRows,
  ...startRows,
  ...commandRows,
  stepsRow,
  cupRow,
  jsonRow,
  ...growthRows,
  simulationRow,
  hostileRow,
  readsRow,
  locksRow,
  ...fleetRows,
  ...packageRows,
  mirrorRow,
  pagesRow,
]
