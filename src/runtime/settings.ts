/** Settings, read once at the edge into one frozen value; all problems are reported together. */
import { cupSettings } from '../cup/settings.ts'
import { fallBackSettings } from '../fallbacks/settings.ts'
import { fleetSettings } from '../fleet/settings.ts'
import { fleetSiteSettings } from '../fleet-site/settings.ts'
import { PlatteError, problemOf } from '../kernel/errors.ts'
import {
  type Environment,
  memberOf,
  quoted,
  type Setting,
  type SettingRows,
  type SettingValues,
} from '../kernel/setting.ts'
import { lockGateSettings } from '../lock-gates/settings.ts'
import { lockSettings } from '../locks/settings.ts'
import { metricsSettings } from '../metrics/settings.ts'
import { mirrorSettings } from '../mirroring/settings.ts'
import { publishSettings } from '../publish-api/settings.ts'
import { siteSettings } from '../site/settings.ts'
import { upstreamSettings } from '../upstreams/settings.ts'
import { webhookSettings } from '../webhook/settings.ts'
import { ownSettings } from './own-settings.ts'

export const settingsTable = {
  ...ownSettings,
  ...mirrorSettings,
  ...upstreamSettings,
  ...publishSettings,
  ...lockSettings,
  ...cupSettings,
  ...lockGateSettings,
  ...siteSettings,
  ...fleetSettings,
  ...metricsSettings,
  ...fleetSiteSettings,
  ...fallBackSettings,
  ...webhookSettings,
}

export type Settings = SettingValues<typeof settingsTable>

/** Settings of which some are known to be there. */
export type SettingsWith<Name extends keyof Settings> = Settings & {
  readonly [One in Name]-?: NonNullable<Settings[One]>
}

interface Placed {
  readonly line?: number | undefined
}

/** In the working folder, where PLATTE_CONFIG names no other. */
export const settingsFileName = 'platte.toml'

/** Texts of that file by their names there. */
export interface SettingsFile {
  readonly path: string
  /** `written`: what stands there, where the text is another one. */
  readonly members: ReadonlyMap<string, Placed & { readonly text: string; readonly written?: string }>
  readonly problems: readonly (Placed & { readonly problem: string })[]
}

export const settingRows = Object.entries(settingsTable satisfies SettingRows) as readonly [keyof Settings, Setting][]

/**
 * Reads the settings. A variable wins over `platte.toml`.
 * @param needs those that must be there; with `host`, a server beyond loopback needs a public URL.
 * @throws PlatteError('configuration') naming every setting that is missing or wrong, with a hint each.
 */
export function readSettings<Name extends keyof Settings = never>(
  env: Environment,
  needs: readonly Name[] = [],
  file?: SettingsFile,
): SettingsWith<Name> {
  const placed = [...(file?.problems ?? [])]
  const texts = settingRows.flatMap(([name, row]) => {
    const found = textOf(row, env, file)
    return found ? [{ name, row, ...found }] : []
  })
  const values: Values = Object.fromEntries(settingRows.map(([name, row]) => [name, row.default]))
  for (const { name, row, text, where, line, written } of texts) {
    try {
      values[name] = row.parse(text)
    } catch (error) {
      const means = written ? ` (${written} means ${quoted(text)})` : ''
      placed.push({ problem: `${where}: ${problemOf(error)}${means}`, line })
    }
  }
  // Those of the file by their lines, then the others in the order of the table.
  const last = Number.POSITIVE_INFINITY
  const problems = placed
    .sort((a, b) => Math.sign((a.line ?? last) - (b.line ?? last)) || 0)
    .map(({ problem }) => problem)
  for (const { name, row, where } of texts) {
    const conflict = values[name] !== undefined && row.conflict?.(values[name] as never, values as never)
    if (conflict) problems.push(`${where}: ${conflict}`)
  }
  const implied = texts.map(({ name, row }) => values[name] && row.implies?.(values[name] as never, values as never))
  const settings = defined(Object.assign({}, ...implied, defined(values)))
  // A wrong one is reported once.
  const given: readonly string[] = texts.map(({ name }) => name)
  problems.push(...missing(needs, (name) => settings[name] === undefined && !given.includes(name), settings.host))
  if (problems.length > 0)
    throw new PlatteError('configuration', ['settings cannot be used:', ...problems].join('\n  '))
  return Object.freeze(settings) as SettingsWith<Name>
}

type Values = Partial<Record<string, unknown>>

/** An empty variable counts as unset. */
function textOf(row: Setting, env: Environment, file: SettingsFile | undefined) {
  const text = env[row.variable]
  if (text) return { text, where: named(row), line: undefined, written: undefined }
  const member = file?.members.get(memberOf(row))
  const line = member?.line === undefined ? '' : ` line ${member.line}`
  return member?.text ? { ...member, where: `${file?.path}${line}: ${memberOf(row)}`, line: member.line } : undefined
}

const defined = (values: Values): Values =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))

function missing(needs: readonly string[], isMissing: (name: string) => boolean, host: unknown): readonly string[] {
  const rows = settingRows.filter(([name]) => needs.includes(name) && isMissing(name))
  const absent = rows.map(([, row]) => `${named(row)} is missing: ${row.hint ?? `set it to ${row.doc}`}`)
  const isLoopback = /^(127\.|localhost$|::1$)/.test(String(host))
  if (!needs.includes('host') || isLoopback || !isMissing('publicUrl')) return absent
  const { publicUrl } = settingsTable
  return [`${named(publicUrl)} is missing, and ${host} is not loopback: ${publicUrl.hint}`, ...absent]
}

/** A setting as messages name it. */
const named = ({ variable, flag }: Setting): string => (flag ? `${variable} (${flag.replace(/ .*/, '')})` : variable)
