/** How far machines came with releases. */
import { releaseSteps } from '../fleet/progress-rows.ts'
import { compareVersions, parseVersion } from '../release/version.ts'
import { errorLabel } from './error-label.ts'
import type { Reading, Row } from './reading.ts'
import { type Family, newSums } from './sums.ts'

/** The newest, of those that machines were offered: clients cannot make these up. */
const maxReleases = 20

export async function readReleases({ known, textOf, each }: Reading): Promise<readonly Family[]> {
  const releases = new Map<string, Row[]>()
  await each('releases', ['target', 'app', 'step', 'detail'], (row) => {
    const step = releaseSteps[Number(row.step)]
    const key = `${row.app} ${row.target}`
    const rows = releases.get(key) ?? []
    if (step === 'offered' && known.isKnown(textOf(row.app))) releases.set(key, rows)
    if (step !== 'took' && releases.has(key)) rows.push(row)
  })
  const newest = [...releases.values()]
    .map((rows) => ({ rows, app: textOf(rows[0]?.app), version: textOf(rows[0]?.target) }))
    .sort((a, b) => compareVersions(parseVersion(b.version), parseVersion(a.version)))
  const [progress, failed] = [newSums(), newSums()]
  for (const { rows, app, version } of newest.slice(0, maxReleases))
    for (const { step, detail, n } of rows) {
      const name = releaseSteps[Number(step)] ?? ''
      progress.add([app, version, name], Number(n))
      if (name === 'failed') failed.add([app, version, errorLabel(textOf(detail))], Number(n))
    }
  return [
    {
      ...{ name: 'platte_fleet_release_machines', help: 'Machines by how far they came with a release.' },
      ...{ labels: ['app', 'version', 'step'], series: progress.most() },
    },
    {
      ...{ name: 'platte_fleet_release_failed_machines', help: 'Machines whose last try of a release failed.' },
      ...{ labels: ['app', 'version', 'errorcode'], series: failed.most() },
    },
  ]
}
