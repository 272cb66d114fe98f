/** The manifests before the current ones. Answering does not need them. */
import type { ChannelRef } from '../catalog/read.ts'
import { naming } from '../catalog/walk-roots.ts'
import { maxChannelBytes } from '../documents/channel.ts'
import { channelKey } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { sha256Hex } from '../trust/digest.ts'
import { verifyPast } from '../trust/verify-documents.ts'
import { copyAllDetails } from './mirror-details.ts'
import { asProblem, keepRead, noteProblem, type Pass } from './mirror-pass.ts'
import { entryOf, type Work } from './mirror-work.ts'

/** Past manifests that are written while others are read. */
const writesAtOnce = 8

/**
 * Copies the manifests before the current ones, newest first, each verified by the digest in the next one. A gap in the
 * upstream's history, or a wrong manifest, ends that channel.
 */
export async function copyHistory(work: Work): Promise<'done' | 'more'> {
  const { held, options } = work
  const writes: Promise<void>[] = []
  const finish = async <T>(result: T): Promise<T> => {
    await Promise.all(writes.splice(0))
    return result
  }
  for (const ref of work.channels) {
    let previous: string | undefined
    for (let seq = (entryOf(work, ref)?.seq ?? 0) - 1; seq > 0; seq--) {
      const [key, after] = [channelKey(ref.app, ref.channel, seq), channelKey(ref.app, ref.channel, seq + 1)]
      if (!held.has(after)) break
      if (held.has(key)) {
        previous = undefined
        continue
      }
      if (writes.length >= writesAtOnce) await finish('done')
      if (options.bounds?.isSpent()) return finish('more')
      previous ??= work.previous.get(after) ?? (await previousIn(work, { ...ref, seq: seq + 1 }))
      const manifest = previous && (await readPast(work, key, { ...ref, seq, sha256: previous }))
      if (!manifest) break
      if (!(await copyAllDetails(work, ref, manifest.releases, true))) return finish('more')
      const write = keepRead(work, key, work.state.root)
      // `finish` awaits it; it may fail before.
      write.catch(() => undefined)
      writes.push(write)
      held.add(key)
      previous = manifest.previous
    }
  }
  return finish('done')
}

type PastRef = ChannelRef & { readonly seq: number }

/** From the own copy, which was verified when it was copied. */
async function previousIn({ to }: Pass, ref: PastRef): Promise<string | undefined> {
  const stored = await to.documents.get(channelKey(ref.app, ref.channel, ref.seq), maxChannelBytes)
  return stored && (await verifyPast(stored.bytes, await sha256Hex(stored.bytes), ref)).manifest.previous
}

async function readPast(pass: Pass, key: string, { sha256, ...ref }: PastRef & { readonly sha256: string }) {
  const read = async () => {
    const stored = await pass.from.documents.get(key, maxChannelBytes)
    return stored && (await naming(key, () => verifyPast(stored.bytes, sha256, ref)))
  }
  const past = await read().catch(asProblem)
  if (past instanceof PlatteError) return noteProblem(pass, key, past.message)
  if (past === undefined) return void pass.copied.absent.push(key)
  return past.manifest
}
