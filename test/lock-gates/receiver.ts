/** A receiver of hooks, which judges their signatures. */
import { Webhook } from 'standardwebhooks'
import type { HookMessage } from '../../src/lock-gates/deliveries.ts'
import { type Asked, openAsked, silence } from './asked.ts'

export const key = `whsec_${Buffer.alloc(32, 9).toString('base64')}`

export interface Received extends Asked {
  readonly messages: HookMessage[]
  /** Takes messages, or answers another status. */
  take(code?: number): void
}

export async function openReceiver(): Promise<Received> {
  const messages: HookMessage[] = []
  const asked = await openAsked(silence)
  const take = (code = 204) =>
    asked.answer(({ headers }, response, body) => {
      const [id, seconds, signature] = ['id', 'timestamp', 'signature'].map((name) =>
        String(headers[`webhook-${name}`]),
      )
      const isSigned = new Webhook(key).sign(id ?? '', new Date(Number(seconds) * 1000), body) === signature
      const message: HookMessage = JSON.parse(body)
      if (code < 300) messages.push(isSigned && id === message.id ? message : { ...message, text: 'not signed' })
      response.writeHead(code, { location: 'http://169.254.169.254/' }).end()
    })
  take()
  return { ...asked, messages, take }
}

export const said = ({ messages }: Received) =>
  messages.map(({ type, data }) => `${data.machine} ${type.replace('reboot.', '')}`)
