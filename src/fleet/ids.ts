/** Ids of machines where they are personal data: a keyed hash instead, which only holders of the key can find again. */
import { createHmac } from 'node:crypto'
import type { FleetEvent } from '../checks/events.ts'

const form = /^hmac-[0-9a-f]{32}$/

/** @returns the text as `hmac-` and 32 hex digits of HMAC-SHA256; an empty one stays. */
export const disguiseWith =
  (key: string) =>
  (text: string): string =>
    text && `hmac-${createHmac('sha256', key).update(text).digest('hex').slice(0, 32)}`

/** The same for texts that may be hashed already. */
export const disguiseOnce = (key: string) => {
  const disguise = disguiseWith(key)
  return (text: string): string => (form.test(text) ? text : disguise(text))
}

/** An event without its machine's id and alias. */
export function disguiseEvents(key: string): (event: FleetEvent) => FleetEvent {
  const disguise = disguiseWith(key)
  return (event) => {
    const { machine, machinealias } = event
    if (typeof machine !== 'string') return event
    return {
      ...event,
      machine: disguise(machine),
      ...(typeof machinealias === 'string' && { machinealias: disguise(machinealias) }),
    } as FleetEvent
  }
}
