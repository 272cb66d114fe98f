/** `platte.toml`: settings in a file, below flags and variables. Workers and Lambda have none. */
import { readFileSync, statSync } from 'node:fs'
import { closest, distance } from 'fastest-levenshtein'
import { parse, TomlError } from 'smol-toml'
import { messageOf, PlatteError } from '../kernel/errors.ts'
import { memberOf, quoted } from '../kernel/setting.ts'
import { type SettingsFile, settingRows, settingsFileName } from './settings.ts'
import { decodeText } from './text-file.ts'

const maxBytes = 256 * 1024

export type ReadFile = SettingsFile & { readonly warnings: readonly string[] }

/**
 * @param path the value of PLATTE_CONFIG; without it `platte.toml` in the working folder, which may be absent.
 * @throws PlatteError('configuration') where it cannot be read or is no TOML.
 */
export function readSettingsFile(path: string | undefined): ReadFile | undefined {
  const file = path || settingsFileName
  const text = readText(file, path ? 'required' : 'optional')
  if (text === undefined) return undefined
  const members = new Map<string, { text: string; line: number | undefined; written?: string }>()
  const problems: { problem: string; line: number | undefined }[] = []
  for (const [name, value] of Object.entries(parseToml(file, text))) {
    const line = lineOf(text, name)
    const member = known.has(name) ? textOf(value) : undefined
    const written = typeof value === 'boolean' && { written: `${value}` }
    if (member !== undefined) members.set(name, { text: member, line, ...written })
    else problems.push({ problem: `${line === undefined ? file : `${file} line ${line}`}: ${problemOf(name)}`, line })
  }
  return { path: file, members, problems, warnings: warningsOf(file, [...members.keys()]) }
}

function readText(file: string, need: 'required' | 'optional'): string | undefined {
  try {
    if (statSync(file).size > maxBytes) throw new Error(`it has more than ${maxBytes} bytes`)
    return decodeText(readFileSync(file))
  } catch (cause) {
    if (need === 'optional' && isAbsent(cause)) return undefined
    const hint =
      need === 'required' ? 'correct PLATTE_CONFIG' : 'make it readable, or name another file in PLATTE_CONFIG'
    throw new PlatteError('configuration', `${file} cannot be read: ${messageOf(cause)}`, { hint, cause })
  }
}

/** Deno reads only the files that its flags name: without that permission there is no file. */
const isAbsent = (cause: unknown): boolean =>
  cause instanceof Error && (('code' in cause && cause.code === 'ENOENT') || cause.name === 'NotCapable')

function parseToml(file: string, text: string): Readonly<Record<string, unknown>> {
  try {
    return parse(text)
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause
    // The rest of its message repeats the line, which may hold a secret.
    const [why = ''] = cause.message.replace(/^Invalid TOML document: /, '').split('\n')
    const unquoted = unquotedIn(text.split('\n')[cause.line - 1] ?? '')
    throw new PlatteError('configuration', `${file} line ${cause.line}: ${unquoted ?? `not TOML: ${why}`}`, {
      hint: 'write one setting a line, such as store = "file:/var/lib/platte"',
    })
  }
}

/** What is wrong with a line whose text has no quotes. A text that may be a secret is not repeated. */
function unquotedIn(line: string): string | undefined {
  const [, name = '', text] = /^\s*([\w-]+)\s*=\s*([^\s"'#[{][^"'#]*?)\s*(?:#.*)?$/.exec(line) ?? []
  if (text === undefined) return undefined
  const row = known.get(name)
  return `${name}: texts stand in quotes: ${row && !row.secret ? `write ${name} = ${quoted(text)}` : `${name} = "…"`}`
}

/** Known only where one line begins with the name. */
function lineOf(text: string, name: string): number | undefined {
  const plain = name.replace(/\W/g, '\\$&')
  const start = new RegExp(`^\\s*["']?${plain}["']?\\s*=|^\\s*\\[${plain}\\]`)
  const lines = text.split('\n').flatMap((line, i) => (start.test(line) ? [i + 1] : []))
  return lines.length === 1 ? lines[0] : undefined
}

const known = new Map(settingRows.map(([, row]) => [memberOf(row), row]))

const problemOf = (name: string): string =>
  known.has(name)
    ? `${name}: use a text, a whole number, true or false, or a list of texts`
    : `there is no setting ${name}${suggestion(name)}`

/** The text that a variable would have. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  if (Number.isSafeInteger(value)) return String(value)
  return Array.isArray(value) && value.every((one) => typeof one === 'string') ? value.join(',') : undefined
}

function suggestion(name: string): string {
  const typed = memberOf({ variable: name.replaceAll('-', '_').toUpperCase() })
  const letters = (text: string): string => [...text].sort().join('')
  const swapped = [...known.keys()].find((one) => letters(one) === letters(typed))
  const nearest = swapped ?? closest(typed, [...known.keys()])
  return distance(typed, nearest) <= nearest.length / 2 ? `; did you mean ${nearest}?` : ''
}

function warningsOf(file: string, names: readonly string[]): readonly string[] {
  const secrets = names.filter((name) => known.get(name)?.secret)
  const isShared = secrets.length > 0 && process.platform !== 'win32' && (statSync(file).mode & 0o004) !== 0
  return isShared ? [`every user of this machine can read ${secrets.join(', ')} in ${file}: run chmod o-r ${file}`] : []
}
