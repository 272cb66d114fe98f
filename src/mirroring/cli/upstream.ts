/** A mirror on a machine of its own: an upstream by its setting, and passes one after the other. */
import type { Publisher } from '../../channels/publish.ts'
import { messageOf, PlatteError } from '../../kernel/errors.ts'
import { openStore } from '../../runtime/store.ts'
import { parseStore, type StoreSetting } from '../../runtime/store-setting.ts'
import { type MirrorMemory, type MirrorResult, mirror } from '../mirror.ts'
import type { Mirroring, MirrorOptions } from '../mirror-pass.ts'

/**
 * Reads the argument that names an upstream.
 * @throws PlatteError('usage')
 */
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
    await wait(watch)
  }
}

function wait({ everyMs, signal }: Watch): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const timer = setTimeout(resolve, everyMs)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
