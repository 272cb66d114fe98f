/** One pass of a mirror: verbatim, verified bytes into a store in which only the catalog is ever replaced. */
import type { StoreReader } from '../catalog/read.ts'
import { countBytes } from '../channels/publish.ts'
import { maxNotesBytes, notesKey } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { Package } from '../release/channel.ts'
import type { Documents, Token } from '../store/documents.ts'
import type { Packages } from '../store/packages.ts'
import { sha256Hex } from '../trust/digest.ts'
import { isSamePayload, openEnvelope } from '../trust/envelope.ts'
import { roleOf, type TrustedRoot } from '../trust/verify-root.ts'

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

/** Packages to copy: all that current manifests name, those that may still be offered, or none. */
export const wants = ['all', 'current', 'none'] as const
export type Want = (typeof wants)[number]

export interface MirrorOptions {
  readonly packages: Want
  /** `channel` or `app/channel`; all unless given. The channel that one follows comes along. */
  readonly channels?: readonly string[] | undefined
  /** Called before each package; the result receives its bytes and its end. */
  readonly onPackage?: ((one: Package) => { add: (bytes: number) => void; end: () => void }) | undefined
  /** 8 unless given. With 1, the order is the same each time. */
  readonly packagesAtOnce?: number
  /** Also copies what the own store lacks from an older upstream: a bundle never gets newer. */
  readonly fillFromOlder?: boolean
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
}

export interface Pass extends Mirroring {
  readonly options: MirrorOptions
  /** Documents of the upstream by key, until they are copied. */
  readonly read: Map<string, Uint8Array>
  readonly copied: Copied
}

/** Begins a pass, which remembers the upstream's documents as they are read. */
export function beginPass(mirroring: Mirroring, options: MirrorOptions): Pass {
  const { documents } = mirroring.from
  const read = new Map<string, Uint8Array>()
  const get: Documents['get'] = async (key, maxBytes, known) => {
    const found = await documents.get(key, maxBytes, known?.token === '' ? undefined : known)
    if (found !== undefined && found !== known && 'bytes' in found) read.set(key, found.bytes)
    return found
  }
  const copied = { documents: 0, packages: 0, bytes: 0, absent: [] }
  return { ...mirroring, from: { ...mirroring.from, documents: { ...documents, get } }, options, read, copied }
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

/** Copies release notes, or records their absence. @throws PlatteError('mismatch') for other bytes. */
export async function copyNotes(pass: Pass, sha256: string): Promise<void> {
  const key = notesKey(sha256)
  const stored = await pass.from.documents.get(key, maxNotesBytes)
  if (stored === undefined) return void pass.copied.absent.push(key)
  const found = await sha256Hex(stored.bytes)
  if (found !== sha256) throw new PlatteError('mismatch', `${key}: has SHA-256 ${found} at the upstream`)
  await keepRead(pass, key)
}

/**
 * Streams a package into the own store, which checks it, or notes its absence.
 * @throws PlatteError('mismatch') for another size or digest; nothing is kept.
 */
export async function copyPackage({ from, to, copied, options }: Pass, key: string, one: Package): Promise<void> {
  const open = await from.packages.open(key)
  if (open === undefined) return void copied.absent.push(key)
  if (open.size !== one.size) {
    await open.body.cancel()
    throw new PlatteError('mismatch', `${key}: has ${open.size} bytes at the upstream, expected ${one.size}`)
  }
  const bar = options.onPackage?.(one)
  try {
    const body = bar ? open.body.pipeThrough(countBytes(bar.add)) : open.body
    if ((await to.packages.put(key, body, one)) === 'same') return
  } finally {
    bar?.end()
  }
  copied.packages++
  copied.bytes += one.size
}

/** Works on at most `most` items at a time. After a failure none begins; running ones are waited for. */
export async function inParallel<T>(items: readonly T[], most: number, work: (item: T) => Promise<void>) {
  const left = [...items]
  const failures: unknown[] = []
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined && failures.length === 0; item = left.shift())
      await work(item).catch((error: unknown) => void failures.push(error))
  }
  await Promise.all(Array.from({ length: most }, worker))
  if (failures.length > 0) throw failures[0]
}
