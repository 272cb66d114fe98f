/** Gives a channel another name. */

import { loadHead } from '../catalog/commit-channel.ts'
import { editCatalog } from '../catalog/edit-catalog.ts'
import { checkKeys, isLive } from '../catalog/point-catalog.ts'
import { type ChannelRef, channelEntry } from '../catalog/read.ts'
import { loadForWriting, type StoreWriter, signersOf } from '../catalog/write.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { PlatteError } from '../kernel/errors.ts'
import { sameJson } from '../release/add-release.ts'
import { endChannel, otherChannels, refuseFollowed, refuseTaken } from './channel-life.ts'
import { type EditOptions, type EditResult, editChannel, requireChannel } from './edit-channel.ts'
import { isSameHold } from './hold.ts'

/**
 * Gives a channel another name; the old one becomes an alias, so that machines which have it go on. Holds go along.
 * Safe to repeat: the new channel is there before the old one ends.
 * @throws PlatteError('refused') while it is followed, for a name that is taken, and where a run was broken off and one of
 *   the two was changed since; 'credentials' without both keys.
 */
export async function renameChannel(
  writer: StoreWriter,
  ref: ChannelRef,
  name: string,
  options: EditOptions = {},
): Promise<EditResult> {
  const { app, channel } = ref
  if (name === channel) throw new PlatteError('refused', `${channel} has that name already`)
  const renamed = { app, channel: name }
  const state = await loadForWriting(writer)
  const made = (await loadHead(writer, state, renamed))?.manifest
  const isMade = isLive(made) && made.aliases?.includes(channel)
  const old = (await loadHead(writer, state, ref))?.manifest
  if (isMade && !isLive(old)) {
    const ended = await endChannel(writer, ref, options)
    if (!options.dryRun) await copyBrakes(writer, ref, renamed)
    return { ...ended, seq: made.seq }
  }
  await requireChannel(writer, state, ref)
  await refuseFollowed(writer, ref)
  if (!isMade) refuseTaken(name, await otherChannels(writer, ref))
  if (isMade && old && !sameJson(moved(old, made, channel), made)) throw differ(name, channel)
  if (!options.dryRun) {
    checkKeys(writer, state)
    signersOf(writer.timestamp, 'timestamp', state.root)
  }
  const result = await editChannel(writer, renamed, (current) => moved(old ?? current, current, channel), {
    ...options,
    create: true,
  })
  if (options.dryRun) return result
  await copyBrakes(writer, ref, renamed)
  await endChannel(writer, ref, {
    force: true,
    check: ({ seq }) => {
      if (seq !== old?.seq) throw differ(name, channel)
    },
  })
  // What was held in the old one until it ended.
  await copyBrakes(writer, ref, renamed)
  return { ...result, kind: 'changed' }
}

const differ = (name: string, channel: string): PlatteError =>
  new PlatteError('refused', `${name} has ${channel} as another name already, and they do not say the same`, {
    hint: `whichever is right: edit and hold in ${name} what machines of both shall get, then platte channel delete ${channel} --force`,
  })

/** Everything but what belongs to the place in the store. */
function moved(old: ChannelManifest, current: ChannelManifest, alias: string): ChannelManifest {
  const { channel, seq, issuedAt } = current
  const { previous: _, provenance: __, ...content } = old
  const { previous, provenance } = current
  const aliases = [...new Set([...(old.aliases ?? []), alias])].filter((one) => one !== channel)
  return {
    ...content,
    ...{ channel, seq, issuedAt, aliases },
    ...(previous && { previous }),
    ...(provenance && { provenance }),
  }
}

/** Before the old name ends, and beside what the new one has: what machines of the old name were not offered is not offered to them under the new one. */
async function copyBrakes(writer: StoreWriter, from: ChannelRef, to: ChannelRef): Promise<void> {
  await editCatalog(writer, (catalog) => {
    const [old, made] = [channelEntry(catalog, from.app, from.channel), channelEntry(catalog, to.app, to.channel)]
    const app = catalog.apps[to.app]
    if (made === undefined || app === undefined) return catalog
    const { holds = [] } = made
    const others = (old?.holds ?? []).filter((hold) => !holds.some((one) => isSameHold(one, hold)))
    const rampAsOf = made.rampAsOf ?? old?.rampAsOf
    if (others.length === 0 && rampAsOf === made.rampAsOf) return catalog
    const braked = { ...made, holds: [...holds, ...others], ...(rampAsOf && { rampAsOf }) }
    return {
      ...catalog,
      apps: { ...catalog.apps, [to.app]: { ...app, channels: { ...app.channels, [to.channel]: braked } } },
    }
  })
}
