/** Judges packages of Chromium where they enter a store. What reads them is loaded with the first. */
import type { OtherReader, PayloadFile } from '../payload/phases.ts'
import { isSameVersion } from '../release/version.ts'
import { isCrx } from './header.ts'
import type { CrxFile } from './read.ts'
import { refusal } from './refusal.ts'

/** Whether an app is named by a key: its clients install packages that this key signed, and nothing else. */
export const isNamedByKey = (app: string): boolean => /^[a-p]{32}$/.test(app)

interface Arriving extends Pick<CrxFile, 'name' | 'newHasher'> {
  readonly app: string
  readonly version: string
  /** Whether it is another package than the first of its release, such as a patch. */
  readonly isExtra: boolean
}

/** For the first package of a release: a package of Chromium is read as a browser does, whatever app it is of. */
export const crxJudge =
  (arriving: Arriving): NonNullable<PayloadFile['other']> =>
  (start) => {
    const { name, app, isExtra } = arriving
    if (isExtra) return undefined
    if (isCrx(start)) return readLater(arriving)
    if (isNamedByKey(app)) throw refusal(name, 'does not begin with Cr24: it is no package that browsers install')
    return undefined
  }

async function readLater({ name, app, version, newHasher }: Arriving): Promise<OtherReader> {
  const { crxReader } = await import('./read.ts')
  const differs = (what: string, found: string, wanted: string) => refusal(name, `is ${what} ${found}, not ${wanted}`)
  const checkId = (id: string): void => {
    if (isNamedByKey(app) && id !== app) throw differs('app', id, app)
  }
  const reader = crxReader({ name, newHasher, checkId })
  return {
    update: reader.update,
    async end() {
      const found = await reader.end()
      if (isNamedByKey(app) && !isSameVersion(found.version, version)) throw differs('version', found.version, version)
    },
  }
}
