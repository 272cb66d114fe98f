/** The live channels of an app: those that were not deleted. */
import { isLive } from '../catalog/channels.ts'
import { loadHead } from '../catalog/commit-channel.ts'
import { type CatalogState, channelsOf, loadForWriting, type StoreReader } from '../catalog/read.ts'
import type { ChannelManifest } from '../documents/channel.ts'

export type OnFailure = (channel: string, error: unknown) => void

export async function liveChannels(reader: StoreReader, app: string): Promise<readonly ChannelManifest[]> {
  const state = await loadForWriting(reader)
  const names = Object.keys(channelsOf(state.catalog.catalog, app))
  return [...(await loadLive(reader, state, { app, names })).values()]
}

/** By name; what `onFailure` does not throw for is left out. */
export async function loadLive(
  reader: StoreReader,
  state: CatalogState,
  { app, names }: Readonly<{ app: string; names: readonly string[] }>,
  onFailure: OnFailure = (_, error) => {
    throw error
  },
): Promise<ReadonlyMap<string, ChannelManifest>> {
  const found = new Map<string, ChannelManifest>()
  for (const channel of names) {
    const head = await loadHead(reader, state, { app, channel }).catch((error) => void onFailure(channel, error))
    if (head && isLive(head.manifest)) found.set(channel, head.manifest)
  }
  return found
}
