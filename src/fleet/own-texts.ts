/** Texts of lines that no client can make up: a server writes them. */
import { omahaErrorName } from '../checks/omaha/omaha.ts'
import { reasonSentences } from '../release/decide.ts'
import { keyOf, type Meaning, meaningOfKey, progressTypes } from './facts.ts'

/** What stands for a text for which there is no room. */
export const others = 'other'

/** Different texts that lines of servers show to exist. */
const maxLearned = 20_000
/** Versions that machines run: the first ones of known channels, before anybody made many up. */
const maxRun = 100

/** Reasons that a server also has for what does not exist. */
const ofAnything: readonly string[] = [
  ...[
    'unknown-app',
    'unknown-channel',
    'not-mirrored',
    'catalog-expired',
    'store-unavailable',
    'clock',
    'unverifiable',
  ],
]

/** @param answer of a sighting. @returns whether a server knows the app and the channel that were asked for. */
export const isOfKnown = (answer: string): boolean =>
  answer === 'update' || (Object.hasOwn(reasonSentences, answer) && !ofAnything.includes(answer))

const fixed = new Set(['', others, 'unnamed', ...Object.keys(reasonSentences)])
for (let code = 0; omahaErrorName(code) !== `code ${code}`; code++) fixed.add(`${code} ${omahaErrorName(code)}`)

export interface OwnTexts {
  has(text: string): boolean
  /** The key of a fact shows its channel to exist, and the version that was offered; and what its first machines run. */
  learn(key: string): void
}

/** @param words known ones, with the keys of facts; read when they are needed first. */
export function openOwnTexts(words: Iterable<string>): OwnTexts {
  let learned: Set<string> | undefined
  let run = 0
  const learnInto = (into: Set<string>, key: string): void => {
    const { kind, channel, version, detail } = meaningOfKey(key)
    if (kind !== 'offer' && !(kind === 'check' && isOfKnown(detail))) return
    for (const text of kind === 'offer' ? [channel, detail] : [channel]) if (into.size < maxLearned) into.add(text)
    if (run >= maxRun || into.has(version)) return
    into.add(version)
    run += 1
  }
  const all = (): Set<string> => {
    if (learned !== undefined) return learned
    learned = new Set()
    for (const word of words) if (word.includes('\n')) learnInto(learned, word)
    return learned
  }
  return { has: (text) => fixed.has(text) || all().has(text), learn: (key) => learnInto(all(), key) }
}

/** Of an update, or of the start after one. */
const ownTypes: readonly number[] = [0, ...progressTypes, 54]
const ownResults: readonly number[] = [0, 1, 2, 7, 9]

/** The key of a fact with `other` for each text that a client may have made up; and numbers of events that clients have. */
export function ownKeyOf(key: string, own: OwnTexts): string {
  const { kind, type, result, ...texts } = meaningOfKey(key)
  const text = (of: keyof typeof texts & keyof Meaning): string =>
    own.has(String(texts[of])) ? String(texts[of]) : others
  const numbers = ownTypes.includes(type) && ownResults.includes(result) ? [type, result] : [0, result === 0 ? 0 : 7]
  return keyOf(kind, text('channel'), text('version'), text('detail'), ...(numbers as [number, number]), text('error'))
}

/** One of few. @param key of `ownKeyOf`. */
export function anyKeyOf(key: string): string {
  const { kind, result } = meaningOfKey(key)
  return keyOf(kind, others, others, others, 0, result, others)
}
