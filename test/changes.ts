/** Changes of channels as the commands make them: planned, and committed at once. */
import type { ChannelRef } from '../src/catalog/read.ts'
import { type Description, describeEdit, endEdit, followEdit, renameEdit } from '../src/channels/channel-life.ts'
import { type ChannelCommand, readCommand } from '../src/channels/commands.ts'
import { change, commit } from '../src/channels/commit.ts'
import { type EditAction, holdEdit, planCommand, stopRampsEdit, unholdEdit } from '../src/channels/execute-command.ts'
import type { Committer, EditResult, ManifestEdit } from '../src/channels/plan.ts'
import { type Promotion, promoteEdit } from '../src/channels/promote.ts'
import { pruneEdit } from '../src/channels/prune.ts'
import type { Publisher } from '../src/channels/publish.ts'
import type { ChannelManifest } from '../src/documents/channel.ts'
import { type Adoption, adopt as adoptPlanned, planAdoption } from '../src/mirroring/adopt.ts'
import type { HeldVersion } from '../src/release/edits.ts'

type Change = Promise<EditResult>

export const editChannel = (writer: Committer, ref: ChannelRef, apply: ManifestEdit['apply']): Change =>
  change(writer, { ref, apply })

export const describeChannel = (
  writer: Committer,
  ref: ChannelRef,
  said: Description,
  { create = false }: { readonly create?: boolean } = {},
): Change => change(writer, describeEdit(ref, said, create))

export const followChannel = (writer: Committer, ref: ChannelRef, follow: ChannelManifest['follow']): Change =>
  change(writer, followEdit(ref, follow))

export const endChannel = (writer: Committer, ref: ChannelRef, options: { readonly force?: boolean } = {}): Change =>
  change(writer, endEdit(ref, options))

export const renameChannel = (writer: Committer, ref: ChannelRef, name: string): Change =>
  change(writer, renameEdit(ref, name))

export const holdRelease = (
  writer: Committer,
  ref: ChannelRef,
  held: HeldVersion & { readonly reason: string },
): Change => change(writer, holdEdit(ref, held))

export const unholdRelease = (writer: Committer, ref: ChannelRef, held: HeldVersion): Change =>
  change(writer, unholdEdit(ref, held))

export const stopRamps = (writer: Committer, ref: ChannelRef, isStopped: boolean): Change =>
  change(writer, stopRampsEdit(ref, isStopped))

export const promote = (writer: Committer, promotion: Promotion): Change => change(writer, promoteEdit(promotion))

export async function pruneChannel(writer: Committer, ref: ChannelRef, { keep }: { readonly keep: number }) {
  const { packages = [], ...result } = await change(writer, pruneEdit(ref, keep))
  return { ...result, packages }
}

/** Executes a command as the command line does. */
export async function execute(writer: Publisher, action: EditAction, said: object): Change {
  return commit(writer, await planCommand(writer, readCommand(action, said) as ChannelCommand))
}

export const adopt = async (publisher: Publisher, upstream: Publisher, adoption: Adoption): Change =>
  adoptPlanned(publisher, upstream, await planAdoption(publisher, upstream, adoption))
