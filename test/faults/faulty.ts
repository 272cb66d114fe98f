/**
 * Stores whose n-th write fails, in both faces: before it landed and after. A kill ends the process that uses the
 * store: its later calls fail as well, while the store below goes on for whoever comes next.
 */
import { PlatteError } from '../../src/errors.ts'
import type { Documents } from '../../src/ports/documents.ts'
import type { Packages, StagedPackage } from '../../src/ports/packages.ts'
import type { Uploads } from '../../src/ports/uploads.ts'

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

async function reading<T>(faults: Faults, call: string, work: () => Promise<T>): Promise<T> {
  note(faults, call)
  faults.reads += 1
  return await work()
}

async function writing<T>(faults: Faults, call: string, work: () => Promise<T>): Promise<T> {
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
    get: (key, maxBytes, known) => reading(faults, `get ${key}`, () => documents.get(key, maxBytes, known)),
    create: (key, bytes) => writing(faults, `create ${key}`, () => documents.create(key, bytes)),
    swap: (key, bytes, token) => writing(faults, `swap ${key}`, () => documents.swap(key, bytes, token)),
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
      return await writing(faults, call, work)
    } catch (error) {
      if (!body.locked) await body.cancel(error).catch(() => undefined)
      throw error
    }
  }
  const staging = (staged: StagedPackage): StagedPackage => ({
    ...staged,
    keep: (key) => writing(faults, `keep ${key}`, () => staged.keep(key)),
  })
  return {
    open: (key, range) => reading(faults, `open ${key}`, () => packages.open(key, range)),
    put: (key, body, expected) => taking(`put ${key}`, body, () => packages.put(key, body, expected)),
    stat: (key) => reading(faults, `stat ${key}`, () => packages.stat(key)),
    remove: (key) => writing(faults, `remove ${key}`, () => packages.remove(key)),
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
    begin: () => writing(faults, 'begin', () => uploads.begin()),
    parts: (token) => reading(faults, 'parts', () => uploads.parts(token)),
    complete: (token) => writing(faults, 'complete', () => uploads.complete(token)),
    open: (token) => reading(faults, 'open', () => uploads.open(token)),
    discard: (token) => writing(faults, 'discard', () => uploads.discard(token)),
    ...(putPart && {
      putPart: (token, part, body) => writing(faults, `part ${part.number}`, () => putPart(token, part, body)),
    }),
  }
}
