/**
 * Documents in a folder of one file system, shared by any number of processes.
 *
 * The file system has one step that many can try and one wins: link(2) to a name that must be free. `create` is that
 * step on the document's own name. `swap` is that step on the name of the state that it replaces:
 *
 *     catalog.jws                           a state; its token is "<modified, ms>-<SHA-256>"
 *     .next/catalog.jws/<token>             the state that followed the one with that token
 *
 * Linking `.next/<key>/<token>` is the swap: one writer gets the name. Then the new file is renamed over the old one; who
 * reads the old one before that, or after a crash, finds its follower. There is no lock: a writer may die at any point, and
 * a late one finds its state followed. Each state's file is dated at least a millisecond after the one before, so equal
 * bytes written later are another state; clocks that jump do no harm.
 *
 * A later swap removes followers older than an hour, and of over 1000 those older than a minute. A process that is frozen for
 * longer between its last look and the rename would bring an old state back. The link itself is checked again.
 *
 * Needs hard links, and a file system on which all writers see names at once: a local disk, or NFS with `lookupcache=none`.
 */

import { createHash } from 'node:crypto'
import { lstatSync, renameSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { checkKey } from '../../documents/paths.ts'
import { equalBytes } from '../../kernel/bytes.ts'
import type { Clock, Instant } from '../../kernel/clock.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { tooLarge } from '../../kernel/streams.ts'
import type { Documents, StoredDocument, Token } from '../documents.ts'
import * as files from './files.ts'

/** The cap for reading back a write: more than any document has. */
const readAtMostBytes = 16 * 1024 * 1024
/** How long followers are kept, and how many for that long. */
const [keepMs, keepAtMost] = [60 * 60 * 1000, 1000]
/** A crash leaves one state unmoved, a crowd a few; more means that another program writes here. */
const followAtMost = 1000
/** Attempts to move the document to its new state; after these, a later swap does it. */
const moveAtMost = 8

/** A state as it was read from one file. */
interface State extends StoredDocument {
  readonly inode: bigint
  readonly modified: Instant
}

export interface FolderOptions {
  /** Only for the age of leftovers. */
  readonly clock: Clock
}

/** @param root the folder: it must exist; nothing here makes it. */
export function folderDocuments(root: string, { clock }: FolderOptions): Documents {
  const store: Store = { root, tidied: new Map(), clock }
  return {
    async get(key, maxBytes, known) {
      const state = await newest(store, checkKey(key), maxBytes)
      if (state?.token === known?.token) return known
      return state && { bytes: state.bytes, token: state.token }
    },
    create: async (key, bytes) => create(store, checkKey(key), bytes.slice()),
    swap: async (key, bytes, token) => swap(store, checkKey(key), bytes.slice(), token),
    list: (prefix) => files.listFiles(root, prefix),
    folders: (folder) => files.listFolders(root, folder),
  }
}

interface Store extends FolderOptions {
  readonly root: string
  /** When this process last removed the leftovers of a key, and how often it swapped since then. */
  readonly tidied: Map<string, { at?: Instant; swaps?: number }>
}

const pathOf = (store: Store, key: string): string => join(store.root, key)
const followerOf = (store: Store, key: string, token: Token): string => join(store.root, '.next', key, token)

const newest = async (store: Store, key: string, maxBytes: number): Promise<State | undefined> =>
  (await chain(store, key, maxBytes)).at(-1)

/** A state and all its followers; empty if there is no document. */
async function chain(store: Store, key: string, maxBytes: number): Promise<readonly State[]> {
  const states: State[] = []
  for (let path = pathOf(store, key); states.length < followAtMost; ) {
    const state = await readState(store, path, maxBytes)
    if (state === undefined) return states
    states.push(state)
    path = followerOf(store, key, state.token)
  }
  throw new PlatteError('conflict', `${pathOf(store, key)}: changes faster than it can be read`)
}

async function readState(store: Store, path: string, maxBytes: number): Promise<State | undefined> {
  const file = await files.openFile(store.root, path)
  if (file === undefined) return undefined
  const { size, ino, mtimeMs } = file.stats
  try {
    if (size > maxBytes) throw tooLarge(path, maxBytes)
    const bytes = await files.attempt('read', path, () => readWhole(file.handle, Number(size), path))
    const modified = Number(mtimeMs)
    return { bytes, token: tokenOf(modified, bytes), inode: ino, modified }
  } finally {
    await file.handle.close()
  }
}

const tokenOf = (modified: Instant, bytes: Uint8Array): Token =>
  `${modified}-${createHash('sha256').update(bytes).digest('hex')}`

async function readWhole(handle: FileHandle, size: number, path: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(size + 1)
  let filled = 0
  for (let read = 1; read > 0 && filled < bytes.length; filled += read)
    read = (await handle.read(bytes, filled, bytes.length - filled, filled)).bytesRead
  if (filled === size) return bytes.subarray(0, size)
  throw new PlatteError('store-unavailable', `${path}: is being changed in place by another program`)
}

async function create(store: Store, key: string, bytes: Uint8Array): Promise<'created' | 'same' | 'taken'> {
  const path = pathOf(store, key)
  if (await files.isThere(path)) {
    // Its writer may have crashed before the sync, and the caller relies on it.
    await files.syncFolder(dirname(path))
    return await compare(store, key, bytes)
  }
  const link = async (temporary: string): Promise<boolean> => {
    const created = await files.linkTo(store.root, temporary, path)
    await files.syncFolder(dirname(path))
    return created
  }
  const created = await withTemporary(store, (handle) => handle.writeFile(bytes), link)
  return created ? 'created' : await compare(store, key, bytes)
}

/** Writes a file under a temporary name, which is removed after `use`. */
async function withTemporary<Written, Outcome>(
  store: Store,
  write: (handle: FileHandle) => Promise<Written>,
  use: (temporary: string, written: Written) => Promise<Outcome>,
): Promise<Outcome> {
  const { path, result } = await files.writeTemporary(store.root, (handle, at) =>
    files.attempt('write', at, () => write(handle)),
  )
  try {
    return await use(path, result)
  } finally {
    await files.discardFile(path)
    await files.sweepTemporary(store.root, store.clock())
  }
}

async function compare(store: Store, key: string, bytes: Uint8Array): Promise<'same' | 'taken'> {
  const there = await newest(store, key, readAtMostBytes)
  if (there !== undefined) return equalBytes(there.bytes, bytes) ? 'same' : 'taken'
  throw new PlatteError('store-unavailable', `${pathOf(store, key)}: was removed while it was created`)
}

/** @param token of the state that is replaced. */
async function swap(store: Store, key: string, bytes: Uint8Array, token: Token): Promise<'ok' | 'conflict'> {
  const before = await newest(store, key, readAtMostBytes)
  if (before?.token !== token) return 'conflict'
  const write = async (handle: FileHandle): Promise<Token> => {
    await handle.writeFile(bytes)
    return tokenOf(await dateAfter(handle, before.modified), bytes)
  }
  return await withTemporary(store, write, async (temporary, mine) => {
    const follower = followerOf(store, key, token)
    if (!(await files.linkTo(store.root, temporary, follower))) return 'conflict'
    await files.syncFolder(dirname(follower))
    if (await settle(store, key, { temporary, mine })) return 'ok'
    await files.removeFile(follower)
    return 'conflict'
  })
}

/**
 * Dates a written file later than the state that it follows, even on file systems that keep whole seconds only. Sets the
 * date always: on a network file system the date of a write is not settled at once.
 */
async function dateAfter(handle: FileHandle, before: Instant): Promise<Instant> {
  const { mtimeMs: written } = await handle.stat()
  for (const stepMs of [1, 1000, 2000]) {
    // Plus half a millisecond, against rounding of fractional seconds.
    const seconds = (Math.floor(Math.max(written, before + stepMs)) + 0.5) / 1000
    await handle.utimes(seconds, seconds)
    const { mtimeMs } = await handle.stat({ bigint: true })
    if (mtimeMs > before) return Number(mtimeMs)
  }
  throw new PlatteError('store-unavailable', 'the file system does not keep the dates of files')
}

/**
 * Moves the document to the linked state, unless it moved on already.
 * @returns false if the link came too late: its state was replaced long ago, and the followers were removed.
 */
async function settle(store: Store, key: string, linked: { readonly temporary: string; readonly mine: Token }) {
  const path = pathOf(store, key)
  for (let tries = 0; tries < moveAtMost; tries++) {
    const states = await chain(store, key, readAtMostBytes)
    const at = states.findIndex(({ token }) => token === linked.mine)
    if (states[0] === undefined || at === -1) return await files.isThere(followerOf(store, key, linked.mine))
    if (at === 0 || at < states.length - 1) return true
    if (!replace(path, states[0], linked.temporary)) continue
    await files.syncFolder(dirname(path))
    await tidy(store, key)
    return true
  }
  return true
}

/**
 * Renames over a document that is still the one that was read, with no await in between. A failed rename loses nothing:
 * readers go on by the link.
 */
function replace(path: string, expected: State, temporary: string): boolean {
  try {
    const { ino, mtimeMs } = lstatSync(path, { bigint: true })
    if (ino !== expected.inode || Number(mtimeMs) !== expected.modified) return false
    renameSync(temporary, path)
    return true
  } catch {
    return false
  }
}

async function tidy(store: Store, key: string): Promise<void> {
  const [now, { at = Number.NEGATIVE_INFINITY, swaps = 0 }] = [store.clock(), store.tidied.get(key) ?? {}]
  const isDue = Math.abs(now - at) >= keepMs || swaps >= keepAtMost / 10
  store.tidied.set(key, isDue ? { at: now } : { at, swaps: swaps + 1 })
  if (isDue) await files.sweep(dirname(followerOf(store, key, '-')), now, keepMs, keepAtMost)
}
