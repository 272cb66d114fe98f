/** How often the store is asked while what was read is younger than the TTL: never. */
import { memoryDocuments } from '../../src/adapters/memory.ts'
import type { Documents } from '../../src/ports/documents.ts'
import { checkForUpdate } from '../../src/service/update-check.ts'
import { atMost, type Row } from './row.ts'
import { answeringFrom, app, newStore, release, runningVersion } from './world.ts'

const checks = 10_000

export const readsRow: Row = {
  name: 'reads',
  run: async () => {
    const { documents, reads } = counted(memoryDocuments())
    const answering = answeringFrom(await newStore(new Map([['beta', [release('4593.2.0')]]]), { documents }))
    const query = { app, channel: 'beta', version: runningVersion, board: 'amd64-usr' }
    if ((await checkForUpdate(answering, query)).kind !== 'update') throw new Error('an update was expected')
    const before = reads()
    for (let i = 0; i < checks; i++) await checkForUpdate(answering, query)
    const value = (reads() - before) / checks
    return [{ name: 'reads: documents a check', value, unit: '', goal: atMost(value, 0) }]
  },
}

function counted(documents: Documents): { readonly documents: Documents; readonly reads: () => number } {
  let count = 0
  const get: Documents['get'] = (key, maxBytes, known) => {
    count++
    return documents.get(key, maxBytes, known)
  }
  return { documents: { ...documents, get }, reads: () => count }
}
