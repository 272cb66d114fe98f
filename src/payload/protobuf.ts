/** Messages of protocol buffers. @see https://protobuf.dev/programming-guides/encoding/ */

/** One field of a message, as it was written. */
export interface Field {
  /** The number of the field times 8, plus its wire type. */
  readonly tag: number
  /** Of a varint, rounded beyond 2^53. */
  readonly value: number
  /** Of a length-delimited field: a view of the message. */
  readonly bytes: Uint8Array
}

const nothing = new Uint8Array()
const [varint, fixed64, delimited, fixed32] = [0, 1, 2, 5]

/**
 * Hands every field to `take`, in order. Groups count as malformed: no field of a payload is one.
 * @returns `false` for a malformed message, and as soon as `take` returns `false`.
 */
export function readFields(message: Uint8Array, take: (field: Field) => boolean): boolean {
  let at = 0
  const readVarint = (): number => {
    let value = 0
    for (let scale = 1; scale <= 2 ** 63; scale *= 128) {
      const byte = message[at++]
      if (byte === undefined) break
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    return Number.NaN
  }
  while (at < message.length) {
    const tag = readVarint()
    if (!(tag >= 8 && tag < 2 ** 32)) return false
    const wire = tag % 8
    const value = wire === varint || wire === delimited ? readVarint() : 0
    const length = wire === delimited ? value : wire === fixed64 ? 8 : wire === fixed32 ? 4 : 0
    const isKnown = [varint, fixed64, delimited, fixed32].includes(wire)
    if (!isKnown || Number.isNaN(value) || length > message.length - at) return false
    const bytes = length > 0 ? message.subarray(at, at + length) : nothing
    at += length
    if (!take({ tag, value, bytes })) return false
  }
  return true
}
