/** The options that commands share, and what they open. Each is also a variable and a member of platte.toml. */
import { Command, InvalidArgumentError } from 'commander'
import type { ChannelCommand } from '../channels/commands.ts'
import type { Publisher } from '../channels/publish.ts'
import { isDuration, isInstant, isName, longDuration } from '../documents/fields.ts'
import type { Log } from '../kernel/log.ts'
import type { Environment, Setting } from '../kernel/setting.ts'
import type { Guard, Package } from '../release/channel.ts'
import { rangeProblem } from '../release/target.ts'
import { windowProblem } from '../release/window.ts'
import { type KeyAccess, keyAccess } from '../runtime/passphrase.ts'
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
/** For commands that write to the store. */
export const writeFlags: readonly Flag[] = ['store', 'root', 'keys', 'releaseKey', 'timestampKey', 'passphraseFile']
/** For commands that use a key file. */
export const keyFlags: readonly Flag[] = ['passphraseFile']
/** For commands that a publish function can run. */
export const endpointFlags: readonly Flag[] = flagsOnlyFor('endpoint')
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

export const openingWith =
  (open: (settings: SettingsWith<'store' | 'pin'>, options: Options, log: Log) => Promise<Publisher>) =>
  async <K extends keyof Settings = never>(options: Options, log: Log, needs: readonly K[] = []) => {
    const settings = settingsOf<K | 'store' | 'pin'>(options, ['store', 'pin', ...needs])
    return { settings, store: await open(settings, options, log) }
  }

/** Opens the store that the options name, for reading. */
export const openReadingOf = openingWith((settings, _, log) => openReading(settings, log))
/** Loaded to ask, because most commands never do. */
export const askSecret = async (question: string) => (await import('./ask-secret.ts')).askSecret(question)

/** Opens the store that the options name, with the keys at hand. */
export const openStoreOf = openingWith((settings, options, log) =>
  openPublishing(settings, environmentOf(options), log, { ask: askSecret }),
)

/** How commands load key files that are arguments. */
export const keyAccessOf = (options: Options): KeyAccess =>
  keyAccess(() => settingsOf(options, []), environmentOf(options), askSecret)

/** Publish functions that commands call instead of writing a store. */
export interface Endpoint {
  readonly url: string
  /** Sends a command; with a release key at hand, signed too. @throws PlatteError as the function refuses. */
  send<Result>(command: ChannelCommand, options: { readonly dryRun?: boolean | undefined }): Promise<Result>
  /** Sends a file of channels. @throws PlatteError as the function refuses. */
  apply<Result extends object>(body: FileOrder): Promise<Result>
  /** Uploads the packages that the function lacks. @throws PlatteError as it refuses; 'mismatch' for other bytes. */
  upload(announced: AnnouncedUpload, sending: Sending): Promise<void>
}

/** `plan`: the only one that may be carried out. */
export type FileOrder = Readonly<{ config: unknown; prune: boolean; dryRun: boolean; plan?: string }>

export interface AnnouncedUpload extends Readonly<Record<'app' | 'channel' | 'version' | 'board', string>> {
  readonly packages: readonly Package[]
  readonly raw?: true
}

export interface Sending {
  /** Paths by the names of packages. */
  readonly files: ReadonlyMap<string, string>
  /** Called for each part that arrived. */
  readonly onBytes: (bytes: number) => void
}

/** Options whose fields have another name, by the path of the field. */
const fieldNames: Readonly<Record<string, string>> = {
  ...{
    aliases: 'alias',
    payloadKeys: 'payloadKey',
    boards: 'board',
    cves: 'cve',
    'cadence.every': 'cadence',
    files: 'file',
    packages: 'file',
    checksum: 'ostreeChecksum',
  },
  ...{ 'target.from': 'running', 'target.os': 'os', 'target.oem.only': 'oem', 'target.oem.not': 'notOem' },
  ...{ 'target.machines.allow': 'allowMachines', 'target.machines.deny': 'denyMachines' },
}

/** Names the flag or argument that the field of a path came from. */
export const flagOf =
  (made: Command) =>
  (path: string): string => {
    const parts = path.split('.').filter((part) => !/^\d+$/.test(part))
    for (const part of [parts.join('.'), parts.at(-1) ?? '', parts[0] ?? '']) {
      const name = fieldNames[part] ?? part
      const argument = made.registeredArguments.find((one) => one.name() === name)
      if (argument) return `<${name}>`
      const flag = made.options.find((one) => one.attributeName() === name)?.long
      if (flag) return flag
    }
    return path
  }

/** For options that may be repeated. */
export const collect = (value: string, list: readonly string[] = []): readonly string[] => [...list, value]

/** @param read returns `undefined` for a wrong value. */
export const parser =
  <Value>(hint: string, read: (text: string) => Value | undefined) =>
  (text: string): Value => {
    const value = read(text)
    if (value === undefined) throw new InvalidArgumentError(hint)
    return value
  }

const form = (hint: string, isRight: (text: string) => boolean) =>
  parser(hint, (text) => (isRight(text) ? text : undefined))

export const parseChannel = form('Use 1 to 64 of a-z 0-9 . _ - for a channel, such as beta.', isName)
const isRange = (text: string): boolean => rangeProblem(text) === undefined
const isTimeZone = (timeZone: string): boolean =>
  windowProblem({ days: [], from: '00:00', to: '01:00', timeZone }) === undefined

export const parseRange = form('Use a range such as ">=4081.0.0 <4600.0.0".', isRange)
export const parseTimeZone = form('Use the name of a time zone, such as Europe/Berlin.', isTimeZone)
export const parseInstant = form('Use an instant such as 2026-11-24T13:12:00Z.', isInstant)

export const parseList = parser(
  'Use names with commas between them, such as azure,ami.',
  (text): readonly string[] | undefined => {
    const parts = text.split(',').map((part) => part.trim())
    return parts.includes('') ? undefined : parts
  },
)

/** ISO 8601, or in short. */
export const parseDuration = parser('Use a duration such as 48h, 7d, P14D or PT72H.', (text) => {
  const duration = longDuration(text)
  return isDuration(duration) ? duration : undefined
})

export const parseCount = parser('Use a whole number from 1.', (text) =>
  /^\d{1,6}$/.test(text) && Number(text) >= 1 ? Number(text) : undefined,
)

export const parseShare = parser('Use a share of 0 to 1, such as 0.25 or 25%.', (text) => {
  const [, number, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? []
  const share = Number(number) / (percent === '%' ? 100 : 1)
  return share <= 1 ? share : undefined
})

/** Members of a guard by their names here. */
const guardParts: Readonly<Record<string, readonly [keyof Guard, (text: string) => Guard[keyof Guard]]>> = {
  ...{ failures: ['failures', parseShare], 'fell-back': ['fellBack', parseShare] },
  ...{ 'at-least': ['atLeast', parseCount], within: ['within', parseDuration] },
}

const guardHint = 'Use limits such as failures=5%,fell-back=2%,at-least=20,within=24h.'
export const parseGuard = parser(guardHint, (text): Guard | undefined => {
  const parts = text.split(',').map((part) => part.trim().split('='))
  const isKnown = parts.every(([name = '', , ...more]) => Object.hasOwn(guardParts, name) && more.length === 0)
  const isLimit = parts.some(([name]) => name === 'failures' || name === 'fell-back')
  if (!isKnown || !isLimit || new Set(parts.map(([name]) => name)).size < parts.length) return undefined
  const given = parts.flatMap(([name = '', value = '']) => {
    const [member, read] = guardParts[name] ?? []
    return member && read ? [[member, read(value)]] : []
  })
  return { atLeast: 20, within: 'PT24H', ...Object.fromEntries(given) }
})

/** The words are also there for `platte completion`. */
export const oneOf = <T extends string>(words: readonly T[]): ((text: string) => T) =>
  Object.assign(
    parser(`Use one of ${words.join(', ')}.`, (text) => words.find((word) => word === text)),
    { words },
  )
