/** Holds and stopped ramps change nothing but the catalog: under format 2, each leaves an entry in its log, in the same swap. */
import { type Catalog, type CatalogChannel, withEntry } from '../documents/catalog.ts'
import { boundLog, checkLogEntry, readableOrigin, stepsBetween } from '../documents/catalog-log.ts'
import { isoText } from '../kernel/format.ts'
import { defined } from '../kernel/json.ts'
import { isSameHold } from '../release/edits.ts'
import type { Issue } from './commit-channel.ts'
import { checkCatalogFits, fillWarning, logRoom } from './fill.ts'
import { type CatalogState, type ChannelRef, channelEntry, encode, type StoreWriter, signersOf } from './read.ts'

type Made = Pick<Issue, 'at' | 'by' | 'message'>

/** Gives a channel other brakes, and logs them. The oldest entries go where there is no room: a brake always fits. */
export function withBrakes(
  { timestamp, operator }: StoreWriter,
  { catalog: { catalog }, root }: CatalogState,
  ref: ChannelRef,
  entry: CatalogChannel,
  { at, by, message }: Made,
): Catalog {
  const edited = withEntry(catalog, ref, entry)
  if (root.root.format < 2) return edited
  const { app, channel } = ref
  const { seq } = entry
  const keyIds = signersOf(timestamp, 'timestamp', root).map(({ keyId }) => keyId)
  const origin = readableOrigin(by ?? defined({ operator }))
  const who = {
    keyIds,
    ...(Object.keys(origin).length > 0 && { by: origin }),
    ...(message !== undefined && { message }),
  }
  const added = stepsBetween(channelEntry(catalog, app, channel) ?? {}, entry).map((step) =>
    checkLogEntry({ at: isoText(at), app, channel, seq, ...step, ...who }),
  )
  const { log = [], ...rest } = edited
  return added.length === 0
    ? edited
    : { ...rest, log: boundLog([...log, ...added], logRoom(root, encode(rest).length)) }
}

/** Takes the brakes of a renamed channel along. @param catalog the one that is edited; it may name more than the state's. */
export function withBrakesOf(
  writer: StoreWriter,
  { catalog, ...state }: CatalogState,
  { from, to }: Readonly<{ from: ChannelRef; to: ChannelRef }>,
  made: Made,
): Catalog {
  const [old, kept] = [from, to].map(({ app, channel }) => channelEntry(catalog.catalog, app, channel))
  if (kept === undefined) return catalog.catalog
  const { holds = [] } = kept
  const others = (old?.holds ?? []).filter((hold) => !holds.some((one) => isSameHold(one, hold)))
  const rampAsOf = kept.rampAsOf ?? old?.rampAsOf
  if (others.length === 0 && rampAsOf === kept.rampAsOf) return catalog.catalog
  const entry = { ...kept, holds: [...holds, ...others], ...(rampAsOf && { rampAsOf }) }
  return withBrakes(writer, { ...state, catalog }, to, entry, made)
}

/** The same state with another catalog, while it is edited. */
export const withCatalog = (state: CatalogState, catalog: Catalog): CatalogState => ({
  ...state,
  catalog: { ...state.catalog, catalog },
})

/** @returns sentences. @throws PlatteError('refused') where the brakes do not fit. The log uses none of their room. */
export function brakeWarnings(
  state: CatalogState,
  ref: ChannelRef,
  entry: CatalogChannel,
  { message }: Made,
): string[] {
  const { root } = state
  const bytes = checkCatalogFits(state, ref, entry)
  const isLost = message !== undefined && root.root.format < 2
  const lost = 'the message is not kept: the log of holds needs format 2 (`platte root format 2`)'
  return [fillWarning(root, bytes), isLost ? lost : undefined].filter((one) => one !== undefined)
}
