/** How far machines came with releases: a row for each pair, and how many machines are at each step. */
import type { DatabaseSync } from 'node:sqlite'
import type { Progress } from './machine.ts'
import { spanMs } from './slots.ts'
import { openSums } from './sums.ts'
import type { Words } from './words.ts'

/** What is counted of a release. `detail` is the error of `failed`, and the milliseconds of `took`. */
export const releaseSteps = ['offered', 'begun', 'installed', 'done', 'fell-back', 'failed', 'took'] as const
export type ReleaseStep = (typeof releaseSteps)[number]

/** Of which it is counted when they happened, numbered in this order. */
export const curveSteps = ['offered', 'installed', 'done'] as const

export type Steps = ReadonlyMap<string, Progress>

export interface ProgressRows {
  /** Writes what changed. @param slot the number of the machine. */
  write(app: number, slot: number, progress: Steps, before: Steps): void
  /** Writes the counts, at the end of a transaction. */
  save(): void
}

export function progressRows(database: DatabaseSync, words: Words): ProgressRows {
  const names = 'app, target, machine, offered, begun, installed, done, failed, error, fell_back, channel, first_failed'
  const put = database.prepare(`INSERT OR REPLACE INTO progress (${names}) VALUES (${names.replace(/\w+/g, '?')})`)
  const drop = database.prepare('DELETE FROM progress WHERE app = ? AND target = ? AND machine = ?')
  const releases = openSums(database, 'releases', ['target', 'app', 'step', 'detail'])
  const curves = openSums(database, 'curves', ['target', 'app', 'channel', 'step', 'span'])
  const count = (target: number, app: number, one: Progress | undefined, n: number): void => {
    for (const [step, detail] of one ? stepsOf(one, words) : [])
      releases.add(`${target} ${app} ${releaseSteps.indexOf(step)} ${detail}`, n)
    if (one === undefined) return
    const channel = one.channel === undefined ? 0 : words.idOf(one.channel)
    for (const [step, name] of curveSteps.entries()) {
      const at = one[name]
      if (at !== undefined) curves.add(`${target} ${app} ${channel} ${step} ${Math.floor(at / spanMs)}`, n)
    }
  }
  return {
    write(app, slot, progress, before) {
      for (const [target, one] of progress) {
        const known = before.get(target)
        if (isSame(one, known)) continue
        const id = words.idOf(target)
        put.run(app, id, slot, ...columnsOf(one, words))
        count(id, app, known, -1)
        count(id, app, one, 1)
      }
      for (const [target, one] of before) {
        if (progress.has(target)) continue
        drop.run(app, words.idOf(target), slot)
        count(words.idOf(target), app, one, -1)
      }
    },
    save() {
      releases.save()
      curves.save()
    },
  }
}

/** The last try of a machine that is neither done nor fell back counts as failed. */
function stepsOf(one: Progress, words: Words): readonly (readonly [ReleaseStep, number])[] {
  const { offered, begun, installed, done, failed, fellBack, error = '' } = one
  const found: [ReleaseStep, number][] = []
  if (offered !== undefined) found.push(['offered', 0])
  if ((begun ?? installed ?? done) !== undefined) found.push(['begun', 0])
  if ((installed ?? done) !== undefined) found.push(['installed', 0])
  if (done !== undefined) found.push(['done', 0])
  else if (fellBack !== undefined) found.push(['fell-back', 0])
  else if (failed !== undefined && failed >= (installed ?? 0)) found.push(['failed', words.idOf(error)])
  if (offered !== undefined && done !== undefined && done >= offered) found.push(['took', rounded(done - offered)])
  return found
}

/** To 1 %, so that few numbers are different. */
const rounded = (ms: number): number => Number(ms.toPrecision(3))

const columnsOf = (one: Progress, words: Words) =>
  [
    ...[one.offered, one.begun, one.installed, one.done, one.failed].map((at) => at ?? null),
    one.error === undefined ? null : words.idOf(one.error),
    ...[one.fellBack ?? null, one.channel === undefined ? null : words.idOf(one.channel), one.firstFailed ?? null],
  ] as const

const isSame = (a: Progress, b: Progress | undefined): boolean =>
  b !== undefined &&
  a.offered === b.offered &&
  a.begun === b.begun &&
  a.installed === b.installed &&
  a.done === b.done &&
  a.failed === b.failed &&
  a.error === b.error &&
  a.fellBack === b.fellBack &&
  a.channel === b.channel &&
  a.firstFailed === b.firstFailed
