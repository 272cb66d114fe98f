/** The upstream that an argument names. */
import type { Publisher } from '../../channels/publish.ts'
import { messageOf, PlatteError } from '../../kernel/errors.ts'
import { openStore } from '../../runtime/store.ts'
import { parseStore, type StoreSetting } from '../../runtime/store-setting.ts'
import type { Mirroring } from '../mirror-pass.ts'

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
