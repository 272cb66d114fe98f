/** Reads a file of channels, TOML or YAML. Errors name the file, the line, the member, what is wrong and what is allowed. */
import { closest, distance } from 'fastest-levenshtein'
import { parse, stringify, TomlError } from 'smol-toml'
import * as v from 'valibot'
import { messageOf, PlatteError } from '../kernel/errors.ts'
import { defined } from '../kernel/json.ts'
import { type Config, configSchema } from './config.ts'

export const maxConfigBytes = 1024 * 1024

/** A file as data, and the line of each member by its path. */
export interface ConfigFile {
  readonly name: string
  readonly value: unknown
  readonly lines: ReadonlyMap<string, number>
}

/** @throws PlatteError('usage') for what is neither. YAML where the name ends in .yaml, .yml or .json. */
export async function parseConfigFile(name: string, text: string): Promise<ConfigFile> {
  return { name, ...(/\.(ya?ml|json)$/i.test(name) ? await parseYaml(name, text) : parseToml(name, text)) }
}

const notRead = (name: string, line: number | undefined, why: string): PlatteError =>
  new PlatteError('usage', `${name}${line === undefined ? '' : ` line ${line}`}: ${why}`)

function parseToml(name: string, text: string): Omit<ConfigFile, 'name'> {
  try {
    return { value: parse(text), lines: linesOfToml(text) }
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause
    const [why = ''] = cause.message.replace(/^Invalid TOML document: /, '').split('\n')
    throw notRead(name, cause.line, `not TOML: ${why}`)
  }
}

/** Members that begin a line, and tables. */
function linesOfToml(text: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>()
  let table: readonly string[] = []
  for (const [i, line] of text.split('\n').entries()) {
    const [, header] = /^\s*\[\[?(.*?)\]\]?\s*(?:#.*)?$/.exec(line) ?? []
    const [, member] = /^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=/.exec(line) ?? []
    const path = keysOf(header ?? member)
    if (path === undefined) continue
    if (header !== undefined) table = path
    const whole = (header === undefined ? [...table, ...path] : path).join('.')
    if (!lines.has(whole)) lines.set(whole, i + 1)
  }
  return lines
}

/** The parts of a dotted key, as TOML reads it. */
function keysOf(text: string | undefined): readonly string[] | undefined {
  if (text === undefined) return undefined
  const keys: string[] = []
  try {
    let value: unknown = parse(`${text} = 0`)
    while (typeof value === 'object' && value !== null) {
      const [[key, inner] = ['', 0]] = Object.entries(value)
      keys.push(key)
      value = inner
    }
  } catch {
    return undefined
  }
  return keys
}

async function parseYaml(name: string, text: string): Promise<Omit<ConfigFile, 'name'>> {
  const { isMap, isScalar, LineCounter, parseDocument } = (await import('yaml')).default
  const counter = new LineCounter()
  const document = parseDocument(text, { lineCounter: counter, merge: true })
  const [error] = document.errors
  if (error) throw notRead(name, counter.linePos(error.pos[0]).line, `not YAML: ${error.message.split('\n')[0]}`)
  const lines = new Map<string, number>()
  const visit = (node: unknown, path: readonly string[]): void => {
    if (!isMap(node)) return
    for (const { key, value } of node.items) {
      if (!isScalar(key)) continue
      // A version such as 4152.20 is no number.
      if (typeof key.value === 'number') key.value = key.source
      const here = [...path, String(key.value)]
      lines.set(here.join('.'), counter.linePos(key.range?.[0] ?? 0).line)
      visit(value, here)
    }
  }
  visit(document.contents, [])
  try {
    return { value: document.toJS(), lines }
  } catch (cause) {
    throw notRead(name, undefined, `not YAML: ${messageOf(cause)}`)
  }
}

/** Puts the line of the member before a message that begins with its path. */
export function placed({ name, lines }: Pick<ConfigFile, 'name' | 'lines'>, error: unknown): unknown {
  if (!(error instanceof PlatteError)) return error
  const [nearest] = [...lines.keys()]
    .filter((path) => [':', '.'].some((end) => error.message.startsWith(path + end)))
    .sort((a, b) => b.length - a.length)
  const where = nearest === undefined ? name : `${name} line ${lines.get(nearest)}`
  const { code, message, hint } = error
  return new PlatteError(code, `${where}: ${message}`, defined({ hint, cause: error }))
}

/** @throws PlatteError('usage') whose message begins with the path of the first member at fault. */
export function checkConfig(value: unknown): Config {
  const result = v.safeParse(configSchema, value)
  if (result.success) return result.output
  const issue = result.issues.find(isUnknown) ?? result.issues[0]
  const keys = (issue.path ?? []).map(({ key }) => String(key))
  const path = keys.join('.') || 'the file'
  throw new PlatteError('usage', `${path}: ${problemOf(issue, keys)}`)
}

const isUnknown = ({ type, expected }: v.BaseIssue<unknown>): boolean =>
  type === 'strict_object' && expected === 'never'

function problemOf(issue: v.BaseIssue<unknown>, keys: readonly string[]): string {
  const { type, expected, received, message, input } = issue
  if (isUnknown(issue)) return `unknown member${nearestTo(keys)}`
  if (type === 'strict_object' && received === 'undefined') return 'is missing'
  if (!message.startsWith('Invalid') || !expected) return message
  const isTable = typeof input === 'object' && input !== null && !Array.isArray(input)
  const isVersion = isTable && keys.some((key) => ['floors', 'dead_ends', 'holds'].includes(key))
  const found = isTable ? words.Object : wordOf(received)
  return `must be ${wordOf(expected)}, not ${found}${isVersion ? ': put versions in quotes' : ''}`
}

const words: Readonly<Record<string, string>> = {
  ...{ string: 'a text', Object: 'a table', Array: 'a list', number: 'a number', boolean: 'true or false' },
  undefined: 'missing',
}
const wordOf = (text: string): string => words[text] ?? text

/** What may stand where an unknown member stands. */
function nearestTo(keys: readonly string[]): string {
  const known = membersAt(configSchema, keys.slice(0, -1))
  const typed = (keys.at(-1) ?? '').toLowerCase().replaceAll('-', '_')
  if (known.length === 0) return ''
  const nearest = closest(typed, known)
  const isNear = distance(typed, nearest) <= nearest.length / 2
  return `${isNear ? `; did you mean ${nearest}?` : ';'} allowed: ${known.join(', ')}`
}

interface AnySchema {
  readonly entries?: Readonly<Record<string, AnySchema>>
  readonly value?: AnySchema
  readonly item?: AnySchema
  readonly wrapped?: AnySchema
  readonly pipe?: readonly AnySchema[]
  readonly getter?: (input: unknown) => AnySchema
}

/** The members that the schema has at a path. */
function membersAt(schema: unknown, [key, ...rest]: readonly string[]): readonly string[] {
  const one = opened(schema as AnySchema)
  if (key === undefined) return Object.keys(one?.entries ?? {})
  return membersAt(one?.entries?.[key] ?? one?.value ?? one?.item, rest)
}

function opened(one: AnySchema | undefined): AnySchema | undefined {
  if (one?.wrapped) return opened(one.wrapped)
  if (one?.getter) return opened(one.getter({}))
  if (one?.entries) return one
  return one?.pipe?.slice(1).find((inner) => inner.value ?? inner.entries) ?? one
}

/** A file of TOML or YAML that says the same. */
export async function renderConfig(value: object, form: 'toml' | 'yaml'): Promise<string> {
  if (form === 'toml') return `${stringify(value).trimEnd()}\n`
  const { stringify: yamlOf } = (await import('yaml')).default
  return yamlOf(value, { lineWidth: 0 })
}
