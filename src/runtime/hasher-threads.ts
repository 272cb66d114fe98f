/** Digests of large files on two cores of Node: SHA-1 on a thread of its own, SHA-256 here. */
import { createHash } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import type { NewHasher } from '../kernel/hasher.ts'
import { nodeHasher } from './hasher-node.ts'

/** Below, a thread is not worth its start. */
const smallBytes = 1024 * 1024
const slotBytes = 256 * 1024
const slots = 4

/** In plain JavaScript: the command line is one file. */
const code = `
const { createHash } = require('node:crypto')
const { parentPort } = require('node:worker_threads')
const hashes = new Map()
parentPort.on('message', ({ id, bytes, slot, kind }) => {
  const hash = hashes.get(id) ?? createHash('sha1')
  if (kind === 'update') {
    hashes.set(id, hash.update(bytes))
    parentPort.postMessage({ slot })
  } else {
    hashes.delete(id)
    if (kind === 'digest') parentPort.postMessage({ id, digest: hash.digest('hex') })
  }
})`

type Answer = Readonly<{ slot?: number; id?: number; digest?: string }>
type Waiting<T> = Readonly<{ resolve: (value: T) => void; reject: (error: Error) => void }>

/** A thread that all hashers share, and its buffers. It keeps the process alive only while somebody waits for it. */
class Thread {
  readonly #worker = new Worker(code, { eval: true, execArgv: [], resourceLimits: { maxOldGenerationSizeMb: 16 } })
  readonly #memory = new SharedArrayBuffer(slots * slotBytes)
  readonly #free = Array.from({ length: slots }, (_, slot) => slot)
  readonly #waiting: Waiting<number>[] = []
  readonly #digests = new Map<number, Waiting<string>>()
  #failure: Error | undefined
  #ids = 0

  constructor(onEnd: () => void) {
    this.#worker.unref()
    this.#worker.on('message', (answer: Answer) => this.#take(answer))
    this.#worker.on('error', (error) => {
      onEnd()
      this.#failure = error
      for (const one of [...this.#waiting.splice(0), ...this.#digests.values()]) one.reject(error)
    })
  }

  begin = (): number => this.#ids++
  drop = (id: number): void => this.#worker.postMessage({ id, kind: 'drop' })

  /** Copies bytes. Resolves when the last of them has a buffer. */
  async update(id: number, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += slotBytes) {
      const slot = this.#free.pop() ?? (await this.#waitFor<number>((waiting) => this.#waiting.push(waiting)))
      const part = bytes.subarray(at, at + slotBytes)
      const copy = new Uint8Array(this.#memory, slot * slotBytes, part.length)
      copy.set(part)
      this.#worker.postMessage({ id, bytes: copy, slot, kind: 'update' })
    }
  }

  digest(id: number): Promise<string> {
    this.#worker.postMessage({ id, kind: 'digest' })
    return this.#waitFor<string>((waiting) => this.#digests.set(id, waiting))
  }

  async #waitFor<T>(keep: (waiting: Waiting<T>) => void): Promise<T> {
    if (this.#failure) throw this.#failure
    const { promise, ...waiting } = Promise.withResolvers<T>()
    keep(waiting)
    this.#worker.ref()
    return promise
  }

  #take({ slot, id = -1, digest = '' }: Answer): void {
    if (slot === undefined) {
      this.#digests.get(id)?.resolve(digest)
      this.#digests.delete(id)
    } else {
      const next = this.#waiting.shift()
      if (next) next.resolve(slot)
      else this.#free.push(slot)
    }
    if (this.#waiting.length + this.#digests.size === 0) this.#worker.unref()
  }
}

let thread: Thread | undefined
const sharedThread = (): Thread =>
  (thread ??= new Thread(() => {
    thread = undefined
  }))

/** Hashers that were left before their end. */
const abandoned = new FinalizationRegistry<() => void>((drop) => drop())

/** For Node: several hashers share one thread, and a file of less than 1 MiB needs none. */
export const threadedHasher: NewHasher = Object.assign(
  () => {
    const sha256 = createHash('sha256')
    const start: Uint8Array[] = []
    let size = 0
    let remote: { readonly thread: Thread; readonly id: number } | undefined
    const addSha1 = async (bytes: Uint8Array): Promise<void> => {
      if (remote) return remote.thread.update(remote.id, bytes)
      start.push(bytes.slice())
      if (size <= smallBytes) return
      const thread = sharedThread()
      remote = { thread, id: thread.begin() }
      abandoned.register(hasher, thread.drop.bind(thread, remote.id), hasher)
      for (const one of start.splice(0)) await thread.update(remote.id, one)
    }
    const hasher = {
      async update(bytes: Uint8Array) {
        size += bytes.length
        const adding = addSha1(bytes)
        sha256.update(bytes)
        await adding
      },
      async digest() {
        abandoned.unregister(hasher)
        const sha1 = remote ? await remote.thread.digest(remote.id) : sha1Of(start)
        return { sha256: sha256.digest('hex'), sha1 }
      },
    }
    return hasher
  },
  { sha256: nodeHasher.sha256 },
)

function sha1Of(parts: readonly Uint8Array[]): string {
  const hash = createHash('sha1')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}
