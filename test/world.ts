/** A store with real keys, a clock that is moved by hand and seeded chance; those who publish to it, own it and ask it. */

import { newCatalogCache } from '../src/catalog/cache.ts'
import { firstRoot, initStore } from '../src/catalog/roots.ts'
import { type Publisher, type PublishOrder, type PublishResult, publish } from '../src/channels/publish.ts'
import type { Source } from '../src/channels/staging.ts'
import { type Answering, checkForUpdate, type Query } from '../src/checks/update-check.ts'
import type { Catalog } from '../src/documents/catalog.ts'
import { catalogKey, rootKey } from '../src/documents/paths.ts'
import type { PublicKey } from '../src/documents/root.ts'
import { isoText } from '../src/kernel/format.ts'
import type { LogEntry } from '../src/kernel/log.ts'
import type { Random } from '../src/kernel/random.ts'
import { nodeHasher } from '../src/runtime/hasher-node.ts'
import type { Documents } from '../src/store/documents.ts'
import type { Packages } from '../src/store/packages.ts'
import { seal } from '../src/trust/envelope.ts'
import { parsePin } from '../src/trust/verify-root.ts'
import { memoryDocuments, memoryPackages } from './memory.ts'
import { payloadText } from './payloads.ts'
import { app, bytesOf, newKey, now, type TestKey } from './trust/world.ts'

export { app, bytesOf, day, minute, newKey, now, refusal, type TestKey } from './trust/world.ts'

const cap = 16 * 1024 * 1024

/** Documents, and what only the owner of the bucket can do. */
export interface Bucket extends Documents {
  list(prefix: string): AsyncIterable<string>
  read(key: string): Promise<Uint8Array>
  erase(key: string): void
  /** Puts any bytes there, whatever was there. */
  overwrite(key: string, bytes: Uint8Array): Promise<void>
}

function memoryBucket(): Bucket {
  const inner = memoryDocuments()
  const erased = new Set<string>()
  const overwrite = async (key: string, bytes: Uint8Array): Promise<void> => {
    erased.delete(key)
    const there = await inner.get(key, cap)
    if (there) await inner.swap(key, bytes, there.token)
    else await inner.create(key, bytes)
  }
  const bucket: Bucket = {
    get: async (key, maxBytes, known) => (erased.has(key) ? undefined : inner.get(key, maxBytes, known)),
    async create(key, bytes) {
      if (!erased.has(key)) return inner.create(key, bytes)
      await overwrite(key, bytes)
      return 'created'
    },
    swap: async (key, bytes, token) => (erased.has(key) ? 'conflict' : inner.swap(key, bytes, token)),
    async *list(prefix) {
      for await (const key of inner.list?.(prefix) ?? []) if (!erased.has(key)) yield key
    },
    async *folders(folder) {
      const names = new Set<string>()
      for await (const key of bucket.list(folder)) {
        const [name = '', below] = key.slice(folder.length).split('/')
        if (below !== undefined) names.add(name)
      }
      yield* names
    },
    async read(key) {
      const there = await bucket.get(key, cap)
      if (there === undefined) throw new Error(`${key} is not in the bucket`)
      return there.bytes
    },
    erase: (key) => void erased.add(key),
    overwrite,
  }
  return bucket
}

/** mulberry32: the same numbers for the same seed. */
export function seeded(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export interface Keys {
  readonly root: readonly [TestKey, ...TestKey[]]
  readonly release: readonly [TestKey, ...TestKey[]]
  readonly timestamp: readonly [TestKey, ...TestKey[]]
}

export interface TestStore {
  readonly bucket: Bucket
  readonly packages: Packages
  readonly keys: Keys
  readonly time: { now: number }
  readonly log: LogEntry[]
  readonly publisher: Publisher
}

const [root, release, timestamp] = [await newKey('EdDSA'), await newKey('EdDSA'), await newKey('ES256')]
/** Made once for each test file; nothing is learnt from making more. */
export const keys: Keys = { root: [root], release: [release], timestamp: [timestamp] }

const publicKeys = ([first, ...others]: readonly [TestKey, ...TestKey[]]): [PublicKey, ...PublicKey[]] => [
  first.jwk,
  ...others.map(({ jwk }) => jwk),
]

/** An initialised store; any of its parts may be brought along. */
export async function newStore(
  parts: Partial<Keys> & {
    readonly documents?: Documents
    readonly packages?: Packages
    /** How many release keys it takes. */
    readonly threshold?: number
    /** Of the root; 1 unless given. */
    readonly format?: number
  } = {},
): Promise<TestStore> {
  const used = { ...keys, ...parts }
  const bucket = memoryBucket()
  const packages = parts.packages ?? memoryPackages(nodeHasher)
  const time = { now }
  const log: LogEntry[] = []
  const base = {
    documents: parts.documents ?? bucket,
    packages,
    newHasher: nodeHasher,
    clock: () => time.now,
    random: seeded(1),
    log: (entry: LogEntry) => void log.push(entry),
    release: used.release,
    timestamp: used.timestamp,
  }
  const made = await firstRoot(
    { root: publicKeys(used.root), release: publicKeys(used.release), timestamp: publicKeys(used.timestamp) },
    { issuedAt: isoText(now), maxValidity: 'P14D' },
  )
  const { roles } = made
  const release = { ...roles.release, threshold: parts.threshold ?? 1 }
  const root = { ...made, format: parts.format ?? 1, roles: { ...roles, release } }
  const { pin } = await initStore(base, root, used.root)
  return { bucket, packages, keys: used, time, log, publisher: { ...base, pin: parsePin(pin) } }
}

/** A text that begins with CrAU becomes a payload that carries it. */
export const sourceOf = (name: string, text: string): Source => {
  const bytes = bytesOf(text.startsWith('CrAU') && !text.startsWith('CrAU\0') ? payloadText(text) : text)
  const open = () =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(bytes.slice())
        controller.close()
      },
    })
  return { name, size: bytes.length, open }
}

/** What is published where nothing else is said: one package whose bytes follow from version and board. */
export function orderOf(version: string, more: Partial<PublishOrder> = {}): PublishOrder {
  const board = more.board ?? 'amd64-usr'
  const sources = [sourceOf('update.gz', `CrAU ${version} ${board}`)] as const
  return { app, channel: 'stable', version, board, sources, create: true, createBoard: true, ...more }
}

export const publishOne = (
  { publisher }: Pick<TestStore, 'publisher'>,
  version: string,
  more: Partial<PublishOrder> = {},
): Promise<PublishResult> => publish(publisher, orderOf(version, more))

/** A reader that remembers nothing yet. */
export const newReader = ({ publisher }: Pick<TestStore, 'publisher'>, more: Partial<Publisher> = {}): Answering => ({
  cache: newCatalogCache(),
  reader: { ...publisher, ...more },
  background: undefined,
})

/** What a machine of version 1 is told: `update 2`, or the reason. */
export async function ask(reader: Answering, query: Partial<Query> = {}): Promise<string> {
  const decision = await checkForUpdate(reader, { app, channel: 'stable', version: '1', board: 'amd64-usr', ...query })
  return decision.kind === 'update' ? `update ${decision.offer.release.version}` : decision.reason
}

/** The catalog that is stored, whoever signed it. */
export async function storedCatalog({ bucket }: Pick<TestStore, 'bucket'>): Promise<Catalog> {
  const { payload } = JSON.parse(Buffer.from(await bucket.read(catalogKey)).toString())
  return JSON.parse(Buffer.from(payload, 'base64url').toString())
}

/** What the holder of the timestamp key and of the bucket can do: any catalog, rightly signed. */
export async function forgeCatalog(store: TestStore, edit: (catalog: Catalog) => unknown): Promise<void> {
  const forged = await seal('platte-catalog+jws', bytesOf(edit(await storedCatalog(store))), store.keys.timestamp)
  await store.bucket.overwrite(catalogKey, forged)
}

/** Documents whose reads are listed, and can be made to wait, hang or fail after the bytes were fetched. */
export function watched(inner: Documents) {
  const reads: string[] = []
  const hook: { onGet: (key: string) => Promise<void> | void } = { onGet: () => {} }
  const documents: Documents = {
    ...inner,
    async get(key, maxBytes, known) {
      reads.push(key)
      const found = await inner.get(key, maxBytes, known)
      await hook.onGet(key)
      return found
    },
  }
  return { documents, reads, hook }
}

/** A promise that is opened by hand. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: resolve }
}

/** Calls `after` once a write has landed. */
export const noticing = <D extends Documents>(documents: D, after: (key: string) => Promise<void>): D => ({
  ...documents,
  async create(key, bytes) {
    const outcome = await documents.create(key, bytes)
    await after(key)
    return outcome
  },
  async swap(key, bytes, token) {
    const outcome = await documents.swap(key, bytes, token)
    await after(key)
    return outcome
  },
})

/** A bucket that a mirror can fill. */
export async function emptyBucket(): Promise<Bucket> {
  const { bucket } = await newStore()
  for (const key of [rootKey(1), catalogKey]) bucket.erase(key)
  return bucket
}
