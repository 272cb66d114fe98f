/**
 * The headers of a tar archive: writes ustar, and pax where a name or a size does not fit; also reads GNU tar's.
 * @see IEEE Std 1003.1-2017, pax, "pax Interchange Format"
 */
import { PlatteError } from '../../kernel/errors.ts'
import { joined } from '../../store/streams.ts'

export const blockBytes = 512
/** Far more than our keys and sizes need. */
const mostExtendedBytes = 4096

export interface TarHead {
  readonly name: string
  /** Bytes that follow, without what fills the last block. */
  readonly size: number
  /** `0` a file, `5` a folder, `x` and `L` an extension of the next header, … */
  readonly type: string
}

/** Bytes that fill a file's last block. */
export const paddingOf = (size: number): number => (blockBytes - (size % blockBytes)) % blockBytes

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** The head of a file, readable by every tar. Names are ASCII, as keys are. */
export function renderTarHead(name: string, size: number): Uint8Array {
  const split = splitName(name)
  if (split !== undefined && size < 8 ** 11) return block({ ...split, size, type: '0' })
  const records = `${record('path', name)}${record('size', String(size))}`
  const body = new Uint8Array(records.length + paddingOf(records.length))
  body.set(encoder.encode(records))
  const pax = block({ name: 'pax', prefix: '', size: records.length, type: 'x' })
  const head = block({ name: name.slice(-100), prefix: '', size: size % 8 ** 11, type: '0' })
  return joined([pax, body, head], 2 * blockBytes + body.length)
}

/** ustar has 100 bytes for a name, and 155 for the folders before it. */
function splitName(name: string): { readonly name: string; readonly prefix: string } | undefined {
  if (name.length <= 100) return { name, prefix: '' }
  const at = name.indexOf('/', name.length - 101)
  return at < 0 || at > 155 ? undefined : { name: name.slice(at + 1), prefix: name.slice(0, at) }
}

/** A pax record says its own length. */
function record(field: string, value: string): string {
  const rest = ` ${field}=${value}\n`
  const digits = [1, 2, 3].find((count) => String(rest.length + count).length === count) ?? 3
  return `${rest.length + digits}${rest}`
}

function block({ name, prefix, size, type }: TarHead & { readonly prefix: string }): Uint8Array {
  const bytes = new Uint8Array(blockBytes)
  const put = (at: number, text: string): void => bytes.set(encoder.encode(text), at)
  put(0, name)
  for (const [at, number, digits] of [
    [100, 0o644, 7],
    [108, 0, 7],
    [116, 0, 7],
    [124, size, 11],
    [136, 0, 11],
  ] as const)
    put(at, number.toString(8).padStart(digits, '0'))
  put(148, ' '.repeat(8))
  put(156, type)
  put(257, 'ustar\u000000')
  put(345, prefix)
  put(148, `${checksumOf(bytes).toString(8).padStart(6, '0')}\u0000 `)
  return bytes
}

/** The sum of all bytes, with blanks in its own field. */
const checksumOf = (bytes: Uint8Array): number =>
  bytes.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 32 : byte), 0)

/** @returns `undefined` for the zeros at the end. @throws PlatteError('bad-document') for anything but a header. */
export function parseTarHead(bytes: Uint8Array, at: number): TarHead | undefined {
  if (bytes.every((byte) => byte === 0)) return undefined
  const text = (from: number, length: number): string => {
    const field = bytes.subarray(from, from + length)
    const end = field.indexOf(0)
    return decoder.decode(end < 0 ? field : field.subarray(0, end))
  }
  const isTar = text(257, 5) === 'ustar' && parseOctal(text(148, 8)) === checksumOf(bytes)
  if (!isTar) throw new PlatteError('bad-document', `there is no head of a tar at byte ${at}`)
  const isPosix = bytes[262] === 0
  const prefix = isPosix ? text(345, 155) : ''
  const size = parseOctal(text(124, 12))
  const name = prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`
  if (size === undefined) throw new PlatteError('bad-document', `${shown(name)}: does not say its size in octal`)
  return { name, size, type: text(156, 1) || '0' }
}

function parseOctal(text: string): number | undefined {
  const digits = text.trim()
  return /^[0-7]{1,12}$/.test(digits) ? Number.parseInt(digits, 8) : undefined
}

/** Fields that replace those of the next header. */
export type Extended = Partial<Pick<TarHead, 'name' | 'size'>>

/** Whether a header extends the next one. @throws PlatteError('too-large') */
export function isExtension({ type, size, name }: TarHead): boolean {
  if (!['x', 'g', 'L'].includes(type)) return false
  if (size > mostExtendedBytes) throw new PlatteError('too-large', `${shown(name)}: says ${size} bytes of the next one`)
  return true
}

/** @throws PlatteError('bad-document') */
export function parseExtension(type: string, bytes: Uint8Array): Extended {
  const text = decoder.decode(bytes)
  if (type === 'L') return { name: text.replace(/\0.*$/s, '') }
  const fields: { name?: string; size?: number } = {}
  for (let at = 0; at < text.length; ) {
    const [, length = '', field, value = ''] = /^(\d{1,4}) ([^=\n]+)=([^\n]*)\n/.exec(text.slice(at)) ?? []
    if (field === undefined || Number(length) !== `${length} ${field}=${value}\n`.length)
      throw new PlatteError('bad-document', 'what a tar says of its next file cannot be read')
    if (field === 'path' && type === 'x') fields.name = value
    if (field === 'size' && type === 'x') fields.size = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN
    at += Number(length)
  }
  return fields
}

/** A name as messages repeat it. */
export const shown = (name: string): string => JSON.stringify(name.slice(0, 200))
