/** Asks issuers of identity tokens for their keys, by `fetch`. */
import { PlatteError } from '../kernel/errors.ts'
import type { FetchKeys } from './fetch-keys.ts'

const maxBytes = 256 * 1024
const timeoutMs = 5000

/** The URL is the operator's, never a token's; still nothing that answers there is believed to be small or quick. */
export const fetchIssuerKeys: FetchKeys = async (url) => {
  try {
    const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(timeoutMs) })
    if (response.status !== 200) throw new Error(`it answers ${response.status || 'a redirect'}`)
    const chunks: Uint8Array<ArrayBuffer>[] = []
    let size = 0
    for await (const chunk of response.body ?? []) {
      size += chunk.length
      if (size > maxBytes) throw new Error(`it has more than ${maxBytes} bytes`)
      chunks.push(chunk)
    }
    return new Uint8Array(await new Blob(chunks).arrayBuffer())
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new PlatteError('issuer-unavailable', `the keys at ${url} cannot be read: ${why}`, { cause })
  }
}
