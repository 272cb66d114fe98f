/** Compares each new catalog with the one before, and looks at the fleet. */
import { type CatalogCache, currentCatalog } from '../catalog/cache.ts'
import {
  type CatalogState,
  type ChannelRef,
  channelEntry,
  channelRefsOf,
  loadChannel,
  type StoreReader,
} from '../catalog/read.ts'
import { openForReading } from '../fleet/database.ts'
import { readFleet } from '../fleet/reader.ts'
import { PlatteError } from '../kernel/errors.ts'
import { describeError } from '../kernel/log.ts'
import { newestFirst } from '../release/version.ts'
import { expiryMessages, holdMessages, type Message, published, type Silence, silenceMessages } from './message.ts'

const silentMs = 24 * 60 * 60 * 1000
const fleetEveryMs = 10 * 60 * 1000
/** New releases of one channel in one look; a first copy of a channel has thousands. */
const maxReleases = 20

interface Watching {
  readonly cache: CatalogCache
  readonly reader: StoreReader
  readonly tell: (message: Message) => void
  /** The projection, and the share of silent machines that is too many. */
  readonly fleet?: { readonly file: string; readonly limit: number } | undefined
}

/** @returns what looks once. It never throws; after a failure of the store, the next look compares the same again. */
export function openWatch({ cache, reader, tell, fleet }: Watching): () => Promise<void> {
  let before = cache.state
  let fleetAt = Number.NEGATIVE_INFINITY
  const guarded = async (work: () => Promise<unknown> | unknown): Promise<void> => {
    try {
      await work()
    } catch (error) {
      // There is no projection before the first contact.
      if (!(error instanceof PlatteError && error.code === 'usage'))
        reader.log({ level: 'warn', event: 'webhook', ...describeError(error) })
    }
  }
  const lookAtCatalog = async (): Promise<void> => {
    await currentCatalog(cache, reader, undefined)
    const { state } = cache
    if (state === undefined) return
    for (const one of expiryMessages(state.catalog, reader.clock())) tell(one)
    if (before !== undefined && before !== state) for (const one of await changes(reader, before, state)) tell(one)
    before = state
  }
  const lookAtFleet = ({ file, limit }: NonNullable<Watching['fleet']>): void => {
    const now = reader.clock()
    if (now - fleetAt < fleetEveryMs) return
    fleetAt = now
    for (const one of silenceMessages(silences(file, now), limit, now)) tell(one)
  }
  return async () => {
    await guarded(lookAtCatalog)
    if (fleet) await guarded(() => lookAtFleet(fleet))
  }
}

async function changes(reader: StoreReader, before: CatalogState, after: CatalogState): Promise<readonly Message[]> {
  const found: Message[] = []
  for (const ref of channelRefsOf(after.catalog.catalog)) {
    const entry = channelEntry(after.catalog.catalog, ref.app, ref.channel)
    if (entry === undefined) continue
    const entryBefore = (name: string) => channelEntry(before.catalog.catalog, ref.app, name)
    // A channel that was renamed has nothing new by that.
    const channel =
      [ref.channel, ...(entry.aliases ?? [])].find((name) => entryBefore(name) !== undefined) ?? ref.channel
    const old = entryBefore(channel)
    const was = { app: ref.app, channel }
    if (old?.sha256 !== entry.sha256) found.push(...(await newReleases(reader, [before, was], [after, ref])))
    found.push(...holdMessages(ref, old?.holds ?? [], entry.holds ?? [], reader.clock()))
  }
  return found
}

type Seen = readonly [CatalogState, ChannelRef]

/** A manifest that cannot be read is a problem of that channel alone, unless the store is away. */
async function newReleases(reader: StoreReader, before: Seen, [after, ref]: Seen) {
  const releasesAt = async ([state, { app, channel }]: Seen) => {
    const entry = channelEntry(state.catalog.catalog, app, channel)
    return entry ? (await loadChannel(reader, state, { app, channel, entry })).manifest : undefined
  }
  try {
    const manifest = await releasesAt([after, ref])
    // A mirror may have no history: what is new is younger than the catalog before.
    const old = await releasesAt(before).catch((error: unknown) => {
      if (error instanceof PlatteError && error.code === 'missing') return 'gone' as const
      throw error
    })
    const isNew = ({ version, publishedAt }: { readonly version: string; readonly publishedAt: string }): boolean =>
      old === 'gone'
        ? Date.parse(publishedAt) > before[0].catalog.issuedAtMs
        : !old?.releases.some((one) => one.version === version)
    const added = manifest?.releases.filter(isNew).sort(newestFirst).slice(0, maxReleases) ?? []
    return added.reverse().map((release) => published(ref, release, manifest?.seq ?? 0))
  } catch (error) {
    if (error instanceof PlatteError && error.code === 'store-unavailable') throw error
    reader.log({ level: 'warn', event: 'webhook', ...ref, ...describeError(error) })
    return []
  }
}

function silences(file: string, now: number): readonly Silence[] {
  const database = openForReading(file)
  try {
    const fleet = readFleet(database)
    const all = Map.groupBy(fleet.tallies(), ({ app, channel }) => `${app}\n${channel}`)
    return fleet.silent(now - silentMs).map(({ app, channel, machines: silent }) => {
      const machines = all.get(`${app}\n${channel}`)?.reduce((sum, one) => sum + one.machines, 0) ?? 0
      return { app, channel, machines, silent }
    })
  } finally {
    database.close()
  }
}
