/** How often an instance asks its store in a minute of checks, by a clock that is moved by hand. */

import { reload, ttlMs } from '../../src/catalog/cache.ts'
import { type Answering, checkForUpdate } from '../../src/checks/update-check.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import type { Documents } from '../../src/store/documents.ts'
import { memoryDocuments } from '../memory.ts'
import { atMost, type Row } from './row.ts'
import { answeringFrom, app, newStore, releasesOf, runningVersion } from './world.ts'

const minuteMs = 60_000
/** 10,000 checks, of which ten come at the same time. */
const [moments, atOnce] = [1000, 10]

const query = { app, channel: 'beta', version: runningVersion, board: 'amd64-usr' }

export const readsRow: Row = {
  name: 'reads',
  run: async () => {
    const { documents, reads } = counted(memoryDocuments())
    const publisher = await newStore(releasesOf('update'), { documents })
    const time = { now: systemClock() }
    const answering = answeringFrom({ ...publisher, clock: () => time.now })
    await check(answering)
    // The list of what a mirror lacks is read beside the first catalog, perhaps too early, and again with the next one.
    time.now += ttlMs
    await reload(answering.cache, answering.reader)
    const [began, first] = [time.now, { ...reads }]
    for (let i = 1; i <= moments; i++) {
      time.now = began + (i * minuteMs) / moments
      await Promise.all(Array.from({ length: atOnce }, () => check(answering)))
    }
    const [conditional, others] = [reads.known - first.known, reads.others - first.others]
    const most = minuteMs / ttlMs
    return [
      { name: 'reads: that find nothing new', value: conditional, unit: 'a minute', goal: atMost(conditional, most) },
      { name: 'reads: others', value: others, unit: 'a minute', goal: atMost(others, 0) },
    ]
  },
}

async function check(answering: Answering): Promise<void> {
  if ((await checkForUpdate(answering, query)).kind !== 'update') throw new Error('an update was expected')
}

/** Reads that were answered with what the reader knew, which a store does without sending it, and all others. */
function counted(documents: Documents) {
  const reads = { known: 0, others: 0 }
  const get: Documents['get'] = async (key, maxBytes, known) => {
    const found = await documents.get(key, maxBytes, known)
    reads[known !== undefined && found === known ? 'known' : 'others']++
    return found
  }
  return { documents: { ...documents, get }, reads }
}
