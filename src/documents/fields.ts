/** The fields that stored documents share, and how a payload is read. */
import * as v from 'valibot'
import { type ErrorCode, PlatteError } from '../kernel/errors.ts'
import { isVisible } from '../kernel/format.ts'
import { isGroup } from '../kernel/group.ts'
import type { Verified } from '../kernel/verified.ts'
import { parseVersion } from '../release/version.ts'

/** Members of every plain object. */
const reservedNames = new Set(['constructor', 'prototype', '__proto__'])
export const isReserved = (name: string): boolean => reservedNames.has(name)
export const reservedKeysMessage = 'must be an object without reserved names'
const withoutReservedKeys = v.custom<Record<string, unknown>>((input) => {
  const isObject = typeof input === 'object' && input !== null && !Array.isArray(input)
  return isObject && !Object.keys(input).some((key) => reservedNames.has(key))
}, reservedKeysMessage)

/** A map by name. Refuses reserved names. */
export const record = <K extends v.GenericSchema<string, string>, V extends v.GenericSchema>(key: K, value: V) =>
  v.pipe(withoutReservedKeys, v.record(key, value))

export const matching = (form: RegExp, message: string) => v.pipe(v.string(), v.regex(form, message))

/** The key of an app: its Omaha id without braces, in lower case. */
export const appName = v.pipe(
  matching(
    /^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$/,
    'must be 1 to 64 of a-z 0-9 . _ -, letters or digits at both ends',
  ),
  v.check((name) => !name.includes('..') && !reservedNames.has(name), 'is a reserved name'),
)

export const channelName = v.pipe(appName)
/** Another GROUP of a channel's clients. Format 1 has only what could be a channel's name. */
export const aliasName = v.pipe(
  v.string(),
  v.check(isGroup, 'must be 1 to 128 visible characters in NFC, without blanks or quotes at its ends'),
  v.check((name) => !reservedNames.has(name), 'is a reserved name'),
)
/** From people, whose systems write umlauts in two ways. */
export const givenAlias = v.pipe(
  v.string(),
  v.transform((text) => text.normalize('NFC')),
  aliasName,
)
export const formatOfAliases = (aliases: readonly string[] = []): 1 | 2 => (aliases.every(isName) ? 1 : 2)
export const boardName = v.pipe(
  matching(/^[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?$/, 'must be 1 to 64 of a-z 0-9 _ -, such as amd64-usr'),
  v.check((name) => !reservedNames.has(name), 'is a reserved name'),
)

/** The last part of a package's URL. */
export const packageName = v.pipe(
  matching(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/, 'must be 1 to 128 of A-Z a-z 0-9 . _ + -'),
  v.check((name) => !name.includes('..'), 'must not contain ..'),
)

const isVersion = (text: string): boolean => parseVersion(text) !== undefined && !text.includes('..')
/** Can be compared, and can be part of a path. */
export const publishedVersion = v.pipe(
  v.string(),
  v.maxLength(64, 'must be at most 64 characters'),
  v.check(isVersion, 'must be numbers between dots, such as 4152.2.0'),
)

/** RFC 3339 in UTC. */
export const instant = v.pipe(
  matching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/, 'must be an instant such as 2026-11-01T00:00:00Z'),
  v.check((text) => !Number.isNaN(Date.parse(text)), 'must be a date that exists'),
)
/** From people. Stored ones may have been rolled over: February 30 was March 2. */
export const givenInstant = v.pipe(
  instant,
  v.check((text) => new Date(text).toISOString().startsWith(text.slice(0, 19)), 'must be a date that exists'),
)

export const hex = (digits: number) => matching(new RegExp(`^[0-9a-f]{${digits}}$`), `must be ${digits} hex digits`)
export const sha256 = hex(64)
export const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
export const positive = v.pipe(v.number(), v.safeInteger(), v.minValue(1))
/** An RFC 7638 thumbprint, base64url of SHA-256. */
export const keyId = matching(/^[A-Za-z0-9_-]{43}$/, 'must be a key id (43 characters of base64url)')
/** For people. */
export const text = (maxLength: number) =>
  v.pipe(v.string(), v.maxLength(maxLength, `must have at most ${maxLength} characters`), isOneLine)
const isOneLine = v.check(isVisible, 'must be on one line, without control characters')
export const reason = v.pipe(text(500), v.minLength(1, 'must not be empty'))

/** The durations of ISO 8601 with one length: P14D, PT72H, PT90M, P1DT12H. */
const durationForm = /^P(?=.)(?:(\d{1,5})D)?(?:T(?=.)(?:(\d{1,5})H)?(?:(\d{1,5})M)?(?:(\d{1,5})S)?)?$/
export const duration = v.pipe(
  matching(durationForm, 'must be a duration such as P14D or PT72H'),
  v.check((text) => durationMs(text) > 0, 'must be longer than nothing'),
)

export const isDuration = (text: string): boolean => v.is(duration, text)
/** Whether a text may name an app or a channel. */
export const isName = (text: string): boolean => v.is(appName, text)
export const isBoard = (text: string): boolean => v.is(boardName, text)
export const isPackage = (text: string): boolean => v.is(packageName, text)
export const isInstant = (text: string): boolean => v.is(givenInstant, text)

/** Turns `7d` into P7D, `48h` into PT48H, `90m` into PT90M; returns any other text unchanged. */
export const longDuration = (text: string): string =>
  text.replace(/^\d{1,5}[dhm]$/, (short) => `${short.endsWith('d') ? 'P' : 'PT'}${short.toUpperCase()}`)

/** @returns milliseconds, for a text that passed `duration`. */
export function durationMs(text: string): number {
  const parts = (durationForm.exec(text) ?? []).map((part) => Number(part ?? 0))
  const [, days = 0, hours = 0, minutes = 0, seconds = 0] = parts
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000
}

export const areDistinct = (list: readonly string[]): boolean => new Set(list).size === list.length

const utf8 = new TextDecoder('utf-8', { fatal: true })
type Schema<T> = v.GenericSchema<unknown, T>

/** `decode` reads a verified payload; `check` takes a value to sign. Both throw PlatteError('bad-document'). */
export const documentOf = <T>(schema: Schema<T>, name: string) => ({
  decode: (bytes: Verified<Uint8Array>): T => decodeUnsigned(schema, name, bytes),
  check: (value: unknown): T => check(schema, name, value),
})

/** Reads an unsigned document of the store. @throws PlatteError('bad-document') */
export function decodeUnsigned<T>(schema: Schema<T>, name: string, bytes: Uint8Array): T {
  let value: unknown
  try {
    value = JSON.parse(utf8.decode(bytes))
  } catch (cause) {
    throw new PlatteError('bad-document', `${name}: is not JSON in UTF-8`, { cause })
  }
  return check(schema, name, value)
}

/** @returns `undefined` where `decodeUnsigned` throws. */
export function decodeIfValid<T>(schema: Schema<T>, bytes: Uint8Array): T | undefined {
  try {
    return decodeUnsigned(schema, '', bytes)
  } catch (error) {
    if (error instanceof PlatteError) return undefined
    throw error
  }
}

/**
 * Checks a value by its schema. @throws PlatteError(code) naming the first wrong field.
 * @param nameOf what people call the field of a path, such as the flag that it came from.
 */
export function check<T>(
  schema: Schema<T>,
  name: string,
  value: unknown,
  code: ErrorCode = 'bad-document',
  nameOf: (path: string) => string = (path) => path,
): T {
  const result = v.safeParse(schema, value, { abortEarly: true })
  if (result.success) return result.output
  const issue = result.issues[0]
  const path = v.getDotPath(issue)
  if (path === 'format' && v.is(positive, issue.input) && issue.input > 1)
    throw new PlatteError(code, `${name}: written by a newer Platte (format ${issue.input}); upgrade this server`)
  throw new PlatteError(code, `${name}: ${path == null ? 'the document' : nameOf(path)}: ${issue.message}`)
}
