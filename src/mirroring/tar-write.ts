/**
 * A write-once store that appends to a tar archive: ustar, and pax where a name or a size does not fit.
 * @see IEEE Std 1003.1-2017, pax, "pax Interchange Format"
 */
import { checkKey } from '../documents/paths.ts'
import { joined } from '../kernel/bytes.ts'
import type { NewHasher } from '../kernel/hasher.ts'
import { hashInto } from '../store/streams.ts'
import type { Store } from './mirror-pass.ts'

export const blockBytes = 512

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
const zeros = new Uint8Array(65_536)

/** The head of a file, readable by every tar. Names are ASCII, as keys are. */
export function renderTarHead(name: string, size: number): Uint8Array {
  const split = splitName(name)
  if (split !== undefined && size < 8 ** 11) return block({ ...split, size, type: '0' })
  const records = `${record('path', name)}${record('size', String(size))}`
  const padding = new Uint8Array(paddingOf(records.length))
  const pax = block({ name: 'pax', prefix: '', size: records.length, type: 'x' })
  const head = block({ name: name.slice(-100), prefix: '', size: size % 8 ** 11, type: '0' })
  return joined([pax, encoder.encode(records), padding, head])
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
  put(100, octal(0o644, 7))
  for (const at of [108, 116]) put(at, octal(0, 7))
  put(124, octal(size, 11))
  put(136, octal(0, 11))
  put(156, type)
  put(257, 'ustar\u000000')
  put(345, prefix)
  put(148, `${octal(checksumOf(bytes), 6)}\u0000 `)
  return bytes
}

const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0')

/** The sum of all bytes, with blanks in its own field. */
export const checksumOf = (bytes: Uint8Array): number =>
  bytes.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 32 : byte), 0)

/**
 * @param write appends bytes; resolves when more may come.
 * @param known keys that the reader of the archive has already; they are listed.
 */
export function tarStore(
  write: (bytes: Uint8Array) => Promise<void>,
  { newHasher, known }: { readonly newHasher: NewHasher; readonly known: readonly string[] },
): Store & { end(): Promise<void> } {
  let last: Promise<unknown> = Promise.resolve()
  /** One file after the other, even where several are put at once. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work)
    last = turn
    turn.catch(() => undefined)
    return turn
  }
  async function* list(prefix: string): AsyncIterable<string> {
    yield* known.filter((key) => key.startsWith(prefix)).sort()
  }
  const append = <T>(key: string, size: number, { outcome, body }: { outcome: T; body: () => Promise<unknown> }) =>
    inTurn(async () => {
      await write(renderTarHead(checkKey(key), size))
      await body()
      await write(new Uint8Array(paddingOf(size)))
      return outcome
    })
  return {
    documents: {
      get: async () => undefined,
      create: (key, bytes) => append(key, bytes.length, { outcome: 'created' as const, body: () => write(bytes) }),
      swap: async () => 'conflict',
      list,
    },
    packages: {
      open: async () => undefined,
      async put(key, body, expected) {
        let [size, failure]: [number, unknown] = [0, undefined]
        const count = (bytes: Uint8Array): Promise<void> => {
          size += bytes.length
          return write(bytes)
        }
        const put = () =>
          hashInto(body, count, { hasher: newHasher(), name: key, expected }).catch(async (error: unknown) => {
            failure = error
            // The head has promised this many bytes. They have another digest, so no reader takes them.
            for (; size < expected.size; size += zeros.length) await write(zeros.subarray(0, expected.size - size))
          })
        await append(key, expected.size, { outcome: undefined, body: put })
        if (failure !== undefined) throw failure
        return 'stored'
      },
      stat: async () => undefined,
      remove: async () => {},
      list,
    },
    // Readers refuse an archive without it.
    end: () => inTurn(() => write(new Uint8Array(2 * blockBytes))),
  }
}
