/** Packages, which come after the catalog: none of them keeps a hold or a manifest from a mirror. */
import { foldersOf, packagesOf } from '../catalog/channels.ts'
import type { ChannelRef } from '../catalog/read.ts'
import type { MissingPackages } from '../documents/missing.ts'
import { notesKey } from '../documents/paths.ts'
import { inParallel } from '../kernel/parallel.ts'
import { detailsAtHand } from './mirror-details.ts'
import { copyNotes } from './mirror-pass.ts'
import { attempt, heldManifest, type Work } from './mirror-work.ts'
import { appOf, editList, listUpdates } from './missing-list.ts'

const sameChannel = (a: ChannelRef, b: ChannelRef): boolean => a.app === b.app && a.channel === b.channel

/** Lists what the own store lacks of these channels. Entries of other channels are of mirrors with other settings. */
export async function listLacking(work: Work): Promise<void> {
  const found = [...[...work.lacking.values()].map(({ file: _, ...one }) => one), ...[...work.lost.values()].flat()]
  const lacking = new Map<string, MissingPackages>(found.map((one) => [one.packages, one]))
  await editList(work, (listed) => {
    const isOurs = (one: MissingPackages) =>
      work.channels.some((ref) => sameChannel(ref, { app: appOf(one), channel: one.channel }))
    const known = new Map(listed.map((one) => [one.packages, one]))
    const ours = [...lacking.values()].map((one) => known.get(one.packages) ?? one)
    return [...listed.filter((one) => !isOurs(one) && !lacking.has(one.packages)), ...ours]
  })
}

/** Copies all that is lacking. A package that fails is named, and keeps no other back. */
export async function copyLacking(work: Work): Promise<void> {
  const left = new Map<string, number>()
  for (const { packages } of work.lacking.values()) left.set(packages, (left.get(packages) ?? 0) + 1)
  const list = listUpdates(work)
  await inParallel([...work.lacking], work.options.packagesAtOnce ?? 8, async ([key, { file, packages }]) => {
    const problem = await attempt(work, key, file)
    const rest = (left.get(packages) ?? 0) - (problem === undefined ? 1 : 0)
    left.set(packages, rest)
    if (problem !== undefined || rest === 0) list.note(packages, problem)
  }).finally(list.end)
}

export const copyLackingNotes = (work: Work): Promise<void> =>
  inParallel([...work.notes], 8, async (sha256) => {
    await copyNotes(work, sha256)
    work.held.add(notesKey(sha256))
  })

/** Copies what the list names, as far as the bounds allow: a schedule need not read manifests again to find it. */
export async function copyListed(work: Work): Promise<'done' | 'more'> {
  const { left, options, held } = work
  const listed = await editList(work, (all) => (options.packages === 'none' ? [] : all))
  for (const entry of listed) {
    if (left.packages <= 0 || options.bounds?.isSpent()) return 'more'
    const ref = { app: appOf(entry), channel: entry.channel }
    const own = await heldManifest(work, ref)
    const release = own && foldersOf(own.manifest).get(entry.packages)?.release
    // In the pass that lists them, they were just tried.
    const detailed = release && (await detailsAtHand(work, ref, release))
    let problem = release && !detailed ? (entry.problem ?? 'its details cannot be had') : undefined
    for (const [key, file] of packagesOf({ app: ref.app, releases: detailed ? [detailed] : [] })) {
      if (!key.startsWith(entry.packages)) continue
      if (held.has(key)) continue
      if (left.packages-- <= 0) return 'more'
      problem ??= await attempt(work, key, file)
    }
    // One that fails goes behind the others.
    await editList(work, (all) => [
      ...all.filter(({ packages }) => packages !== entry.packages),
      ...(problem === undefined ? [] : [{ ...entry, problem }]),
    ])
  }
  return 'done'
}
