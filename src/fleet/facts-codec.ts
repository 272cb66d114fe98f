/**
 * Facts of a machine as a short text: for each its number, its first time and how long after that the last one was. Of
 * printable ASCII, since SQLite gives texts back faster than bytes.
 */
import type { Instant } from '../kernel/clock.ts'
import type { Fact, Meaning } from './facts.ts'
import type { Words } from './words.ts'

/** Facts that are kept of a machine, the last ones. */
const maxFacts = 48
/** Times are counted from here: no line of Platte is older. */
const epoch = Date.UTC(2020, 0)

/** Five bits a character, the lowest first; the last one of a number is from `last` on. */
const [more, last] = [0x20, 0x40]
const thirtyBits = 2 ** 30

/** Most facts of a machine that are kept; the oldest go. Only these may be counted: nothing else is there when they change. */
export const keptFacts = (facts: Fact[]): Fact[] =>
  facts.length <= maxFacts ? facts : facts.toSorted((a, b) => b.last - a.last).slice(0, maxFacts)

/** @param facts of `keptFacts`. */
export function encodeFacts(facts: readonly Fact[], words: Words): string {
  const codes: number[] = []
  for (const fact of facts) {
    put(codes, words.idOfMeaning(fact.meaning))
    put(codes, fact.first - epoch)
    put(codes, fact.last - fact.first)
  }
  return String.fromCharCode(...codes)
}

function put(codes: number[], value: number): void {
  let rest = value
  // Numbers of more bits are slow to divide.
  for (; rest >= thirtyBits; rest = Math.floor(rest / thirtyBits)) {
    const low = rest % thirtyBits
    for (let bits = 0; bits < 30; bits += 5) codes.push(((low >>> bits) & 31) | more)
  }
  for (; rest >= 32; rest >>>= 5) codes.push((rest & 31) | more)
  codes.push(rest | last)
}

/** @param current the fact that went on until `until`. */
export function decodeFacts(text: string, words: Words, current: Meaning | undefined, until: Instant): Fact[] {
  const facts: Fact[] = []
  let at = 0
  const take = (): number => {
    let [value, scale] = [0, 1]
    for (; ; scale *= 32) {
      const code = text.charCodeAt(at++)
      value += (code & 31) * scale
      // Also behind the end, where there is no code.
      if (!(code < last)) return value
    }
  }
  while (at < text.length) {
    const [id, since, length] = [take(), take(), take()]
    const meaning = words.meaningOfId(id)
    const first = epoch + since
    const end = first + length
    if (meaning) facts.push({ meaning, first, last: meaning === current ? Math.max(end, until) : end })
  }
  return facts
}
