/** One pass of a mirror: verbatim, verified bytes into a store in which only the catalog is ever replaced. */
import type { StoreReader } from '../catalog/read.ts'
import { maxNotesBytes, notesKey } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { streamFrom, tap } from '../kernel/streams.ts'
import type { Package } from '../release/channel.ts'
import type { Documents, Token } from '../store/documents.ts'
import type { Packages } from '../store/packages.ts'
import { sha256Hex } from '../trust/digest.ts'
import { isSamePayload, openEnvelope } from '../trust/envelope.ts'
import { roleOf, type TrustedRoot } from '../trust/verify-root.ts'
import type { Want } from './settings.ts'

export interface Store {
  readonly documents: Documents
  readonly packages: Packages
}

/** From the upstream to the own store. */
export interface Mirroring {
  readonly from: StoreReader & Store
  readonly to: Store
  /** The token that the upstream gives bytes of this SHA-256, where it follows from them. */
  readonly tokenOf?: (sha256: string) => Token
}

export interface MirrorOptions {
  readonly packages: Want
  /** `channel` or `app/channel`; all unless given. The channel that one follows comes along. */
  readonly channels?: readonly string[] | undefined
  /** Called before each package; the result receives its bytes and its end. */
  readonly onPackage?: ((one: Package) => { add: (bytes: number) => void; end: () => void }) | undefined
  /** 8 unless given. With 1, the order is the same each time. */
  readonly packagesAtOnce?: number
  /** Packages and notes come before the catalog. An import also fills gaps from a bundle that is older than the store. */
  readonly bundle?: 'export' | 'import'
  /** Passes a package on; fails for one that is not wanted. */
  readonly check?: (key: string, body: ReadableStream<Uint8Array>) => ReadableStream<Uint8Array>
  /** While packages are copied, news of the upstream are looked for after each such time. */
  readonly lookEveryMs?: number
  /** For schedules: the catalog comes before history, and nothing begins once they are spent. */
  readonly bounds?: { readonly packages: number; readonly isSpent: () => boolean }
}

export interface Copied {
  documents: number
  packages: number
  /** Of packages. */
  bytes: number
  /** Keys that a verified document names and the upstream lacks. */
  readonly absent: string[]
  /** Packages, notes and manifests that cannot be had or are wrong; each is tried again in the next pass. */
  readonly missing: Problem[]
}

export type Problem = Readonly<{ key: string; problem: string }>

export interface Pass extends Mirroring {
  /** What the pass began with; it reads no documents of this pass. */
  readonly original: Mirroring
  readonly options: MirrorOptions
  /** Documents of the upstream by key, until they are copied. */
  readonly read: Map<string, Uint8Array>
  readonly copied: Copied
  /** What failed in this pass or one before, by key. */
  readonly failed: Map<string, string>
}

/** Begins a pass, which remembers the upstream's documents as they are read. */
export function beginPass(mirroring: Mirroring, options: MirrorOptions, failed = new Map<string, string>()): Pass {
  const { documents } = mirroring.from
  const read = new Map<string, Uint8Array>()
  const get: Documents['get'] = async (key, maxBytes, known) => {
    const found = await documents.get(key, maxBytes, known?.token === '' ? undefined : known)
    if (found !== undefined && found !== known && 'bytes' in found) read.set(key.replace('/staged/', '/'), found.bytes)
    return found
  }
  const copied = { documents: 0, packages: 0, bytes: 0, absent: [], missing: [] }
  return {
    ...mirroring,
    original: mirroring,
    from: { ...mirroring.from, documents: { ...documents, get } },
    options,
    read,
    copied,
    failed,
  }
}

/** Names what cannot be copied, or is wrong, once a pass. */
export function noteProblem({ copied, failed }: Pass, key: string, problem: string): void {
  failed.set(key, problem)
  if (!copied.missing.some((one) => one.key === key)) copied.missing.push({ key, problem })
}

/**
 * Stores a document that was read and verified, also over a damaged copy: anyone between the stores can add a signature.
 * @throws PlatteError('fork') where keys of `trusted` signed something else.
 */
export async function keepRead(pass: Pass, key: string, trusted?: TrustedRoot): Promise<void> {
  const { to, from, read, copied } = pass
  const bytes = read.get(key) ?? new Uint8Array()
  const outcome = await to.documents.create(key, bytes)
  read.delete(key)
  if (outcome === 'same') return
  copied.documents++
  if (outcome === 'created') return
  const stored = await to.documents.get(key, damagedBytes)
  if (trusted && stored && (await isSignedOtherwise(key, stored.bytes, bytes, trusted)))
    throw new PlatteError('fork', `${key}: this store holds another document than the upstream, and both are signed`, {
      hint: 'a signing key is compromised, or one store was restored from a backup: find out which before you publish',
    })
  from.log({ level: 'warn', event: 'mirror', problem: `${key}: this store held other bytes than were verified` })
  if ((await to.documents.swap(key, bytes, stored?.token ?? '')) === 'ok') return
  throw new PlatteError('conflict', `${key}: concurrent change`, { hint: 'run it again' })
}

/** More than any document has: a damaged one may be longer. */
export const damagedBytes = 16 * 1024 * 1024

async function isSignedOtherwise(key: string, own: Uint8Array, bytes: Uint8Array, trusted: TrustedRoot) {
  const [kind, role] = key.startsWith('root/') ? (['root', 'root'] as const) : (['channel', 'release'] as const)
  const type = `platte-${kind}+jws` as const
  try {
    if (isSamePayload(own, bytes, type)) return false
    await openEnvelope(own, type, roleOf(trusted, role))
    return true
  } catch (error) {
    if (error instanceof PlatteError) return false
    throw error
  }
}

/** Copies release notes, or names why not. */
export async function copyNotes(pass: Pass, sha256: string): Promise<void> {
  const key = notesKey(sha256)
  const stored = await pass.from.documents.get(key, maxNotesBytes).catch(asProblem)
  if (stored instanceof PlatteError) return noteProblem(pass, key, stored.message)
  if (stored === undefined) return noteAbsent(pass, key)
  const found = await sha256Hex(stored.bytes)
  if (found !== sha256) return noteProblem(pass, key, `${key}: has SHA-256 ${found} at the upstream`)
  await keepRead(pass, key)
  pass.failed.delete(key)
}

export function noteAbsent(pass: Pass, key: string): void {
  noteProblem(pass, key, absent(pass, key).message)
}

function absent({ copied, options }: Pass, key: string): PlatteError {
  copied.absent.push(key)
  const where = { import: 'is neither here nor in the bundle', export: 'is not in this store' }
  return new PlatteError('missing', `${key}: ${options.bundle ? where[options.bundle] : 'is not at the upstream'}`)
}

/**
 * Streams a package into the own store, which checks it. What came in pieces may be of different bytes: where it is wrong,
 * it is fetched once more.
 * @returns why the upstream does not give it; nothing is kept then. @throws PlatteError where the own store fails.
 */
export async function copyPackage(
  pass: Pass,
  key: string,
  one: Package,
  isAgain = false,
): Promise<PlatteError | undefined> {
  const { from, to, copied, options } = pass
  const open = await from.packages.open(key).catch(asProblem)
  if (open instanceof PlatteError) return open
  if (open === undefined) return absent(pass, key)
  if (open.size !== one.size) {
    await open.body.cancel()
    return new PlatteError('mismatch', `${key}: does not have its ${one.size} bytes at the upstream`)
  }
  const bar = options.onPackage?.(one)
  const reading = watchFailure(open.body)
  try {
    const counted = bar ? tap(reading.body, ({ length }) => bar.add(length)) : reading.body
    const body = options.check?.(key, counted) ?? counted
    if ((await to.packages.put(key, body, one)) === 'same') return undefined
  } catch (error) {
    const problem = asProblem(reading.failure() ?? error)
    const isWrong = ['mismatch', 'refused'].includes(problem.code)
    if (reading.failure() === undefined && !isWrong) throw error
    const isPieced = isWrong && open.isPieced?.() === true && options.bundle !== 'export'
    return isPieced && !isAgain ? await copyPackage(pass, key, one, true) : problem
  } finally {
    bar?.end()
  }
  copied.packages++
  copied.bytes += one.size
  return undefined
}

/** A defect is thrown. */
export function asProblem(error: unknown): PlatteError {
  if (error instanceof PlatteError) return error
  throw error
}

/** Tells a failure of the source from one of the store that takes its bytes. */
function watchFailure(source: ReadableStream<Uint8Array>) {
  const reader = source.getReader()
  let failure: unknown
  const next = async (): Promise<Uint8Array | undefined> => {
    try {
      return (await reader.read()).value
    } catch (error) {
      failure = error
      throw error
    }
  }
  return { body: streamFrom(next, (reason) => reader.cancel(reason)), failure: () => failure }
}
