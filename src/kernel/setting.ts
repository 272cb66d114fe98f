/** Settings as rows. Each room has its own; `runtime/settings.ts` joins them, and flags, platte.toml and docs follow. */

/** Variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>

/** One setting, as `setting` makes it. */
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

/** For `inFunction`, of a setting that may name a file. */
export const noFile = (instead: string) => (source: object) =>
  'file' in source ? `names a file, and there are none here: ${instead}` : undefined

/** Shorter tokens can be guessed. */
export const minTokenLength = 16

export const plainText = (text: string): string => text.trim()
