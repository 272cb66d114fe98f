/** How far machines came with the releases that they update to. */
import { type State, states } from '../fleet/machine.ts'
import { errorLabel } from './error-label.ts'
import { type Reading, steps } from './reading.ts'
import { type Family, largest, maxSeries, newSums } from './sums.ts'

/** Whose progress is measured. */
const maxReleases = 20

interface Target {
  readonly app: string
  readonly version: string
}

const updating: readonly State[] = ['offered', 'downloading', 'downloaded', 'installed', 'failed', 'fell-back']

/** How many machines run a version. */
type Running = Target & { readonly machines: number }

/** Releases that machines update to now, by those that began last; then what most machines run. */
export function targetsOf({ database, known, textOf }: Reading, versions: readonly Running[]): readonly Target[] {
  const targets = newSums()
  for (const state of updating) {
    // Said literally, the index of these states serves.
    const recent = `SELECT app, target FROM machines WHERE state = ${states.indexOf(state)} AND state > 1 AND target > 0
      AND syncer = 0 ORDER BY since DESC LIMIT 200`
    for (const { app, target, n } of database
      .prepare(`SELECT app, target, count(*) AS n FROM (${recent}) GROUP BY 1, 2`)
      .all())
      targets.add([textOf(app), textOf(target)], Number(n) + 1e9)
  }
  for (const { app, version, machines } of largest(versions, maxSeries, (one) => one.machines))
    targets.add([app, version], machines)
  const hasProgress = database.prepare(
    `SELECT 1 FROM progress WHERE app = (SELECT id FROM words WHERE word = ?)
     AND target = (SELECT id FROM words WHERE word = ?) LIMIT 1`,
  )
  return targets
    .most()
    .toSorted(([, a], [, b]) => b - a)
    .map(([[app = '', version = '']]) => ({ app, version }))
    .filter(({ app }) => known.isKnown(app))
    .filter(({ app, version }) => hasProgress.get(app, version))
    .slice(0, maxReleases)
}

const isFailed = 'done IS NULL AND fell_back IS NULL AND failed >= coalesce(installed, 0)'

export async function readReleases(
  { database, textOf }: Reading,
  targets: readonly Target[],
): Promise<readonly Family[]> {
  const [progress, failed] = [newSums(), newSums()]
  const of = 'FROM progress WHERE app = ? AND target = ?'
  const idOf = database.prepare('SELECT id FROM words WHERE word = ?')
  const step = database.prepare(
    `SELECT CASE WHEN ${isFailed} THEN coalesce(error, 0) END AS error, count(*) AS n, count(offered) AS offered,
     count(coalesce(begun, installed, done)) AS begun, count(coalesce(installed, done)) AS installed, count(done) AS done,
     sum(done IS NULL AND fell_back IS NOT NULL) AS fell_back ${of} AND machine >= ? AND machine < ? GROUP BY 1`,
  )
  for (const { app, version } of targets) {
    const ids = [Number(idOf.get(app)?.id), Number(idOf.get(version)?.id)] as const
    await steps(database, 'machine', of, ids, (from, to) => {
      for (const { error, n, ...row } of step.all(...ids, from, to)) {
        for (const [name, value] of Object.entries(row))
          progress.add([app, version, name.replace('_', '-')], Number(value))
        progress.add([app, version, 'failed'], error === null ? 0 : Number(n))
        if (error !== null) failed.add([app, version, errorLabel(textOf(error))], Number(n))
      }
    })
  }
  return [
    {
      ...{ name: 'platte_fleet_release_machines', help: 'Machines by how far they came with a release; steps add up.' },
      ...{ labels: ['app', 'version', 'step'], series: progress.most() },
    },
    {
      ...{ name: 'platte_fleet_release_failed_machines', help: 'Machines whose last try of a release failed.' },
      ...{ labels: ['app', 'version', 'errorcode'], series: failed.most() },
    },
  ]
}
