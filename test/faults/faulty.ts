/**
 * Stores whose n-th write fails, in both faces: before it landed and after. A kill ends the process that uses the
 * store: its later calls fail as well, while the store below goes on for whoever comes next.
 */
import { PlatteError } from '../../src/kernel/errors.ts'
import type { Documents } from '../../src/store/documents.ts'
import type { Packages, StagedPackage } from '../../src/store/packages.ts'
import type { Uploads } from '../../src/store/uploads.ts'

export type Fault = 'before' | 'after' | 'kill-before' | 'kill-after'

/** One plan, and one count, for all stores that a program uses. */
export interface Faults {
  /** Which writes fail; the first is 1. */
  readonly plan: Readonly<Record<number, Fault>>
  /** Counted up by the stores. */
  reads: number
  writes: number
  killed: boolean
  /** Every call in its order, such as `create catalog.jws`. */
  readonly calls: string[]
  /** The writes among them. */
  readonly written: string[]
}

export const faultsOf = (plan: Readonly<Record<number, Fault>> = {}): Faults => ({
  plan,
  reads: 0,
  writes: 0,
  killed: false,
  calls: [],
  written: [],
})

const fails = (call: string, how: string): PlatteError =>
  new PlatteError('store-unavailable', `${call}: made to fail (${how})`)

function note(faults: Faults, call: string): void {
  faults.calls.push(call)
  if (faults.killed) throw fails(call, 'killed')
}

async function reader<T>(faults: Faults, call: string, work: () => Promise<T>): Promise<T> {
  note(faults, call)
  faults.reads += 1
  return await work()
}

async function writer<T>(faults: Faults, call: string, work: () => Promise<T>): Promise<T> {
  note(faults, call)
  faults.writes += 1
  faults.written.push(call)
  const fault = faults.plan[faults.writes]
  if (fault === 'kill-before' || fault === 'kill-after') faults.killed = true
  if (fault === 'before' || fault === 'kill-before') throw fails(call, fault)
  const outcome = await work()
  if (fault === 'after' || fault === 'kill-after') throw fails(call, fault)
  return outcome
}

async function* listing(faults: Faults, prefix: string, keys: AsyncIterable<string>): AsyncIterable<string> {
  note(faults, `list ${prefix}`)
  faults.reads += 1
  yield* keys
}

/** Counts `create` and `swap` as writes. */
export function faultyDocuments(documents: Documents, faults: Faults): Documents {
  const list = documents.list?.bind(documents)
  const folders = documents.folders?.bind(documents)
  return {
    get: (key, maxBytes, known) => reader(faults, `get ${key}`, () => documents.get(key, maxBytes, known)),
    create: (key, bytes) => writer(faults, `create ${key}`, () => documents.create(key, bytes)),
    swap: (key, bytes, token) => writer(faults, `swap ${key}`, () => documents.swap(key, bytes, token)),
    ...(list && { list: (prefix: string) => listing(faults, prefix, list(prefix)) }),
    ...(folders && { folders: (folder: string) => listing(faults, folder, folders(folder)) }),
  }
}

/** Counts `put`, `keep` and `remove` as writes; what is staged has no name yet. A body that is never read is cancelled. */
export function faultyPackages(packages: Packages, faults: Faults): Packages {
  const list = packages.list?.bind(packages)
  const stage = packages.stage?.bind(packages)
  const taking = async <T>(call: string, body: ReadableStream<Uint8Array>, work: () => Promise<T>): Promise<T> => {
    try {
      return await writer(faults, call, work)
    } catch (error) {
      if (!body.locked) await body.cancel(error).catch(() => undefined)
      throw error
    }
  }
  const staging = (staged: StagedPackage): StagedPackage => ({
    ...staged,
    keep: (key) => writer(faults, `keep ${key}`, () => staged.keep(key)),
  })
  return {
    open: (key, range) => reader(faults, `open ${key}`, () => packages.open(key, range)),
    put: (key, body, expected) => taking(`put ${key}`, body, () => packages.put(key, body, expected)),
    stat: (key) => reader(faults, `stat ${key}`, () => packages.stat(key)),
    remove: (key) => writer(faults, `remove ${key}`, () => packages.remove(key)),
    ...(stage && {
      stage: async (body: ReadableStream<Uint8Array>) => {
        note(faults, 'stage')
        return staging(await stage(body))
      },
    }),
    ...(list && { list: (prefix: string) => listing(faults, prefix, list(prefix)) }),
  }
}

/** Counts `begin`, `putPart`, `complete` and `discard` as writes. */
export function faultyUploads(uploads: Uploads, faults: Faults): Uploads {
  const { putPart } = uploads
  return {
    ...uploads,
    begin: () => writer(faults, 'begin', () => uploads.begin()),
    parts: (token) => reader(faults, 'parts', () => uploads.parts(token)),
    complete: (token) => writer(faults, 'complete', () => uploads.complete(token)),
    open: (token) => reader(faults, 'open', () => uploads.open(token)),
    discard: (token) => writer(faults, 'discard', () => uploads.discard(token)),
    ...(putPart && {
      putPart: (token, part, body) => writer(faults, `part ${part.number}`, () => putPart(token, part, body)),
    }),
  }
}
