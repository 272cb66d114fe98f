/** Requests that follow no redirect: who answers at the URL that an operator chose does not choose another one. */
import { unavailable } from '../store/http/fetch.ts'
import type { Transport } from '../store/http/transport.ts'

/** @param name of what is asked, for errors. */
export const direct =
  (transport: Transport, name: string): Transport =>
  async (sending) => {
    const reply = await transport(sending)
    if (reply.status < 300 || reply.status > 399) return reply
    await reply.drop()
    const hint = 'name the URL itself that answers'
    throw unavailable(name, `${sending.url.origin} redirects (${reply.status}), which is not followed`, { hint })
  }
