/** Emphasis by CommonMark's rules, in one pass over the parts of a text. Pure. */

interface Delimiters {
  readonly mark: string
  /** How many marks stand here, and how many of them are text so far. */
  readonly run: number
  count: number
  readonly opens: boolean
  readonly closes: boolean
  /** Tags of the emphasis that ends or begins here. */
  ends: string
  begins: string
}

/** `plain` is the HTML within another link. */
export type Token = Delimiters | { readonly html: string; readonly plain?: string }

/** Whether a run of marks begins or ends emphasis is up to its neighbours (CommonMark 0.31, 6.2). */
export function delimiters(text: string, run: string, start: number): Token {
  const mark = run.charAt(0)
  const [before, after] = [text.charAt(start - 1), text.charAt(start + run.length)]
  const isBlank = (one: string): boolean => one === '' || /\s/.test(one)
  const isMark = (one: string): boolean => /[\p{P}\p{S}]/u.test(one)
  const isLeft = !isBlank(after) && (!isMark(after) || isBlank(before) || isMark(before))
  const isRight = !isBlank(before) && (!isMark(before) || isBlank(after) || isMark(after))
  const isWord = mark === '_'
  const opens = isLeft && (!isWord || !isRight || isMark(before))
  const closes = isRight && (!isWord || !isLeft || isMark(after))
  const isText = (mark === '~' ? run.length !== 2 : run.length > 3) || !(opens || closes)
  return isText ? { html: run } : { mark, run: run.length, count: run.length, opens, closes, ends: '', begins: '' }
}

/** Deeper emphasis is text. */
const maxOpen = 50

/** Matches each closing run with the innermost open one of its mark; the runs between them are text from then on. */
export function emphasised(tokens: readonly Token[]): string {
  const open: Delimiters[] = []
  for (const token of tokens) {
    if (!('mark' in token)) continue
    while (token.closes && token.count > 0) {
      const index = open.findLastIndex((one) => one.mark === token.mark && isPair(one, token))
      const opener = open[index]
      if (opener === undefined) break
      open.length = index + 1
      pair(opener, token)
      if (opener.count === 0) open.pop()
    }
    if (token.opens && token.count > 0 && open.length < maxOpen) open.push(token)
  }
  const textOf = ({ mark, count, ends, begins }: Delimiters): string => ends + mark.repeat(count) + begins
  return tokens.map((token) => ('mark' in token ? textOf(token) : token.html)).join('')
}

/** CommonMark's rule of three: `*a**b*` is one emphasis. */
const isPair = (opener: Delimiters, closer: Delimiters): boolean =>
  !(opener.closes || closer.opens) || (opener.run + closer.run) % 3 !== 0 || opener.run % 3 === 0

function pair(opener: Delimiters, closer: Delimiters): void {
  const count = Math.min(2, opener.count, closer.count)
  const tag = opener.mark === '~' ? 'del' : count === 2 ? 'strong' : 'em'
  opener.count -= count
  closer.count -= count
  opener.begins = `<${tag}>${opener.begins}`
  closer.ends += `</${tag}>`
}
