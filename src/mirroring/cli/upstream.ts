/** A mirror as a process: opens the upstream, and repeats passes. */
import { setTimeout } from 'node:timers/promises'
import type { Publisher } from '../../channels/publish.ts'
import { messageOf, PlatteError } from '../../kernel/errors.ts'
import { openStore } from '../../runtime/store.ts'
import { parseStore, type StoreSetting } from '../../runtime/store-setting.ts'
import { type MirrorMemory, type MirrorResult, mirror } from '../mirror.ts'
import type { Mirroring, MirrorOptions } from '../mirror-pass.ts'

/** @throws PlatteError('usage') */
export function parseUpstreamSetting(text: string): StoreSetting {
  try {
    return parseStore(text)
  } catch (cause) {
    throw new PlatteError('usage', `the upstream ${messageOf(cause)}`, { cause })
  }
}

/** Opens an upstream of this store. */
export async function openMirroring(upstream: StoreSetting, { pin, log, ...to }: Publisher): Promise<Mirroring> {
  const from = { ...(await openStore(upstream)), pin, log }
  if (upstream.kind !== 'http') return { from, to }
  const { tokenOfCopy } = await import('../../store/http/upstream.ts')
  return { from, to, tokenOf: tokenOfCopy }
}

export interface Watch {
  readonly everyMs: number
  /** Ends the wait, or the watch after the running pass. */
  readonly signal: AbortSignal
  readonly onResult: (result: MirrorResult) => void
  readonly onError: (error: unknown) => void
}

/** Passes until the signal; a failed pass does not end them. */
export async function mirrorUntil(mirroring: Mirroring, options: MirrorOptions, watch: Watch): Promise<void> {
  const memory: MirrorMemory = {}
  while (!watch.signal.aborted) {
    await mirror(mirroring, options, memory).then(watch.onResult, watch.onError)
    await setTimeout(watch.everyMs, undefined, { signal: watch.signal }).catch(() => {})
  }
}
