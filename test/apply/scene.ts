/** Stores that files are applied to: copies, what is in force there, and what random machines are offered. */

import { checkConfig } from '../../src/apply/check.ts'
import { type Applied, commitApply } from '../../src/apply/commit.ts'
import { type ApplyPlan, planApply } from '../../src/apply/plan.ts'
import { loadHead } from '../../src/catalog/commit-channel.ts'
import { channelEntry, channelsOf, loadForWriting } from '../../src/catalog/read.ts'
import type { Publisher } from '../../src/channels/publish.ts'
import type { Query } from '../../src/checks/update-check.ts'
import { isEnded } from '../../src/documents/channel.ts'
import { app, ask, newReader, newStore, publishOne, type TestStore } from '../world.ts'

export const planFile = (publisher: Publisher, file: object, prune = false): Promise<ApplyPlan> =>
  planApply(publisher, { config: checkConfig(file), prune }, { at: publisher.clock() })

export const applyFile = async (publisher: Publisher, file: object, prune = false): Promise<Applied> =>
  commitApply(publisher, await planFile(publisher, file, prune))

/** A file of one app. */
export const fileOf = (channels: object, more: object = {}): object => ({ apps: { [app]: { ...more, channels } } })

/** A store of its own with the same content, signed by the same keys. */
export async function copyOf(store: TestStore): Promise<TestStore> {
  const copy = await newStore()
  for await (const key of store.bucket.list('')) await copy.bucket.overwrite(key, await store.bucket.read(key))
  const publisher = { ...store.publisher, documents: copy.bucket }
  return { ...copy, publisher }
}

/** Releases 1 to 4 in alpha, 1 to 3 in beta, 1 and 2 in stable; the last of each for two boards. */
export async function baseStore(): Promise<TestStore> {
  const store = await newStore({ format: 2 })
  for (const [channel, newest] of [
    ['alpha', 4],
    ['beta', 3],
    ['stable', 2],
  ] as const)
    for (let version = 1; version <= newest; version++) await publishOne(store, `${version}`, { channel })
  await publishOne(store, '4', { channel: 'alpha', board: 'arm64-usr' })
  return store
}

/** What is signed of the live channels and of the app, but for numbers and dates. */
export async function inForce({ publisher }: TestStore): Promise<object> {
  const state = await loadForWriting(publisher)
  const { catalog } = state.catalog
  const channels: Record<string, object> = {}
  for (const channel of Object.keys(channelsOf(catalog, app)).sort()) {
    const head = await loadHead(publisher, state, { app, channel })
    if (head === undefined || isEnded(head.manifest)) continue
    const { aliases = [] } = head.manifest
    const { seq: _, previous: __, issuedAt: ___, provenance: ____, format: _____, ...manifest } = head.manifest
    const { holds = [], seq } = channelEntry(catalog, app, channel) ?? {}
    const held = holds.map(({ version, board = '*', reason }) => `${version} ${board} ${reason}`).sort()
    channels[channel] = { manifest: { ...manifest, aliases }, held, isNamed: seq === head.manifest.seq }
  }
  return { name: catalog.apps[app]?.name, channels }
}

const day = 24 * 60 * 60 * 1000

/** Machines under every name that a channel may have, of every version, at two instants. */
const machines: readonly (Partial<Query> & { readonly ms: number })[] = [
  'alpha',
  'beta',
  'stable',
  'edge',
  'lts',
  ...['old', 'new', 'third'],
].flatMap((channel) =>
  ['0', '1', '2', '3', '4'].flatMap((version) =>
    [
      { machineId: 'a', oem: 'azure', board: 'amd64-usr', ms: 0 },
      { machineId: 'b', oem: 'pxe', board: 'amd64-usr', ms: 9 * day },
      { machineId: 'c', oem: 'ami', board: 'arm64-usr', ms: 2 * day },
    ].map((one) => ({ ...one, channel, version })),
  ),
)

/** What each machine is offered, or why nothing. */
export async function answers(store: TestStore): Promise<readonly string[]> {
  const { publisher } = store
  const found: string[] = []
  for (const ms of [0, 2 * day, 9 * day]) {
    const clock = (): number => publisher.clock() + ms
    const reader = newReader(store, { clock })
    for (const { ms: when, ...query } of machines) if (when === ms) found.push(await ask(reader, query))
  }
  return found
}
