/** Facts of a machine as few bytes: for each its number, its first time and how long after that the last one was. */
import type { Instant } from '../kernel/clock.ts'
import type { Fact, Meaning } from './facts.ts'
import type { Words } from './words.ts'

/** Facts that are kept of a machine, the last ones. */
const maxFacts = 48
/** Times are counted from here: no line of Platte is older. */
const epoch = Date.UTC(2020, 0)

const scratch = new Uint8Array(maxFacts * 24)

/** Most facts of a machine that fit; the oldest go. */
export function encodeFacts(facts: readonly Fact[], words: Words): Uint8Array {
  const kept = facts.length <= maxFacts ? facts : [...facts].sort((a, b) => b.last - a.last).slice(0, maxFacts)
  let at = 0
  for (const { meaning, first, last } of kept) {
    at = put(at, words.idOfMeaning(meaning))
    at = put(at, first - epoch)
    at = put(at, last - first)
  }
  return scratch.slice(0, at)
}

/** Seven bits a byte, the lowest first. */
function put(start: number, value: number): number {
  let [at, rest] = [start, value]
  for (; rest >= 128; rest = Math.floor(rest / 128)) scratch[at++] = (rest % 128) | 128
  scratch[at++] = rest
  return at
}

/** @param current the fact that went on until `until`. */
export function decodeFacts(bytes: Uint8Array, words: Words, current: Meaning | undefined, until: Instant): Fact[] {
  const facts: Fact[] = []
  let at = 0
  const take = (): number => {
    let [value, scale] = [0, 1]
    for (; ; scale *= 128) {
      const byte = bytes[at++] ?? 0
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
  }
  while (at < bytes.length) {
    const [id, since, length] = [take(), take(), take()]
    const meaning = words.meaningOfId(id)
    const first = epoch + since
    const last = first + length
    if (meaning) facts.push({ meaning, first, last: meaning === current ? Math.max(last, until) : last })
  }
  return facts
}
