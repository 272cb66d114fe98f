/** A write-once store that appends to a tar archive. */
import { checkKey } from '../../documents/paths.ts'
import type { NewHasher } from '../../kernel/hasher.ts'
import type { Documents } from '../../store/documents.ts'
import type { Packages } from '../../store/packages.ts'
import { hashInto } from '../../store/streams.ts'
import { blockBytes, paddingOf, renderTarHead } from './format.ts'

export interface TarStore {
  readonly documents: Documents
  readonly packages: Packages
  /** Writes the end; readers refuse an archive without it. */
  end(): Promise<void>
}

/**
 * @param write appends bytes; resolves when more may come.
 * @param known keys that the reader of the archive has already; they are listed.
 */
export function tarStore(
  write: (bytes: Uint8Array) => Promise<void>,
  { newHasher, known }: { readonly newHasher: NewHasher; readonly known: readonly string[] },
): TarStore {
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
  const pad = (size: number): Promise<void> => write(new Uint8Array(paddingOf(size)))
  return {
    documents: {
      get: async () => undefined,
      create: (key, bytes) =>
        inTurn(async () => {
          await write(renderTarHead(checkKey(key), bytes.length))
          await write(bytes)
          await pad(bytes.length)
          return 'created' as const
        }),
      swap: async () => 'conflict',
      list,
    },
    packages: {
      open: async () => undefined,
      put: (key, body, expected) =>
        inTurn(async () => {
          await write(renderTarHead(checkKey(key), expected.size))
          await hashInto(body, write, { hasher: newHasher(), name: key, expected })
          await pad(expected.size)
          return 'stored' as const
        }),
      stat: async () => undefined,
      remove: async () => {},
      list,
    },
    end: () => inTurn(() => write(new Uint8Array(2 * blockBytes))),
  }
}
