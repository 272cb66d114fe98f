/** Reads a file of channels, TOML or YAML. Errors name the file, the line, the member, what is wrong and what is allowed. */
import { parse, stringify, TomlError } from 'smol-toml'
import { messageOf, PlatteError } from '../kernel/errors.ts'
import { defined } from '../kernel/json.ts'

/** A file as data, and the line of each member by its path. */
export interface ConfigFile {
  readonly name: string
  readonly value: unknown
  readonly lines: ReadonlyMap<string, number>
}

/**
 * YAML where the name ends in .yaml, .yml or .json, or where the name says nothing and the text begins as YAML does.
 * @throws PlatteError('usage') for what is neither.
 */
export async function parseConfigFile(name: string, text: string): Promise<ConfigFile> {
  const at = text.indexOf('\ufffd')
  if (at >= 0) throw notRead(name, text.slice(0, at).split('\n').length, 'not UTF-8: save the file in that encoding')
  return { name, ...(isYaml(name, text) ? await parseYaml(name, text) : parseToml(name, text)) }
}

const isYaml = (name: string, text: string): boolean =>
  /\.(ya?ml|json)$/i.test(name) || (!/\.toml$/i.test(name) && /^(?:\s|#.*\n)*(?:\{|---|["']?apps["']?\s*:)/.test(text))

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
  const { isMap, isScalar, isSeq, LineCounter, parseDocument } = (await import('yaml')).default
  const counter = new LineCounter()
  // The library compares each key with all before it: 7 seconds for 20,000.
  const document = parseDocument(text, { lineCounter: counter, merge: true, uniqueKeys: false })
  const [error] = document.errors
  const { code, message = '', pos } = error ?? {}
  const why = code === 'MULTIPLE_DOCS' ? 'more than one document, which --- begins' : message.split('\n')[0]
  if (pos) throw notRead(name, counter.linePos(pos[0]).line, `not YAML: ${why}`)
  const lines = new Map<string, number>()
  const visit = (node: unknown, path: readonly string[]): void => {
    if (isSeq(node)) for (const one of node.items) visit(one, path)
    if (!isMap(node)) return
    const seen = new Set<unknown>()
    for (const { key, value } of node.items) {
      if (!isScalar(key)) continue
      // A version such as 4152.20 is no number.
      if (typeof key.value === 'number') key.value = key.source
      const here = [...path, String(key.value)]
      const { line } = counter.linePos(key.range?.[0] ?? 0)
      if (seen.has(key.value)) throw notRead(name, line, `not YAML: ${here.join('.')} is there twice`)
      seen.add(key.value)
      lines.set(here.join('.'), line)
      visit(value, here)
    }
  }
  visit(document.contents, [])
  try {
    const value = document.toJS()
    // An anchor may be used inside of itself: no data.
    JSON.stringify(value)
    return { value, lines }
  } catch (cause) {
    if (cause instanceof TypeError) throw notRead(name, undefined, 'an anchor contains itself')
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

/** A file of TOML or YAML that says the same. */
export async function renderConfig(value: object, form: 'toml' | 'yaml'): Promise<string> {
  if (form === 'toml') return `${stringify(value).trimEnd()}\n`
  const { stringify: yamlOf } = (await import('yaml')).default
  return yamlOf(value, { lineWidth: 0 })
}
