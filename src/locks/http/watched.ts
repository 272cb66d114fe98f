/** A store that notes whether it can be read and written, for health. */
import { messageOf, PlatteError } from '../../kernel/errors.ts'
import type { Documents } from '../../store/documents.ts'
import type { Memory } from './recent.ts'

export function watched(documents: Documents, memory: Memory): Documents {
  const noting = async <Outcome>(what: 'read' | 'write', work: Promise<Outcome>): Promise<Outcome> => {
    try {
      const outcome = await work
      memory.note(what, undefined)
      return outcome
    } catch (error) {
      const isStore = error instanceof PlatteError && (error.code === 'store-unavailable' || error.code === 'forbidden')
      if (isStore) memory.note(what, `locks: ${messageOf(error)}`)
      throw error
    }
  }
  const list = documents.list?.bind(documents)
  return {
    get: (key, maxBytes, known) => noting('read', documents.get(key, maxBytes, known)),
    create: (key, bytes) => noting('write', documents.create(key, bytes)),
    swap: (key, bytes, token) => noting('write', documents.swap(key, bytes, token)),
    ...(list && { list }),
  }
}
