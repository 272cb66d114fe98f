/** What one pass of a mirror is, and what it copies with: bytes as they were read and verified, into a store in which nothing but the catalog is ever replaced. */

import type { StoreReader } from '../catalog/read.ts'
import { countBytes } from '../channels/hash-and-stage.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { Package } from '../release/channel.ts'
import type { Documents, Token } from '../store/documents.ts'
import type { Packages } from '../store/packages.ts'
import { sha256Hex } from '../trust/digest.ts'

/** A store, as far as a mirror uses it. */
export interface Store {
  readonly documents: Documents
  readonly packages: Packages
}

/** The upstream, and the store of one's own. */
export interface Mirroring {
  readonly from: StoreReader & Store
  readonly to: Store
  /** The token that the upstream gives bytes of this SHA-256, where that is known without asking it. */
  readonly tokenOf?: (sha256: string) => Token
}

/** Which packages are copied: every one that a current manifest names, those that may still be offered, or none. */
export const wants = ['all', 'current', 'none'] as const
export type Want = (typeof wants)[number]

export interface MirrorOptions {
  readonly packages: Want
  /** Names of channels, or `app/channel`; without them all. What one of them follows comes along. */
  readonly channels?: readonly string[] | undefined
  /** Is told of each package before it is copied; what it returns is told of its bytes. */
  readonly onPackage?:
    | ((one: Package) => { readonly add: (bytes: number) => void; readonly end: () => void })
    | undefined
  /** How many packages are copied at a time; 8 unless given. With 1, their order is the same each time. */
  readonly packagesAtOnce?: number
  /** Whether what this store lacks is also taken from an upstream that shows an earlier state: a bundle has all it will have. */
  readonly fillFromOlder?: boolean
  /** For schedules: what one pass may do. The catalog then comes before history. */
  readonly bounds?: MirrorBounds
}

export interface MirrorBounds {
  readonly packages: number
  /** Whether nothing more is to be begun. */
  isSpent(): boolean
}

/** What a pass did so far. */
export interface Copied {
  documents: number
  packages: number
  /** Of packages. */
  bytes: number
  /** Keys that something verified names and the upstream does not have. */
  readonly absent: string[]
}

/** One pass. */
export interface Pass extends Mirroring {
  readonly options: MirrorOptions
  /** What was read of the upstream, by key, until it is copied: what was verified is copied verbatim. */
  readonly read: Map<string, Uint8Array>
  readonly copied: Copied
}

/** Begins a pass: the upstream's documents are remembered as they are read. */
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
 * Puts a document that was read and verified under its key.
 * @throws PlatteError('fork') where other bytes are there.
 */
export async function keepRead({ to, read, copied }: Pass, key: string): Promise<void> {
  const outcome = await to.documents.create(key, read.get(key) ?? new Uint8Array())
  if (outcome === 'taken')
    throw new PlatteError('fork', `${key}: this store holds other bytes than the upstream, whose were verified`, {
      hint: 'run `platte verify` on this store: where its copy is damaged, remove that and mirror again; else a signing key is in other hands',
    })
  read.delete(key)
  if (outcome === 'created') copied.documents++
}

/**
 * Puts a document under a key that holds its digest; one that the upstream does not have is noted.
 * @throws PlatteError('mismatch') for other bytes.
 */
export async function copyByDigest(
  pass: Pass,
  key: string,
  { sha256, maxBytes }: { readonly sha256: string; readonly maxBytes: number },
): Promise<void> {
  const stored = await pass.from.documents.get(key, maxBytes)
  if (stored === undefined) return void pass.copied.absent.push(key)
  const found = await sha256Hex(stored.bytes)
  if (found !== sha256) throw new PlatteError('mismatch', `${key}: has SHA-256 ${found} at the upstream`)
  await keepRead(pass, key)
}

/**
 * Streams a package into the own store, which checks it on the way; one that the upstream does not have is noted.
 * @throws PlatteError('mismatch') for another size or digest, with nothing kept.
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

/** Works on items, so many at a time; after a failure no further one is begun, and what runs is waited for. */
export async function inParallel<T>(
  items: readonly T[],
  most: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items]
  const failures: unknown[] = []
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined && failures.length === 0; item = left.shift())
      await work(item).catch((error: unknown) => void failures.push(error))
  }
  await Promise.all(Array.from({ length: most }, worker))
  if (failures.length > 0) throw failures[0]
}
