/** Holds in channels of a group. */
import { channelEntry } from '../catalog/read.ts'
import type { Catalog } from '../documents/catalog.ts'

/** The channels of a group's machines, as `app/channel`. @param channels groups by channel. */
export const channelsOfGroup = (channels: ReadonlyMap<string, string>, group: string): readonly string[] =>
  [...channels].flatMap(([ref, of]) => (of === group ? [ref] : []))

/** The first hold in one of the channels, in words. */
export function holdIn(catalog: Catalog, refs: readonly string[]): string | undefined {
  for (const ref of refs) {
    const [app = '', channel = ''] = ref.split('/')
    const [hold] = channelEntry(catalog, app, channel)?.holds ?? []
    if (hold !== undefined) return `${hold.version} is held in ${channel}: ${hold.reason}`
  }
  return undefined
}
