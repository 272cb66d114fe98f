/** Gives a channel another name. */
import { sameJson } from '../core/edit.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { PlatteError } from '../errors.ts'
import { endChannel, otherChannels, refuseFollowed, refuseTaken } from './channel-life.ts'
import { loadHead } from './commit-channel.ts'
import { editCatalog } from './edit-catalog.ts'
import { type Edited, type EditOptions, editChannel, requireChannel } from './edit-channel.ts'
import { isSameHold } from './hold.ts'
import { checkKeys, isLive } from './offering.ts'
import { channelEntry, type Place } from './reading.ts'
import { loadForWriting, signersOf, type Writing } from './writing.ts'

/**
 * Gives a channel another name; the old one becomes an alias, so that machines which have it go on. Holds go along.
 * Safe to repeat: the new channel is there before the old one ends.
 * @throws PlatteError('refused') while it is followed, for a name that is taken, and where a run was broken off and one of
 *   the two was changed since; 'credentials' without both keys.
 */
export async function renameChannel(
  writing: Writing,
  place: Place,
  name: string,
  options: EditOptions = {},
): Promise<Edited> {
  const { app, channel } = place
  if (name === channel) throw new PlatteError('refused', `${channel} has that name already`)
  const renamed = { app, channel: name }
  const state = await loadForWriting(writing)
  const made = (await loadHead(writing, state, renamed))?.manifest
  const isMade = isLive(made) && made.aliases?.includes(channel)
  const old = (await loadHead(writing, state, place))?.manifest
  if (isMade && !isLive(old)) {
    const ended = await endChannel(writing, place, options)
    if (!options.dryRun) await copyBrakes(writing, place, renamed)
    return { ...ended, seq: made.seq }
  }
  await requireChannel(writing, state, place)
  await refuseFollowed(writing, place)
  if (!isMade) refuseTaken(name, await otherChannels(writing, place))
  if (isMade && old && !sameJson(moved(old, made, channel), made)) throw differ(name, channel)
  if (!options.dryRun) {
    checkKeys(writing, state)
    signersOf(writing.timestamp, 'timestamp', state.root)
  }
  const result = await editChannel(writing, renamed, (current) => moved(old ?? current, current, channel), {
    ...options,
    create: true,
  })
  if (options.dryRun) return result
  await copyBrakes(writing, place, renamed)
  await endChannel(writing, place, {
    force: true,
    check: ({ seq }) => {
      if (seq !== old?.seq) throw differ(name, channel)
    },
  })
  // What was held in the old one until it ended.
  await copyBrakes(writing, place, renamed)
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
async function copyBrakes(writing: Writing, from: Place, to: Place): Promise<void> {
  await editCatalog(writing, (catalog) => {
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
