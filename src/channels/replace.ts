/** Whether a published version may be replaced: only if no manifest of history offers it. */
import { allChannelRefs } from '../catalog/edit-catalog.ts'
import { walkChain } from '../catalog/history.ts'
import type { ChannelRef } from '../catalog/read.ts'
import { loadForWriting } from '../catalog/read.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { boardOf, findRelease, refusal } from '../release/add-release.ts'
import type { Committer } from './plan.ts'

interface Wrong extends ChannelRef {
  readonly version: string
  readonly board: string
}

/**
 * Reads the history of every channel of the app.
 * @throws PlatteError('refused') where a manifest offered the release, or another channel had it or followed this one.
 */
export async function requireUnseen(writer: Committer, wrong: Wrong): Promise<void> {
  const { app, channel } = wrong
  let since = Number.POSITIVE_INFINITY
  for await (const { manifest } of walkChain(writer, { app, channel })) {
    requireWithheld(manifest, wrong)
    if (has(manifest, wrong)) since = Date.parse(manifest.issuedAt)
  }
  const { catalog } = (await loadForWriting(writer)).catalog
  for (const ref of await allChannelRefs(writer, catalog))
    if (ref.app === app && ref.channel !== channel) await requireNowhereElse(writer, wrong, ref, since)
}

/** @param since when the release was published. */
async function requireNowhereElse(writer: Committer, wrong: Wrong, ref: ChannelRef, since: number): Promise<void> {
  for await (const { manifest } of walkChain(writer, ref)) {
    if (has(manifest, wrong)) throw seen(wrong, `revision ${manifest.seq} of ${ref.channel} has it, too`)
    if (manifest.follow?.channel === wrong.channel)
      throw seen(wrong, `${ref.channel} follows ${wrong.channel} in its revision ${manifest.seq}`)
    if (Date.parse(manifest.issuedAt) < since) return
  }
}

const has = (manifest: ChannelManifest, { version, board }: Wrong): boolean =>
  boardOf(findRelease(manifest, version), board) !== undefined

/**
 * Only a mark in the manifest withholds from manual checks, too, and at every later instant: holds have no history, and a
 * mirror that is behind would offer a scheduled release when its time comes.
 * @throws PlatteError('refused') for a manifest that offers the release.
 */
export function requireWithheld(manifest: ChannelManifest, wrong: Wrong): void {
  if (!has(manifest, wrong) || findRelease(manifest, wrong.version)?.withdrawn) return
  throw seen(wrong, `revision ${manifest.seq} of ${wrong.channel} offers it`)
}

const seen = ({ version, board }: Wrong, because: string) =>
  refusal(
    `${version} for ${board} cannot be replaced: ${because}`,
    'publish a higher version; only what was published --held, and was never offered since, is replaced',
  )
