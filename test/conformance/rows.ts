/**
 * What the suites of the ports share. A suite is a list of rows without a test runner, so that it also runs inside
 * workerd and Deno, against stores that lie, and against a real bucket that holds other things.
 */
import { type ErrorCode, PlatteError } from '../../src/errors.ts'

/** Makes a key that no other row uses. */
export type At = (name: string) => string

export interface Row<Store> {
  readonly name: string
  readonly run: (store: Store, at: At) => Promise<void>
}

export interface Failure {
  readonly row: string
  readonly message: string
}

/** Keys under `prefix` and the row's own number. */
export const keysOf =
  (prefix: string, row: number): At =>
  (name) =>
    `${prefix}/r${row}/${name}`

/** Runs all rows one after the other, each on a store from `open`; nothing is thrown. */
export async function failures<Store>(
  rows: readonly Row<Store>[],
  open: () => Store | Promise<Store>,
  prefix = 'conformance',
): Promise<readonly Failure[]> {
  const failed: Failure[] = []
  for (const [number, { name, run }] of rows.entries()) {
    try {
      await run(await open(), keysOf(prefix, number))
    } catch (error) {
      failed.push({ row: name, message: error instanceof Error ? error.message : String(error) })
    }
  }
  return failed
}

/** @throws Error where two values are not the same; bytes and lists are compared by content. */
export function same(got: unknown, want: unknown, what: string): void {
  const [a, b] = [shown(got), shown(want)]
  if (a !== b) throw new Error(`${what}: got ${a.slice(0, 200)}, want ${b.slice(0, 200)}`)
}

function shown(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes ${fingerprint(value)}`
  return JSON.stringify(value) ?? String(value)
}

/** Tells bytes apart without printing them (FNV-1a). */
function fingerprint(bytes: Uint8Array): string {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return (hash >>> 0).toString(16)
}

/** @throws Error where `work` does not throw a PlatteError with one of `codes`. */
export async function refuses(codes: readonly ErrorCode[], what: string, work: () => Promise<unknown>): Promise<void> {
  const outcome = await work().then(
    (value) => `answers ${shown(value).slice(0, 120)}`,
    (error: unknown) => error,
  )
  if (outcome instanceof PlatteError && codes.includes(outcome.code)) return
  const got = outcome instanceof PlatteError ? `${outcome.code}: ${outcome.message}` : String(outcome)
  throw new Error(`${what}: want an error ${codes.join(' or ')}, got ${got}`)
}

/** What a store must give back, or fail. */
export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`${what}: is absent`)
  return value
}

export async function listed(keys: AsyncIterable<string>): Promise<readonly string[]> {
  const all: string[] = []
  for await (const key of keys) all.push(key)
  return all
}

/** Bytes that differ from seed to seed, and everywhere within. */
export function sample(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size)
  let state = (seed + 1) * 0x9e3779b1
  for (let i = 0; i < size; i++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + i
    bytes[i] = state >>> 11
  }
  return bytes
}

export const text = (value: string): Uint8Array => new TextEncoder().encode(value)

/** None of these is a key; `documents/paths.ts` builds none of them. */
export const badKeys: readonly string[] = [
  '',
  '/',
  '/catalog.jws',
  '../catalog.jws',
  'apps/../catalog.jws',
  'apps/..',
  './catalog.jws',
  'apps//catalog.jws',
  'apps/',
  'apps\\catalog.jws',
  '..\\catalog.jws',
  'catalog.jws\0',
  'catalog.jws\n',
  '%2e%2e/catalog.jws',
  '.tmp/x',
  '.next/catalog.jws/x',
  '__proto__',
  'notes/__proto__',
  'café',
  'a'.repeat(65536),
]
