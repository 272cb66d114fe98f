/** Settings as rows. Each room has its own; `runtime/settings.ts` joins them, and flags, platte.toml and docs follow. */

export type Environment = Readonly<Record<string, string | undefined>>

export interface Setting {
  readonly variable: string
  /** As commander takes it, such as `--store <store>`. */
  readonly flag?: string | undefined
  /** For help and docs, with code in backticks. */
  readonly doc: string
  /** @throws Error with the problem; it repeats no secret. */
  readonly parse: (text: string) => unknown
  readonly default?: unknown
  /** What to do when it is missing. */
  readonly hint?: string
  /** Messages never repeat it, and no other user should be able to read the file that holds it. */
  readonly secret?: true
  /** The feature that a deployment must carry to honour it. */
  readonly needs?: string
  /** A server with it signs releases. */
  readonly signs?: true
  /** Only these commands have the flag: those that a publish function can run, or one that lists it itself. */
  readonly only?: 'endpoint' | 'command'
  /** Other settings that follow from this one, unless they are set. */
  implies?(value: never, others: never): Readonly<Record<string, unknown>>
  /** What is wrong with it beside other settings. */
  conflict?(value: never, others: never): string | undefined
  /** What is wrong with it where there are no files and each run is short: on Workers and Lambda. */
  inFunction?(value: never): string | undefined
}

export type SettingRows = Readonly<Record<string, Setting>>

type Kebab<Text extends string> = Text extends `${infer Head}_${infer Rest}` ? `${Head}-${Kebab<Rest>}` : Text
type Unprefixed<Text extends string> = Text extends `PLATTE_${infer Rest}` ? Rest : Text
type FlagOf<Name extends string> = Name extends `${infer Variable} <${infer Value}>`
  ? `--${Kebab<Lowercase<Unprefixed<Variable>>>} <${Value}>`
  : undefined

type Extras = Partial<Omit<Setting, 'variable' | 'flag' | 'doc' | 'parse'>>

/** @param name the variable; with a value, such as `PLATTE_STORE <store>`, also a flag: `--store <store>`. */
export function setting<const Name extends string, Value, const More extends Extras = object>(
  name: Name,
  doc: string,
  parse: (text: string) => Value,
  more?: More,
) {
  const [variable = '', value] = name.split(' ')
  const flag = value && `--${memberOf({ variable }).replaceAll('_', '-')} ${value}`
  return { variable, doc, parse, flag: flag as FlagOf<Name>, ...(more as More) }
}

type ValueOf<Row extends Setting> = Exclude<ReturnType<Row['parse']>, undefined>
type Defaulted<Rows extends SettingRows> = {
  [Name in keyof Rows]: Rows[Name] extends { readonly default: unknown } ? Name : never
}[keyof Rows]

/** The values of settings; one without a default may be missing. */
export type SettingValues<Rows extends SettingRows> = {
  readonly [Name in Defaulted<Rows>]: ValueOf<Rows[Name]>
} & { readonly [Name in Exclude<keyof Rows, Defaulted<Rows>>]?: ValueOf<Rows[Name]> }

/** The name of a setting in `platte.toml`. */
export const memberOf = ({ variable }: Pick<Setting, 'variable'>): string =>
  variable.replace(/^PLATTE_/, '').toLowerCase()

export const wordOf =
  <Word extends string>(...words: readonly Word[]) =>
  (text: string): Word => {
    const found = words.find((word) => word === text)
    if (found !== undefined) return found
    const known = words.length === 2 ? `neither ${words.join(' nor ')}` : `none of ${words.join(', ')}`
    throw new Error(`${quoted(text)} is ${known}`)
  }

/** A text as messages repeat it. */
export const quoted = (text: string): string => JSON.stringify(text.slice(0, 80))

/** A short document: the file that has it, or the document itself. */
export type TextSource = { readonly file: string } | { readonly text: string }

/** @param what the document is. @returns a reader that repeats nothing in its errors: documents may be secret. */
export const fileOrText =
  (what: string, isIt: (text: string) => unknown) =>
  (text: string): TextSource => {
    if (/^file:./s.test(text)) return { file: text.slice('file:'.length) }
    if (isIt(text)) return { text }
    throw new Error(`is neither ${what} nor file:PATH`)
  }

/** For `inFunction`, of a setting that may name a file. */
export const noFile = (instead: string) => (source: object) =>
  'file' in source ? `names a file, and there are none here: ${instead}` : undefined

/** Shorter tokens can be guessed. */
export const minTokenLength = 16

export const plainText = (text: string): string => text.trim()

/** A setting as messages repeat it: without options, and without what stands before an "@", which may be a secret. */
export function shown(text: string): string {
  const plain = text.replace(/[?#].*/s, '').replace(/^.*@/s, '…@')
  return JSON.stringify(plain.slice(0, 200))
}

/** Reads a URL that clients use. @returns it without a "/" at the end. */
export function parsePublicUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.username || url?.password) throw new Error('holds credentials: use a public URL without them')
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || /[?#]/.test(url.href))
    throw new Error(`${shown(text)} is not a plain http(s) URL, such as https://updates.example.org`)
  return url.href.replace(/\/+$/, '')
}

/** Reads the URL of a store or an upstream. @returns it with a "/" at the end. */
export function parseStoreUrl(text: string): string {
  if (/^[^/]*\/\/[^/?]*@/.test(text)) throw new Error('holds credentials: an upstream is read without them')
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search || url.hash)
    throw new Error(`${shown(text)} is not a plain http(s) URL, such as https://updates.example.org/`)
  return url.href.replace(/\/*$/, '/')
}

/** Reads the URL that an operator chose for requests, as it was given: receivers may ask for a query or a last "/". No message repeats it, since it may be a secret. */
export function parseTargetUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.username || url?.password)
    throw new Error('holds a name or a password, which is not sent: use a URL without')
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.hash !== '')
    throw new Error('is no http(s) URL without a "#", such as https://chat.example.org/hooks/platte')
  return url.href
}

/** Reads the key that signs messages. */
export function parseSigningKey(text: string): string {
  if (/^whsec_[A-Za-z0-9+/]{32,86}={0,2}$/.test(text)) return text
  throw new Error('is no `whsec_` with 24 to 64 random bytes in base64')
}
