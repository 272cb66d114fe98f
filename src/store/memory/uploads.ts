/** Uploads in memory, for tests and trials. */
import type { Clock } from '../../kernel/clock.ts'
import { joined, pumpPart } from '../streams.ts'
import { type Part, type Uploads, uploadGone, usualPartBytes } from '../uploads.ts'
import { streamOf } from './memory.ts'

interface Held {
  readonly begun: number
  readonly parts: Map<number, Uint8Array>
  whole: Uint8Array | undefined
}

export interface MemoryUploadsOptions {
  readonly clock: Clock
  readonly partBytes?: number
}

export function memoryUploads({ clock, partBytes = usualPartBytes }: MemoryUploadsOptions): Uploads {
  const uploads = new Map<string, Held>()
  return {
    partBytes,
    maxBytes: 1024 ** 3,
    async begin() {
      const token = crypto.randomUUID()
      uploads.set(token, { begun: clock(), parts: new Map(), whole: undefined })
      return token
    },
    async putPart(token, part, body) {
      const chunks: Uint8Array[] = []
      await pumpPart(body, part, async (chunk) => void chunks.push(chunk.slice()))
      const held = uploads.get(token)
      if (held === undefined || held.whole !== undefined) return 'gone'
      held.parts.set(part.number, joined(chunks, part.size))
      return 'stored'
    },
    async parts(token) {
      const held = uploads.get(token)
      if (held?.whole !== undefined) return 'whole'
      return held && inOrder(held).map(([number, { length }]): Part => ({ number, size: length }))
    },
    async complete(token) {
      const held = uploads.get(token)
      if (held === undefined) throw uploadGone()
      const bytes = inOrder(held).map(([, part]) => part)
      held.whole ??= joined(
        bytes,
        bytes.reduce((total, { length }) => total + length, 0),
      )
    },
    async open(token) {
      const bytes = uploads.get(token)?.whole
      return bytes && { size: bytes.length, body: streamOf(bytes) }
    },
    async discard(token) {
      uploads.delete(token)
    },
    async *unfinished(before) {
      for (const [token, { begun, whole }] of [...uploads]) if (begun < before && whole === undefined) yield token
    },
  }
}

const inOrder = ({ parts }: Held): readonly (readonly [number, Uint8Array])[] => [...parts].sort(([a], [b]) => a - b)
