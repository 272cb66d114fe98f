/**
 * Texts that many rows share, as numbers. Clients make texts up, so there is a bound: more are one word. Texts that servers
 * say have room of their own: no flood hides them.
 */
import type { DatabaseSync } from 'node:sqlite'
import { type Meaning, meaningOfKey } from './facts.ts'
import { anyKeyOf, openOwnTexts, others, ownKeyOf } from './own-texts.ts'

/** Texts that have a number of their own; and with those that servers said, and facts of nothing else. */
const [maxWords, maxWithOwn] = [200_000, 500_000]

export interface Words {
  /** @param isOwn whether a server says that it exists. */
  idOf(word: string, isOwn?: boolean): number
  textOf(id: number): string
  /** @param key of a fact. Its texts have numbers, too. */
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
  /** Whether most of the room is taken: time to forget what nothing uses. */
  isCrowded(): boolean
  /** From now on, remembers which words are asked for. */
  watch(): Set<number>
  /** Forgets all words but these and what facts among them name, within a transaction. Numbers are not used again. */
  keepOnly(used: Set<number>): void
}

interface Table {
  readonly ids: Map<string, number>
  readonly texts: (string | undefined)[]
  readonly meanings: (Meaning | undefined)[]
  readonly numbers: Map<Meaning, number>
}

export function openWords(database: DatabaseSync): Words {
  const table: Table = { ids: new Map(), texts: [], meanings: [], numbers: new Map() }
  const { ids, texts, numbers } = table
  const insert = database.prepare('INSERT INTO words (id, word) VALUES (?, ?)')
  let saved = 0
  let watched: Set<number> | undefined
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
  if (texts.length === 0) for (const word of ['', others]) add(table, word)
  const own = openOwnTexts(ids.keys())
  const hasRoom = (isOwn: boolean): boolean => ids.size < (isOwn ? maxWithOwn : maxWords)
  const asked = (id: number): number => {
    watched?.add(id)
    return id
  }
  const admit = (key: string): number => {
    own.learn(key)
    const ofOwn = ownKeyOf(key, own)
    if (hasRoom(ofOwn === key)) return addKey(table, key)
    // The few of the last kind are always room for.
    return addKey(table, ids.has(ofOwn) || hasRoom(true) ? ofOwn : anyKeyOf(ofOwn))
  }
  return {
    idOf(word, isOwn = false) {
      const known = ids.get(word)
      if (known !== undefined) return asked(known)
      return hasRoom(isOwn || own.has(word)) ? asked(add(table, word)) : 1
    },
    textOf: (id) => texts[id] ?? others,
    meaningOf: (key) => meaningOfId(table, asked(ids.get(key) ?? admit(key))) ?? meaningOfKey(key),
    idOfMeaning: (meaning) => numbers.get(meaning) ?? 0,
    meaningOfId: (id) => meaningOfId(table, id),
    known: (key) => ids.get(key),
    refresh,
    save() {
      for (; saved < texts.length; saved++) insert.run(saved, texts[saved] ?? '')
    },
    isCrowded: () => ids.size > maxWords / 2,
    watch: () => {
      watched = new Set()
      return watched
    },
    keepOnly(used) {
      watched = undefined
      keepOnly(table, used, database)
    },
  }
}

function add({ ids, texts }: Table, word: string): number {
  ids.set(word, texts.length)
  return texts.push(word) - 1
}

function addKey(table: Table, key: string): number {
  const known = table.ids.get(key)
  if (known !== undefined) return known
  for (const text of textsOf(meaningOfKey(key))) if (!table.ids.has(text)) add(table, text)
  return add(table, key)
}

const textsOf = ({ channel, version, detail, error }: Meaning): readonly string[] => [channel, version, detail, error]

function meaningOfId({ texts, meanings, numbers }: Table, id: number): Meaning | undefined {
  const known = meanings[id]
  const text = texts[id]
  if (known !== undefined || text?.includes('\n') !== true) return known
  const made = meaningOfKey(text)
  meanings[id] = made
  numbers.set(made, id)
  return made
}

function keepOnly(table: Table, used: Set<number>, database: DatabaseSync): void {
  const { ids, texts, meanings, numbers } = table
  for (const id of [...used]) {
    const meaning = meaningOfId(table, id)
    for (const text of meaning ? textsOf(meaning) : []) used.add(ids.get(text) ?? 1)
  }
  const drop = database.prepare('DELETE FROM words WHERE id = ?')
  for (const [word, id] of ids) {
    // The last one stays, so that the next number is new.
    if (used.has(id) || id < 2 || id === texts.length - 1) continue
    drop.run(id)
    ids.delete(word)
    const meaning = meanings[id]
    if (meaning) numbers.delete(meaning)
    texts[id] = meanings[id] = undefined
  }
}
