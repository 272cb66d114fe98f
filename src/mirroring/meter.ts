/** Counts the requests to a store: Workers bound them. */
import type { Documents } from '../store/documents.ts'
import type { Packages } from '../store/packages.ts'
import type { Store } from './mirror-pass.ts'

export interface Meter {
  /** Requests so far. */
  used: number
}

/** Keys that a store lists in one request, at least. */
const listedAtOnce = 1000

/** Counts one request for each call, and two for putting a package. */
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
