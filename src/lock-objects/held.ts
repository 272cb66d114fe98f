/** What an object has in its storage: the document of its group, and of which move it is. */
import type { DurableObjectStorage } from '@cloudflare/workers-types'
import { joined } from '../kernel/bytes.ts'
import type { StoredDocument, Token } from '../store/documents.ts'

interface Head {
  /** Of the stub that it was taken over from. */
  readonly move: string
  /** `taking`: the stub has the document, too. `returning`: it goes back into the bucket. */
  readonly state: 'taking' | 'kept' | 'returning'
  /** Another one with each write. */
  readonly version: number
  readonly pieces: number
}

/** A value has at most 2 MiB. */
const pieceBytes = 1024 * 1024
const headKey = 'head'
const pieceKey = (i: number): string => `piece-${i}`

export const isObjectToken = (token: Token): boolean => token.startsWith('object:')
const tokenOf = ({ move, version }: Head): Token => `object:${move}:${version}`

/** Each call is one step: no other request comes in between. */
export interface Held {
  head(): Head | undefined
  read(): StoredDocument
  /** Begins to take a document over, instead of what was there. */
  take(move: string, bytes: Uint8Array): void
  become(state: Head['state']): void
  swap(bytes: Uint8Array, token: Token): 'ok' | 'conflict'
  forget(): void
}

export function openHeld(storage: Pick<DurableObjectStorage, 'kv' | 'transactionSync'>): Held {
  const { kv } = storage
  const head = () => kv.get<Head>(headKey)
  const write = (next: Omit<Head, 'pieces'>, bytes: Uint8Array): void => {
    const pieces = Math.ceil(bytes.length / pieceBytes)
    storage.transactionSync(() => {
      for (let i = 0; i < pieces; i++) kv.put(pieceKey(i), bytes.slice(i * pieceBytes, (i + 1) * pieceBytes))
      for (let i = pieces; i < (head()?.pieces ?? 0); i++) kv.delete(pieceKey(i))
      kv.put(headKey, { ...next, pieces })
    })
  }
  const there = (): Head => {
    const found = head()
    if (found === undefined) throw new Error('the object has no document')
    return found
  }
  return {
    head,
    read() {
      const found = there()
      const pieces = Array.from({ length: found.pieces }, (_, i) => kv.get<Uint8Array>(pieceKey(i)) ?? new Uint8Array())
      return { bytes: joined(pieces), token: tokenOf(found) }
    },
    take: (move, bytes) => write({ move, state: 'taking', version: 1 }, bytes),
    become(state) {
      const found = there()
      if (found.state !== state) kv.put(headKey, { ...found, state })
    },
    swap(bytes, token) {
      const found = head()
      if (found?.state !== 'kept' || tokenOf(found) !== token) return 'conflict'
      write({ ...found, version: found.version + 1 }, bytes)
      return 'ok'
    },
    forget() {
      storage.transactionSync(() => {
        for (const [key] of [...kv.list()]) kv.delete(key)
      })
    },
  }
}
