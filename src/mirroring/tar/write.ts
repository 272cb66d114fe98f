/** A store that is only written, once, as a tar archive: what is put into it is appended, and the catalog comes last. */
import { checkKey } from '../../documents/paths.ts'
import type { NewHasher } from '../../kernel/hasher.ts'
import type { Documents } from '../../store/documents.ts'
import type { Packages } from '../../store/packages.ts'
import { hashInto } from '../../store/streams.ts'
import { blockBytes, paddingOf, renderTarHead } from './format.ts'

export interface TarOptions {
  readonly newHasher: NewHasher
  /** Keys that whoever reads the archive has already: they are listed as if they were here. */
  readonly known: readonly string[]
}

export interface TarStore {
  readonly documents: Documents
  readonly packages: Packages
  /** Writes the end, without which nobody reads the archive. */
  end(): Promise<void>
}

/** @param write appends bytes; resolves when more may come. */
export function tarStore(write: (bytes: Uint8Array) => Promise<void>, { newHasher, known }: TarOptions): TarStore {
  let last: Promise<unknown> = Promise.resolve()
  /** A tar has one file after the other, also where several are on their way. */
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
