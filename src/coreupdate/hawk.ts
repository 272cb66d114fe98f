/**
 * Hawk, the scheme of updateservicectl: a request is signed with a secret that both sides know.
 * @see mozilla/hawk API.md, and tent/hawk-go, which updateservicectl uses
 */
import { createHmac } from 'node:crypto'
import { isSameSecret } from '../http/credentials.ts'
import type { Instant } from '../kernel/clock.ts'

/** The clocks of both sides may differ by this. */
const skewMs = 5 * 60_000

export interface SignedRequest {
  readonly method: string
  /** Where the client believes to be. */
  readonly url: URL
  readonly authorization: string
}

/** Whether the request was signed with the key, about now. Its body is not read here: only GET is answered. */
export async function isSignedWith(key: string, { method, url, authorization }: SignedRequest, now: Instant) {
  const parts = new Map(
    [...authorization.matchAll(/([a-z]+)="([^"]{0,500})"/g)].map(([, name, value]) => [name, value]),
  )
  const part = (name: string): string => parts.get(name) ?? ''
  if (!(Math.abs(Number(part('ts')) * 1000 - now) <= skewMs)) return false
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  const app = parts.has('app') ? [part('app'), part('dlg')] : []
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const lines = ['hawk.1.header', part('ts'), part('nonce'), method, url.pathname + url.search, host, port]
  const text = [...lines, part('hash'), part('ext'), ...app, ''].join('\n')
  return isSameSecret(part('mac'), createHmac('sha256', key).update(text).digest('base64'))
}
