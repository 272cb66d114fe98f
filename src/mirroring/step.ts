/** Mirroring by a schedule, one bounded step at a time: the next one goes on from what the store holds. */
import type { StoreReader } from '../catalog/read.ts'
import { describeError } from '../kernel/log.ts'
import type { Documents } from '../store/documents.ts'
import type { Transport } from '../store/http/transport.ts'
import { tokenOfCopy, upstreamDocuments, upstreamPackages } from '../store/http/upstream.ts'
import type { Packages } from '../store/packages.ts'
import { type MirrorMemory, mirror } from './mirror.ts'
import type { Store } from './mirror-pass.ts'
import type { Want } from './settings.ts'

export interface Stepping {
  /** Of the own store. */
  readonly reader: StoreReader
  readonly store: Store
  /** Ends in "/". */
  readonly upstream: string
  readonly transport: Transport
  readonly wanted: { readonly packages: Want; readonly channels: readonly string[] | undefined }
}

/** Requests to both stores in one step: free Workers may send 50, and a redirect counts. */
const maxRequests = 40
/** Requests kept back for work in progress: a channel with one package. */
const reserve = 8
/** Nothing begins after this time; a running copy of a package ends. */
const stepMs = 20_000

/** Never throws: results and failures are in the log. */
export async function mirrorStep(
  { reader, store, upstream, transport, wanted }: Stepping,
  memory: MirrorMemory,
): Promise<void> {
  const meter = { used: 0 }
  const until = reader.clock() + stepMs
  const isSpent = (): boolean => meter.used + reserve > maxRequests || reader.clock() >= until
  const there = {
    documents: upstreamDocuments(upstream, { transport }),
    packages: upstreamPackages(upstream, { transport }),
  }
  try {
    const { absent, missing, ...result } = await mirror(
      { from: { ...reader, ...metered(there, meter) }, to: metered(store, meter), tokenOf: tokenOfCopy },
      { ...wanted, bounds: { packages: 1, isSpent } },
      memory,
    )
    for (const one of missing) reader.log({ level: 'warn', event: 'mirror', ...one })
    if (result.kind === 'unchanged') return
    reader.log({
      level: 'info',
      event: 'mirror',
      ...result,
      absent: absent.length,
      missing: missing.length,
      asked: meter.used,
    })
  } catch (error) {
    reader.log({ level: 'error', event: 'mirror', ...describeError(error) })
  }
}

/** Counts the requests to a store, which Workers bound: 2 for `put`, 1 for each 1,000 listed keys, 1 for any other call. */
export function metered<S extends Store>(store: S, meter: { used: number }): S {
  async function* listing(keys: AsyncIterable<string>): AsyncIterable<string> {
    let count = 0
    for await (const key of keys) {
      if (++count % 1000 === 0) meter.used++
      yield key
    }
  }
  const counted = <Port extends Documents | Packages>(port: Port): Port => {
    const calls = Object.entries(port).map(([name, call]) => [
      name,
      (...args: unknown[]) => {
        meter.used += name === 'put' ? 2 : 1
        return name === 'list' ? listing(call(...args)) : call(...args)
      },
    ])
    return Object.fromEntries(calls)
  }
  return { ...store, documents: counted(store.documents), packages: counted(store.packages) }
}
