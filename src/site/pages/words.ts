/** The languages that pages are written in, and how one is chosen. */
import { parseAccept } from 'hono/utils/accept'
import { english, type Words } from './words-en.ts'
import { chinese } from './words-zh.ts'

/** By the tag that `?lang=` takes. */
const languages: ReadonlyMap<string, Words> = new Map([
  ['en', english],
  ['zh', chinese],
])

/** Longer than any browser's header; what is beyond is not looked at. */
const maxHeaderLength = 200

/**
 * The language of `?lang=`, else the first known one of Accept-Language, else English.
 * @param parameter ignored where it is no language here.
 */
export function chooseWords(parameter: string | undefined, accept: string | undefined): Words {
  const wanted = parseAccept((accept ?? '').slice(0, maxHeaderLength))
    .filter(({ q }) => q > 0)
    .map(({ type }) => type)
  const found = [parameter ?? '', ...wanted].map(wordsOf).find((words) => words !== undefined)
  return found ?? english
}

const wordsOf = (tag: string): Words | undefined => languages.get(tag.toLowerCase().split('-')[0] ?? '')
