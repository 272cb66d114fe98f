/** A store that takes over a recorded Nebraska, as the command line does it. */
import { editRoot, publishRoot } from '../../src/catalog/roots.ts'
import { loadRoot } from '../../src/catalog/walk-roots.ts'
import { isoText } from '../../src/kernel/format.ts'
import { startServer } from '../../src/runtime/node.ts'
import type { Running } from '../../src/runtime/server.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import { configuredAt } from '../../src/store/http/fetch.ts'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { seal } from '../../src/trust/envelope.ts'
import { formatPin } from '../../src/trust/verify-root.ts'
import type { Foreign } from '../../src/upstreams/foreign.ts'
import { carryOut, type Importer, knownNames, planImport } from '../../src/upstreams/import.ts'
import { readNebraska } from '../../src/upstreams/nebraska-api.ts'
import { translateNebraska } from '../../src/upstreams/nebraska-import.ts'
import type { Rest } from '../../src/upstreams/rest.ts'
import { bytesOf, newStore, type TestStore } from '../world.ts'

const transport = nodeTransport()

/** A fresh store at format 2. */
export async function newStoreAt2(): Promise<TestStore> {
  const store = await newStore()
  const next = await editRoot(await loadRoot(store.publisher), { format: 2 }, isoText(store.time.now))
  await publishRoot(store.publisher, await seal('platte-root+jws', bytesOf(next), store.keys.root))
  return store
}

export const restOf = (url: string, token?: string): Rest => {
  const base = url.replace(/\/$/, '')
  return { url: base, token, transport, from: configuredAt(base) }
}

export const readAll = async (store: TestStore, rest: Rest): Promise<Foreign> =>
  translateNebraska(await readNebraska(rest, () => true), await knownNames(store.publisher))

export const importerOf = (store: TestStore, rest: Rest, more: Partial<Importer> = {}): Importer => ({
  ...{ publisher: store.publisher, transport, from: rest.from, isReference: false },
  onStep: () => ({ add: () => {}, end: () => {} }),
  ...more,
})

/** Imports once. @returns how many steps it took, and what stopped. */
export async function runImport(store: TestStore, rest: Rest, more: Partial<Importer> = {}) {
  const found = await readAll(store, rest)
  const planned = await planImport(store.publisher, found)
  const stopped = await carryOut(importerOf(store, rest, more), planned)
  return {
    found,
    planned,
    steps: planned.channels.flatMap(({ steps }) => steps),
    stopped: stopped.map(({ wanted, error }) => `${wanted.channel}: ${error.code}: ${error.message}`),
  }
}

/** Serves a store over a socket. */
export function serveStore({ publisher }: TestStore): Promise<Running> {
  const { pin } = publisher
  const settings = readSettings({ PLATTE_STORE: 'file:unused', PLATTE_ROOT: formatPin(pin), PORT: '0' }, [
    'store',
    'pin',
  ])
  return startServer(settings, publisher)
}
