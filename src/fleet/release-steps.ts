/** How far machines came with releases, from what is counted of them. */
import type { SQLOutputValue } from 'node:sqlite'
import { shareInterval } from '../kernel/wilson.ts'
import { type ReleaseStep, releaseSteps } from './progress-rows.ts'

type Row = Readonly<Record<string, SQLOutputValue>>

/** @param rows of one release of one app, in the order of their details. */
export function releasesOf(rows: readonly Row[], textOf: (id: number) => string) {
  const of = (step: ReleaseStep) =>
    rows
      .filter((row) => Number(row.step) === releaseSteps.indexOf(step))
      .map(({ detail, n }) => ({ detail: Number(detail), n: Number(n) }))
  const count = (step: ReleaseStep): number => of(step).reduce((sum, { n }) => sum + n, 0)
  const [done, fellBack, failed] = [count('done'), count('fell-back'), count('failed')]
  const failures = of('failed').sort((a, b) => b.n - a.n || a.detail - b.detail)
  return {
    ...{ offered: count('offered'), begun: count('begun'), installed: count('installed'), done, fellBack },
    failed: Object.fromEntries(failures.map(({ detail, n }) => [textOf(detail), n])),
    success: shareInterval(done, done + failed + fellBack),
    medianMs: medianOf(of('took')),
  }
}

/** The lower one of two in the middle. */
function medianOf(counts: readonly { readonly detail: number; readonly n: number }[]): number | undefined {
  let before = (counts.reduce((sum, { n }) => sum + n, 0) + 1) >> 1
  return counts.find(({ n }) => {
    before -= n
    return before <= 0
  })?.detail
}
