/** What Zincati says of itself when it asks for the graph. Pure. @see coreos/zincati src/identity/mod.rs */
import type { Scheme } from '../release/channel.ts'

export interface Asked {
  readonly basearch: string
  readonly stream: string
  readonly group: string
  /** Empty where unknown, as the next ones. */
  readonly nodeUuid: string
  readonly version: string
  /** What the machine runs, in its scheme. */
  readonly payload: string
  readonly platform: string
  readonly scheme: Scheme
  /** 0 to 1, as operators set it on the machine. */
  readonly wariness?: number
}

/** Longer than any reference of an image. */
const maxLength = 512

/** @returns what is wrong, as a text. */
export function readAsked(query: (name: string) => string | undefined): Asked | string {
  const text = (name: string): string => query(name) ?? ''
  const [basearch, stream] = [text('basearch'), text('stream')]
  const missing = basearch === '' ? 'basearch' : stream === '' ? 'stream' : undefined
  if (missing !== undefined) return `missing ${missing}`
  const wariness = warinessOf(text('rollout_wariness'))
  const asked: Asked = {
    ...{ basearch, stream, group: text('group'), nodeUuid: text('node_uuid'), platform: text('platform') },
    ...{ version: text('os_version'), payload: text('os_checksum') },
    scheme: text('oci') === 'true' ? 'oci' : 'checksum',
    ...(wariness !== undefined && { wariness }),
  }
  const long = Object.values(asked).some((value) => typeof value === 'string' && value.length > maxLength)
  return long ? `a value has more than ${maxLength} characters` : asked
}

/** What is no number counts as none. */
function warinessOf(text: string): number | undefined {
  const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN
  return Number.isNaN(number) ? undefined : Math.min(1, Math.max(0, number))
}
