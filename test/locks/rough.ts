/** A store that is slow in any order, loses answers, and says "conflict" of what it did itself. */
import { setImmediate } from 'node:timers/promises'
import { PlatteError } from '../../src/kernel/errors.ts'
import type { Random } from '../../src/kernel/random.ts'
import type { Documents } from '../../src/store/documents.ts'

/** How often each thing happens to a write; what is left goes well. */
export interface Roughness {
  /** It fails, and did not land. */
  readonly before: number
  /** It landed, and fails. */
  readonly after: number
  /** It fails, and lands later. */
  readonly late: number
  /** It landed, and is called a lost race, as where an SDK repeats it. */
  readonly lie: number
  /** Reads that fail. */
  readonly read: number
}

const fails = (): PlatteError => new PlatteError('store-unavailable', 'made to fail')

export function roughDocuments(inner: Documents, random: Random, rough: Roughness): Documents {
  const wait = async (): Promise<void> => {
    for (let turns = Math.floor(random() * 4); turns > 0; turns--) await setImmediate()
  }
  const write = async <Outcome>(work: () => Promise<Outcome>, lost: Outcome): Promise<Outcome> => {
    await wait()
    let chance = random()
    const falls = (share: number): boolean => {
      chance -= share
      return chance < 0
    }
    if (falls(rough.before)) throw fails()
    if (falls(rough.late)) {
      void wait().then(wait).then(work)
      throw fails()
    }
    const outcome = await work()
    await wait()
    if (falls(rough.after)) throw fails()
    return falls(rough.lie) ? lost : outcome
  }
  return {
    async get(key, maxBytes, known) {
      await wait()
      if (random() < rough.read) throw fails()
      return inner.get(key, maxBytes, known)
    },
    create: (key, bytes) => write(() => inner.create(key, bytes), 'taken'),
    swap: (key, bytes, token) => write(() => inner.swap(key, bytes, token), 'conflict'),
  }
}
