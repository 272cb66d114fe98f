/** Sends messages, signed as the Standard Webhooks specification says. https://www.standardwebhooks.com */
import { createHmac } from 'node:crypto'
import type { Clock } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { fetchBounded } from '../store/http/fetch.ts'
import type { Transport } from '../store/http/transport.ts'

const idleMs = 10_000
const totalMs = 20_000

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
  const secret = Buffer.from(key.replace('whsec_', ''), 'base64')
  const signature = createHmac('sha256', secret).update(`${id}.${seconds}.${body}`).digest('base64')
  const headers = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'webhook-id': id,
    'webhook-timestamp': seconds,
    'webhook-signature': `v1,${signature}`,
  }
  const request = { method: 'POST', body, url, headers, transport, key: name, idleMs, totalMs } as const
  const answer = await fetchBounded(request)
  await answer.drop()
  if (answer.status < 200 || answer.status > 299)
    throw new PlatteError('store-unavailable', `${name}: ${answer.origin} answered with ${answer.status}`)
}
