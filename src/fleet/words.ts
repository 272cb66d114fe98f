/** Texts that many rows share, as numbers. Clients make texts up, so there is a bound: more are one word. */
import type { DatabaseSync } from 'node:sqlite'
import { keyOf, type Meaning, meaningOfKey } from './facts.ts'

/** Texts that have a number of their own. */
const maxWords = 200_000

const others = 'other'

export interface Words {
  idOf(word: string): number
  textOf(id: number): string
  /** @param key of a fact. */
  meaningOf(key: string): Meaning
  idOfMeaning(meaning: Meaning): number
  /** @returns `undefined` for a number that is no fact's. */
  meaningOfId(id: number): Meaning | undefined
  /** The number of a word, if it has one. */
  known(key: string): number | undefined
  /** Writes what is new, within a transaction. */
  save(): void
  /** Reads what others have written since. */
  refresh(): void
}

export function openWords(database: DatabaseSync): Words {
  const ids = new Map<string, number>()
  const texts: string[] = []
  const meanings: Meaning[] = []
  const numbers = new Map<Meaning, number>()
  const insert = database.prepare('INSERT INTO words (id, word) VALUES (?, ?)')
  let saved = 0
  const add = (word: string): number => {
    ids.set(word, texts.length)
    return texts.push(word) - 1
  }
  const select = database.prepare('SELECT id, word FROM words WHERE id >= ? ORDER BY id')
  const refresh = (): void => {
    for (const { id, word } of select.all(saved)) {
      ids.set(String(word), Number(id))
      texts[Number(id)] = String(word)
      saved = Number(id) + 1
    }
  }
  refresh()
  // The empty text is 0, and what is beyond the bound 1.
  if (texts.length === 0) for (const word of ['', others]) add(word)
  const idOf = (word: string): number => ids.get(word) ?? (texts.length < maxWords ? add(word) : 1)
  const meaningOfId = (id: number): Meaning | undefined => {
    const known = meanings[id]
    const text = texts[id]
    if (known !== undefined || text?.includes('\n') !== true) return known
    const made = meaningOfKey(text)
    meanings[id] = made
    numbers.set(made, id)
    return made
  }
  const meaningOf = (key: string): Meaning => {
    const id = ids.get(key) ?? (texts.length < maxWords ? add(key) : undefined)
    const known = id === undefined ? undefined : meaningOfId(id)
    if (known !== undefined) return known
    const { kind, result } = meaningOfKey(key)
    const few = keyOf(kind, others, others, others, 0, result, others)
    // The few of this kind are always room for.
    return meaningOfId(ids.get(few) ?? add(few)) ?? meaningOfKey(few)
  }
  return {
    idOf,
    textOf: (id) => texts[id] ?? others,
    meaningOf,
    idOfMeaning: (meaning) => numbers.get(meaning) ?? 0,
    meaningOfId,
    known: (key) => ids.get(key),
    refresh,
    save() {
      for (; saved < texts.length; saved++) insert.run(saved, texts[saved] ?? '')
    },
  }
}
