/** Checks what a file of channels says. Errors name the member, what is wrong and what is allowed. */
import * as v from 'valibot'
import { reservedKeysMessage } from '../documents/fields.ts'
import { PlatteError } from '../kernel/errors.ts'
import { nearestOf } from '../kernel/nearest.ts'
import { type Config, configSchema } from './config.ts'

export const maxConfigBytes = 1024 * 1024

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
  if (isUnknown(issue)) return elsewhere[keys.at(-1) ?? ''] ?? `unknown member${nearestTo(keys)}`
  if (type === 'strict_object' && received === 'undefined') return 'is missing'
  const isTable = typeof input === 'object' && input !== null && !Array.isArray(input)
  if (message === reservedKeysMessage && !isTable) return `must be a table, not ${wordOf(received)}`
  if (!message.startsWith('Invalid') || !expected) return message
  const isVersion = isTable && keys.some((key) => ['floors', 'dead_ends', 'holds'].includes(key))
  const found = isTable ? words.Object : wordOf(received)
  return `must be ${wordOf(expected)}, not ${found}${isVersion ? ': put versions in quotes' : ''}`
}

const words: Readonly<Record<string, string>> = {
  ...{ string: 'a text', Object: 'a table', Array: 'a list', number: 'a number', boolean: 'true or false' },
  undefined: 'missing',
}
const wordOf = (text: string): string => words[text] ?? text

/** What people look for in the file, and is not in it. */
const elsewhere: Readonly<Record<string, string>> = {
  overlay: 'belongs to a mirror: PLATTE_OVERLAY names its file',
  releases: 'come by publish, promote and adopt',
  ramps: 'belong to a release: platte ramp',
}
const otherNames: Readonly<Record<string, string>> = { retention: 'keep', ramp: 'default_ramp', pinned: 'holds' }

/** What may stand where an unknown member stands. */
function nearestTo(keys: readonly string[]): string {
  const known = membersAt(configSchema, keys.slice(0, -1))
  const typed = (keys.at(-1) ?? '').toLowerCase().replaceAll('-', '_')
  if (known.length === 0) return ''
  const other = otherNames[typed] ?? ''
  const nearest = known.includes(other) ? other : nearestOf(typed, known)
  return `${nearest ? `; did you mean ${nearest}?` : ';'} allowed: ${known.join(', ')}`
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
