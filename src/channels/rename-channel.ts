/** Gives a channel another name. */
import { editCatalog, withEntry } from '../catalog/edit-catalog.ts'
import { isLive, unknownChannel } from '../catalog/point-catalog.ts'
import { type ChannelRef, channelEntry } from '../catalog/read.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { PlatteError } from '../kernel/errors.ts'
import { sameJson } from '../release/add-release.ts'
import { endEdit, refuseFollowed, refuseTaken } from './channel-life.ts'
import { change } from './commit.ts'
import { isSameHold } from './hold.ts'
import type { Committer, EditResult, EditState, ManifestEdit } from './plan.ts'

/** The old name becomes an alias; holds go along. Safe to repeat: the new channel exists before the old one ends. */
export function renameEdit({ app, channel }: ChannelRef, name: string): ManifestEdit {
  const ref = { app, channel: name }
  return {
    ref,
    create: true,
    needsTimestamp: true,
    others: 'all',
    check: (state) => checkRename({ app, channel }, name, state),
    apply: (current, { others }) => {
      const old = others.get(channel)
      if (old === undefined) return current
      const edited = moved(old, current, channel)
      if (isRenamed(current, channel) && !sameJson(edited, current)) throw differ(name, channel)
      return edited
    },
    finish: (writer, result, { state }) =>
      endOld(writer, { old: { app, channel }, ref, result, seq: state.others.get(channel)?.seq }),
  }
}

const isRenamed = (made: ChannelManifest | undefined, channel: string): made is ChannelManifest =>
  isLive(made) && (made.aliases?.includes(channel) ?? false)

function checkRename({ app, channel }: ChannelRef, name: string, { catalog, head, others }: EditState): void {
  if (name === channel) throw new PlatteError('refused', `${channel} has that name already`)
  const isMade = isRenamed(head?.manifest, channel)
  if (!others.has(channel) && !isMade)
    throw unknownChannel(catalog, { app, channel }, '`platte channel list` shows them')
  refuseFollowed(channel, others)
  if (isMade) return
  const made = isLive(head?.manifest) ? [head.manifest] : []
  refuseTaken(
    name,
    [...made, ...others.values()].filter((one) => one.channel !== channel),
  )
}

interface Renaming {
  readonly old: ChannelRef
  readonly ref: ChannelRef
  readonly result: EditResult
  /** Revision of the old channel that was copied; `undefined`: it has ended. */
  readonly seq: number | undefined
}

/** Copies the brakes before the old channel ends, and again what was held in between. */
async function endOld(writer: Committer, { old, ref, result, seq }: Renaming): Promise<EditResult> {
  if (seq !== undefined) await copyBrakes(writer, old, ref)
  const refuse = (current: ChannelManifest): void => {
    if (current.seq !== seq) throw differ(ref.channel, old.channel)
  }
  const ended = await change(writer, endEdit(old, { force: true, refuse }))
  await copyBrakes(writer, old, ref)
  return seq === undefined ? { ...ended, seq: result.seq } : { ...result, kind: 'changed' }
}

const differ = (name: string, channel: string): PlatteError =>
  new PlatteError('refused', `${name} has the alias ${channel} already, and the two channels differ`, {
    hint: `edit and hold in ${name} what machines of both shall get, then run platte channel delete ${channel} --force`,
  })

function moved(old: ChannelManifest, current: ChannelManifest, alias: string): ChannelManifest {
  const { channel, seq, issuedAt, previous, provenance } = current
  const { previous: _, provenance: __, ...content } = old
  const aliases = [...new Set([...(old.aliases ?? []), alias])].filter((one) => one !== channel)
  return {
    ...content,
    ...{ channel, seq, issuedAt, aliases },
    ...(previous && { previous }),
    ...(provenance && { provenance }),
  }
}

async function copyBrakes(writer: Committer, from: ChannelRef, to: ChannelRef): Promise<void> {
  await editCatalog(writer, (catalog) => {
    const [old, made] = [channelEntry(catalog, from.app, from.channel), channelEntry(catalog, to.app, to.channel)]
    if (made === undefined) return catalog
    const { holds = [] } = made
    const others = (old?.holds ?? []).filter((hold) => !holds.some((one) => isSameHold(one, hold)))
    const rampAsOf = made.rampAsOf ?? old?.rampAsOf
    if (others.length === 0 && rampAsOf === made.rampAsOf) return catalog
    return withEntry(catalog, to, { ...made, holds: [...holds, ...others], ...(rampAsOf && { rampAsOf }) })
  })
}
