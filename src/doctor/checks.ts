/** Checks of a store, without a test runner: `platte doctor` runs them on an operator's store. */
import { type ErrorCode, PlatteError } from '../kernel/errors.ts'
import type { Documents, StoredDocument, Token } from '../store/documents.ts'

/** Makes a key of this check's own; an empty name, or one that ends in "/", makes a prefix. */
export type At = (name: string) => string

/** One sentence of a port's contract, tested on scratch keys. */
export interface StoreCheck<Store> {
  readonly name: string
  /** The consequence for publishers and machines if it is broken. */
  readonly otherwise: string
  /** Whether this check applies to the store; absent: to every store. */
  readonly when?: (store: Store) => boolean
  /** Only cleaning up needs it: an identity without this permission can still publish. */
  readonly spare?: true
  /** @throws PlatteError('mismatch') where it does not hold, saying what came and what was due; as the store fails. */
  readonly run: (store: Store, at: At) => Promise<void>
}

/** Checks by their sentences. */
export const checksOf = <Store>(rows: Readonly<Record<string, Omit<StoreCheck<Store>, 'name'>>>): StoreCheck<Store>[] =>
  Object.entries(rows).map(([name, check]) => ({ name, ...check }))

/** @throws PlatteError('mismatch') where two values are not the same; bytes and lists are compared by content. */
export function same(got: unknown, want: unknown, what: string): void {
  const [a, b] = [shown(got), shown(want)]
  if (a !== b) throw new PlatteError('mismatch', `${what}: got ${a.slice(0, 200)}, want ${b.slice(0, 200)}`)
}

function shown(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes ${fingerprint(value)}`
  return value === undefined ? 'nothing' : (JSON.stringify(value) ?? String(value))
}

/** A short fingerprint of bytes (FNV-1a), for messages. */
function fingerprint(bytes: Uint8Array): string {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return (hash >>> 0).toString(16)
}

/** @throws PlatteError('mismatch') where `work` does not throw a PlatteError with one of `codes`. */
export async function refuses(codes: readonly ErrorCode[], what: string, work: () => Promise<unknown>): Promise<void> {
  const outcome = await work().then(
    (value) => `answers ${shown(value).slice(0, 120)}`,
    (error: unknown) => error,
  )
  if (outcome instanceof PlatteError && codes.includes(outcome.code)) return
  if (outcome instanceof PlatteError && undecided.includes(outcome.code)) throw outcome
  const got = outcome instanceof PlatteError ? `${outcome.code}: ${outcome.message}` : String(outcome)
  throw new PlatteError('mismatch', `${what}: want an error ${codes.join(' or ')}, got ${got}`)
}

/**
 * Failures that say nothing about the contract: the store did not answer, refuses this identity, is read-only, or the
 * settings do not reach it.
 */
export const undecided: readonly ErrorCode[] = [
  'store-unavailable',
  'forbidden',
  'refused',
  'credentials',
  'configuration',
]

/** @throws PlatteError('mismatch') for what a store must give back, and did not. */
export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new PlatteError('mismatch', `${what}: is absent`)
  return value
}

export async function listed(keys: AsyncIterable<string> | undefined): Promise<readonly string[]> {
  const all: string[] = []
  for await (const key of keys ?? []) all.push(key)
  return all
}

/** Bytes without repetition, different for each seed. */
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

/** More bytes than any document of a check has. */
export const maxBytes = 1024 * 1024

export const read = async (store: Documents, key: string): Promise<StoredDocument> =>
  present(await store.get(key, maxBytes), `get ${key}`)

export const holds = async (store: Documents, key: string, want: Uint8Array): Promise<void> =>
  same((await read(store, key)).bytes, want, `the bytes of ${key}`)

export async function created(store: Documents, key: string, bytes: Uint8Array): Promise<Token> {
  same(await store.create(key, bytes), 'created', 'create')
  return (await read(store, key)).token
}
