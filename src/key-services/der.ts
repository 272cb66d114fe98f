/** ECDSA signatures as ASN.1 DER (RFC 3279, section 2.2.3), which key services return, and as JWS has them. */

/** Bytes of each of r and s in a JWS of P-256. */
const half = 32

/** @returns r‖s, 64 bytes; `undefined` for anything but the DER of two positive integers of at most 32 bytes. */
export function rawSignature(der: Uint8Array): Uint8Array | undefined {
  const [tag, length, ...rest] = der
  if (tag !== 0x30 || length !== rest.length) return undefined
  const r = readInteger(rest)
  const s = r && readInteger(r.after)
  if (r === undefined || s === undefined || s.after.length > 0) return undefined
  return Uint8Array.from([...r.padded, ...s.padded])
}

function readInteger([tag, length = 0, ...rest]: readonly number[]) {
  if (tag !== 0x02 || length === 0 || length > half + 1 || length > rest.length) return undefined
  const bytes = rest.slice(0, length)
  const [first = 0, second = 0] = bytes
  const isNegative = first >= 0x80
  const isPadded = length > 1 && first === 0 && second < 0x80
  const digits = first === 0 ? bytes.slice(1) : bytes
  if (isNegative || isPadded || digits.length > half) return undefined
  return { padded: [...Array<number>(half - digits.length).fill(0), ...digits], after: rest.slice(length) }
}
