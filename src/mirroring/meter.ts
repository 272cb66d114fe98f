/** Counts what a store is asked: where that is bounded, whoever works on it ends in time. */
import type { Documents } from '../store/documents.ts'
import type { Packages } from '../store/packages.ts'
import type { Store } from './mirror-pass.ts'

export interface Meter {
  /** How often a store was asked so far. */
  used: number
}

/** Stores list at least so many keys for one question. */
const listedAtOnce = 1000

/** A store whose every question is counted. A package is asked for, looked for and put by one each. */
export function metered<S extends Store>(store: S, meter: Meter): S {
  const once = <T>(work: () => Promise<T>): Promise<T> => {
    meter.used++
    return work()
  }
  async function* listing(keys: AsyncIterable<string>): AsyncIterable<string> {
    let count = 0
    meter.used++
    for await (const key of keys) {
      if (++count % listedAtOnce === 0) meter.used++
      yield key
    }
  }
  const { documents: d, packages: p } = store
  const documents: Documents = {
    get: (key, maxBytes, known) => once(() => d.get(key, maxBytes, known)),
    create: (key, bytes) => once(() => d.create(key, bytes)),
    swap: (key, bytes, token) => once(() => d.swap(key, bytes, token)),
    ...(d.list && { list: (prefix: string) => listing(d.list?.(prefix) ?? none()) }),
  }
  const packages: Packages = {
    open: (key, range) => once(() => p.open(key, range)),
    put: (key, body, expected) => {
      meter.used++
      return once(() => p.put(key, body, expected))
    },
    stat: (key) => once(() => p.stat(key)),
    remove: (key) => once(() => p.remove(key)),
    ...(p.list && { list: (prefix: string) => listing(p.list?.(prefix) ?? none()) }),
  }
  return { ...store, documents, packages }
}

async function* none(): AsyncIterable<string> {}
