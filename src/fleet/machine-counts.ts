/** What is counted of machines: by what they are now, and by version over time. */
import { type Life, states } from './machine.ts'
import type { Sums } from './sums.ts'
import type { Words } from './words.ts'

const hourMs = 60 * 60 * 1000

export interface Counted {
  readonly app: number
  readonly syncer: number
  readonly life: Life
}

interface Counting {
  readonly words: Words
  readonly tallies: Sums
  readonly trend: Sums
}

/** Counts a machine for what it is, and no more for what it was. */
export function countMachine(
  { words, tallies, trend }: Counting,
  before: Counted | undefined,
  after: Counted | undefined,
): void {
  const [was, is] = [before && tallyOf(before, words), after && tallyOf(after, words)]
  if (was !== is) {
    if (was !== undefined) tallies.add(was, -1)
    if (is !== undefined) tallies.add(is, 1)
  }
  const [old, now] = [before ? versionsOf(before, words) : [], after ? versionsOf(after, words) : []]
  if (old.length === now.length && old.every((one, i) => one === now[i])) return
  for (const [all, n] of [
    [old, -1],
    [now, 1],
  ] as const)
    all.forEach((one, i) => {
      const next = all[i + 1]
      trend.add(one, n)
      // Until the hour of the next one.
      if (next !== undefined) trend.add(one.slice(0, one.lastIndexOf(' ')) + next.slice(next.lastIndexOf(' ')), -n)
    })
}

function tallyOf({ app, syncer, life }: Counted, words: Words): string {
  const now = life.changes.at(-1)
  if (now === undefined) return ''
  const [channel, version, detail] = [words.idOf(now.channel), words.idOf(now.version), words.idOf(now.detail)]
  return `${app} ${channel} ${version} ${states.indexOf(now.state)} ${detail} ${words.idOf(cameFrom(life))} ${syncer}`
}

/** What it ran, each from an hour on. */
function versionsOf({ app, syncer, life }: Counted, words: Words): readonly string[] {
  const found: string[] = []
  let [channel, version] = ['', '']
  for (const one of syncer ? [] : life.changes) {
    if (found.length > 0 && one.channel === channel && one.version === version) continue
    channel = one.channel
    version = one.version
    found.push(`${app} ${words.idOf(channel)} ${words.idOf(version)} ${Math.floor(one.at / hourMs)}`)
  }
  return found
}

/** The channel that it was in before. */
export function cameFrom({ changes }: Life): string {
  const channel = changes.at(-1)?.channel
  return changes.findLast((one) => one.channel !== channel)?.channel ?? ''
}
