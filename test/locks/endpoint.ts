/** An endpoint with reboot locks over a store whose faults and clock are set by hand. */

import { newCatalogCache } from '../../src/catalog/cache.ts'
import type { Extension, Gauge } from '../../src/checks/serving.ts'
import { openLockQueue } from '../../src/lock-queue/extension.ts'
import { createGroup } from '../../src/locks/edits.ts'
import type { Locks } from '../../src/locks/http/lock-request.ts'
import { openLocks } from '../../src/locks/http/routes.ts'
import type { Locking } from '../../src/locks/store.ts'
import { readLock } from '../../src/locks/store.ts'
import { createApp } from '../../src/runtime/app.ts'
import { type Fault, type Faults, faultsOf, faultyDocuments } from '../faults/faulty.ts'
import { app, newStore, publishOne, type TestStore } from '../world.ts'
import type { Ask } from './clients.ts'

export const group = 'workers'
export const keyPath = `/v2/keys/coreos.com/updateengine/rebootlock/groups/${group}/semaphore`

export interface Endpoint {
  readonly store: TestStore
  readonly faults: Faults
  readonly locking: Locking
  readonly ask: Ask
  gauges(): Promise<readonly Gauge[]>
  /** Who holds a slot. */
  holders(): Promise<readonly string[]>
  /** What happened, newest last, such as `lock a`. */
  history(): Promise<readonly string[]>
}

/** One with release 2 in `stable`, whose machines are of the group. */
export async function openEndpoint(
  more: Partial<Pick<Locks, 'tokens' | 'channels' | 'creates'>> & {
    readonly plan?: Readonly<Record<number, Fault>>
    /** Whether nobody made the group. */
    readonly isBare?: true
    /** Whether it notes who waits. */
    readonly hasQueue?: true
    /** Of other rooms. */
    readonly extensions?: readonly Extension[] | ((locking: Locking) => readonly Extension[])
    /** That of another endpoint, with its group. */
    readonly store?: TestStore
  } = {},
): Promise<Endpoint> {
  const store = more.store ?? (await newStore())
  if (!more.store) await publishOne(store, '2')
  const faults = faultsOf(more.plan)
  const locking = { ...store.publisher, documents: faultyDocuments(store.bucket, faults), random: quick(store) }
  if (!more.isBare && !more.store) await createGroup({ ...locking, documents: store.bucket }, group, 1, 'operator')
  const locks = openLocks({
    ...{ locking, tokens: more.tokens ?? [], creates: more.creates ?? false },
    channels: more.channels ?? new Map([[`${app}/stable`, group]]),
  })
  const given = typeof more.extensions === 'function' ? more.extensions(locking) : (more.extensions ?? [])
  const extensions = [locks, ...(more.hasQueue ? [openLockQueue(locking)] : []), ...given]
  const { fetch } = createApp({
    cache: newCatalogCache(),
    reader: { ...store.publisher, documents: locking.documents },
    packages: store.packages,
    events: () => {},
    publicUrl: 'https://updates.example.org',
    extensions,
    background: () => undefined,
  })
  const stored = async () => (await readLock({ documents: store.bucket }, group))?.lock
  return {
    store,
    faults,
    locking,
    gauges: async () => {
      const scrape = {}
      return (await Promise.all(extensions.map(async (one) => (await one.gauges?.(scrape)) ?? []))).flat()
    },
    ask: async (path, init) => fetch(new Request(`https://updates.example.org${path}`, init)),
    holders: async () => ((await stored())?.holders ?? []).map(({ id }) => id),
    history: async () =>
      ((await stored())?.history ?? []).map(({ what, id, max }) => `${what} ${id ?? max ?? ''}`.trim()),
  }
}

/** Pauses of a real request would only make tests longer. */
const quick =
  ({ publisher }: TestStore) =>
  () =>
    publisher.random() / 1000
