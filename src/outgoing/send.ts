/** Sends messages, signed as the Standard Webhooks specification says. https://www.standardwebhooks.com */
import type { Clock } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { fetchBounded } from '../store/http/fetch.ts'
import type { Transport } from '../store/http/transport.ts'

/** For the whole request: Workers and Lambda have half a minute for all that they do. */
const limitMs = 10_000

export interface Receiver {
  /** For errors. */
  readonly name?: string
  readonly url: string
  /** `whsec_` and base64. */
  readonly key: string
  readonly transport: Transport
  readonly clock: Clock
}

/** Receivers that know the id already drop the message. */
interface Sendable {
  readonly id: string
}

/** @throws PlatteError('store-unavailable') where the receiver does not take it. Names only the origin: the URL may be secret. */
export async function send(
  { name = 'webhook', url, key, transport, clock }: Receiver,
  { id, ...content }: Sendable,
): Promise<void> {
  const body = JSON.stringify({ id, ...content })
  const seconds = String(Math.floor(clock() / 1000))
  const signature = await sign(key, `${id}.${seconds}.${body}`)
  const headers = {
    'content-type': 'application/json',
    'content-length': String(new TextEncoder().encode(body).length),
    'webhook-id': id,
    'webhook-timestamp': seconds,
    'webhook-signature': `v1,${signature}`,
  }
  const limits = { idleMs: limitMs, totalMs: limitMs }
  const request = { method: 'POST', body, url, headers, transport, key: name, ...limits } as const
  const answer = await fetchBounded(request)
  await answer.drop()
  if (answer.status < 200 || answer.status > 299)
    throw new PlatteError('store-unavailable', `${name}: ${answer.origin} answered with ${answer.status}`)
}

async function sign(key: string, text: string): Promise<string> {
  const base64 = key.replace('whsec_', '').replace(/=+$/, '')
  // One character more than whole bytes have says nothing.
  const secret = atob(base64.length % 4 === 1 ? base64.slice(0, -1) : base64)
  const bytes = Uint8Array.from(secret, (char) => char.charCodeAt(0))
  const hmac = await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  const signature = await crypto.subtle.sign('HMAC', hmac, new TextEncoder().encode(text))
  return btoa(String.fromCharCode(...new Uint8Array(signature)))
}
