/**
 * `npm run bench`: how fast Platte is, as ratios to something simple that runs beside it.
 * `--json` for machines, `--only NAME` for the rows whose names start so, such as `check Deno` or `start`, `--seconds N`
 * for longer loops.
 */
import { parseArgs } from 'node:util'
import { checkRows } from './checks.ts'
import { growthRows } from './growth.ts'
import { hostileRow } from './hostile.ts'
import { locksRow } from './locks.ts'
import { mirrorRow } from './mirror.ts'
import { packageRows } from './package.ts'
import { pagesRow } from './pages.ts'
import { readsRow } from './reads.ts'
import type { Result, Row } from './row.ts'
import { simulationRow } from './simulation.ts'
import { startRows } from './starts.ts'
import { stepsRow } from './steps.ts'

const rows: readonly Row[] = [
  ...checkRows,
  ...startRows,
  stepsRow,
  ...growthRows,
  simulationRow,
  hostileRow,
  readsRow,
  locksRow,
  ...packageRows,
  mirrorRow,
  pagesRow,
]

const { values: flags } = parseArgs({
  options: { json: { type: 'boolean' }, only: { type: 'string' }, seconds: { type: 'string' } },
})
const seconds = Number(flags.seconds ?? 12)
const chosen = rows.filter(({ name }) => name.startsWith(flags.only ?? ''))
if (chosen.length === 0 || !(seconds >= 1 && seconds <= 600)) {
  process.stderr.write(`error: --only takes one of ${rows.map(({ name }) => name).join(', ')}; --seconds 1 to 600\n`)
  process.exit(2)
}

const results: Result[] = []
for (const row of chosen) {
  const found = await row.run({ seconds })
  results.push(...found)
  if (!flags.json) process.stdout.write(found.map(lineOf).join(''))
}
if (flags.json)
  process.stdout.write(`${JSON.stringify({ results: results.map(({ goal: _, ...result }) => result) })}\n`)

function lineOf({ name, value, unit, ratio, low, high, against, goal }: Result): string {
  const measured = `${round(value)} ${unit}`
  const interval = low === undefined || high === undefined ? '' : ` [${low.toFixed(2)}, ${high.toFixed(2)}]`
  const compared = ratio === undefined ? '' : `${ratio.toFixed(2)}${interval} of ${against}`
  const verdict = goal === undefined ? '' : `${goal.text} ${goal.met ? 'ok' : 'MISSED'}`
  return `${`${name.padEnd(36)} ${measured.padStart(16)}  ${compared.padEnd(52)} ${verdict}`.trimEnd()}\n`
}

function round(value: number): string {
  return value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toPrecision(3)
}
