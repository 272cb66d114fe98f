/** The options that commands share; each is also a variable and a member of platte.toml. */
import { Command, InvalidArgumentError } from 'commander'
import type { Publisher } from '../channels/publish.ts'
import { isDuration, isInstant, isName, longDuration } from '../documents/fields.ts'
import type { Log } from '../kernel/log.ts'
import type { Environment, Setting } from '../kernel/setting.ts'
import { readSettings, type Settings, type SettingsWith, settingRows, type settingsTable } from '../runtime/settings.ts'
import { type ReadFile, readSettingsFile } from '../runtime/settings-file.ts'
import { openPublishing, openReading } from '../runtime/store.ts'
import { notice } from './terminal.ts'

type Table = typeof settingsTable
type Camel<Text extends string> = Text extends `${infer Head}-${infer Rest}`
  ? `${Head}${Capitalize<Camel<Rest>>}`
  : Text
type FlagOf<Row> = Row extends { readonly flag: `--${infer Name} <${string}>` } ? Camel<Name> : never
/** The flag of a setting as commander names its value, such as `releaseKey`. */
type Flag = { [Name in keyof Table]: FlagOf<Table[Name]> }[keyof Table]
/** Values of flags by name. */
export type Options = Readonly<Partial<Record<Flag, string>>> & { readonly json?: boolean }

const nameOf = (flag: string): Flag =>
  flag.replace(/^--| .*/g, '').replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()) as Flag

const flags: ReadonlyMap<Flag, Setting & { readonly flag: string }> = new Map(
  settingRows.flatMap(([, { flag, ...row }]) => (flag ? [[nameOf(flag), { ...row, flag }]] : [])),
)

const flagsOnlyFor = (only: Setting['only']): readonly Flag[] =>
  [...flags].flatMap(([name, row]) => (row.only === only ? [name] : []))

/** For commands that read the store. */
export const readFlags: readonly Flag[] = ['store', 'root', 'acceptStale', 'overlay']
/** For commands that write to it. */
export const writeFlags: readonly Flag[] = ['store', 'root', 'keys', 'releaseKey', 'timestampKey']
/** For commands that a publish function can run. */
export const endpointFlags: readonly Flag[] = flagsOnlyFor('endpoint')
/** For a server. */
export const serverFlags: readonly Flag[] = flagsOnlyFor(undefined)

/** A command with shared options and `--json`. */
export function command(name: string, description: string, use: readonly Flag[]): Command {
  const made = new Command(name).description(description).exitOverride()
  for (const [flag, row] of flags)
    if (use.includes(flag)) made.option(row.flag, `${row.doc.replaceAll('`', '')} [${row.variable}]`)
  return made.option('--json', 'print data as JSON')
}

/** Variables with the flags laid over them. */
export function environmentOf(options: Options): Environment {
  const given = [...flags].flatMap(([flag, { variable }]) =>
    options[flag] === undefined ? [] : [[variable, options[flag]]],
  )
  return { ...process.env, ...Object.fromEntries(given) }
}

let file: { readonly read: ReadFile | undefined } | undefined

/** Read once, so that its warnings appear once. */
function settingsFile(): ReadFile | undefined {
  if (file === undefined) {
    file = { read: readSettingsFile(process.env.PLATTE_CONFIG) }
    for (const warning of file.read?.warnings ?? []) notice(`warning: ${warning}`)
  }
  return file.read
}

/** @throws PlatteError('configuration') with all problems at once. */
export const settingsOf = <K extends keyof Settings = never>(options: Options, needs: readonly K[]): SettingsWith<K> =>
  readSettings(environmentOf(options), needs, settingsFile())

interface Opened<K extends keyof Settings> {
  readonly store: Publisher
  readonly settings: SettingsWith<K | 'store' | 'pin'>
}

/** Opens the store that the options name, for reading. */
export async function openReadingOf<K extends keyof Settings = never>(
  options: Options,
  log: Log,
  needs: readonly K[] = [],
): Promise<Opened<K>> {
  const settings = settingsOf<K | 'store' | 'pin'>(options, ['store', 'pin', ...needs])
  return { settings, store: await openReading(settings, log) }
}

/** Opens the store that the options name, with the keys at hand. */
export async function openStoreOf<K extends keyof Settings = never>(
  options: Options,
  log: Log,
  needs: readonly K[] = [],
): Promise<Opened<K>> {
  const settings = settingsOf<K | 'store' | 'pin'>(options, ['store', 'pin', ...needs])
  return { settings, store: await openPublishing(settings, environmentOf(options), log) }
}

/** For options that may be repeated. */
export const collect = (value: string, list: readonly string[] = []): readonly string[] => [...list, value]

export function parseChannel(value: string): string {
  if (!isName(value)) throw new InvalidArgumentError('Use 1 to 64 of a-z 0-9 . _ - for a channel, such as beta.')
  return value
}

export function parseList(value: string): readonly string[] {
  const parts = value.split(',').map((part) => part.trim())
  if (parts.includes('')) throw new InvalidArgumentError('Use names with commas between them, such as azure,ami.')
  return parts
}

/** ISO 8601, or in short. */
export function parseDuration(value: string): string {
  const duration = longDuration(value)
  if (!isDuration(duration)) throw new InvalidArgumentError('Use a duration such as 48h, 7d, P14D or PT72H.')
  return duration
}

export function parseInstant(value: string): string {
  if (!isInstant(value)) throw new InvalidArgumentError('Use an instant such as 2026-11-24T13:12:00Z.')
  return value
}

export function parseCount(value: string): number {
  const count = /^\d{1,6}$/.test(value) ? Number(value) : 0
  if (count < 1) throw new InvalidArgumentError('Use a whole number from 1.')
  return count
}

export function parseShare(value: string): number {
  const [, number = '', percent = ''] = /^(\d+(?:\.\d+)?)(%?)$/.exec(value) ?? []
  const share = number === '' ? Number.NaN : Number(number) / (percent === '%' ? 100 : 1)
  if (!(share >= 0 && share <= 1)) throw new InvalidArgumentError('Use a share of 0 to 1, such as 0.25 or 25%.')
  return share
}

export function oneOf<T extends string>(words: readonly T[]): (value: string) => T {
  return (value) => {
    const found = words.find((word) => word === value)
    if (found === undefined) throw new InvalidArgumentError(`Use one of ${words.join(', ')}.`)
    return found
  }
}
