/** Settings as rows. Each room has its own; `runtime/settings.ts` joins them, and flags, platte.toml and docs follow. */

/** Variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>

/** One setting. */
export interface Setting {
  /** Its name in `platte.toml` is the same in lower case, without `PLATTE_`. */
  readonly variable: string
  /** As commander takes it, such as `--store <store>`. Without one, no flag sets it. */
  readonly flag?: string
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

type ValueOf<Row extends Setting> = Exclude<ReturnType<Row['parse']>, undefined>
type Defaulted<Rows extends SettingRows> = {
  [Name in keyof Rows]: Rows[Name] extends { readonly default: unknown } ? Name : never
}[keyof Rows]

/** The values of settings; one without a default may be missing. */
export type SettingValues<Rows extends SettingRows> = {
  readonly [Name in Defaulted<Rows>]: ValueOf<Rows[Name]>
} & { readonly [Name in Exclude<keyof Rows, Defaulted<Rows>>]?: ValueOf<Rows[Name]> }

/** The name of a setting in `platte.toml`. */
export const memberOf = ({ variable }: Setting): string => variable.replace(/^PLATTE_/, '').toLowerCase()

export const wordOf =
  <Word extends string>(...words: readonly Word[]) =>
  (text: string): Word => {
    const found = words.find((word) => word === text)
    if (found !== undefined) return found
    const known = words.length === 2 ? `neither ${words.join(' nor ')}` : `none of ${words.join(', ')}`
    throw new Error(`${JSON.stringify(text.slice(0, 80))} is ${known}`)
  }

export const plainText = (text: string): string => text.trim()
