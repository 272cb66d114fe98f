/** Finds `manifest.json` in an archive that streams by, and keeps nothing else of it. */
import { Unzip, UnzipInflate } from 'fflate/browser'
import { joined } from '../kernel/bytes.ts'

/** Bytes. A manifest with every permission and translation has a few kB. */
const maxManifest = 1024 * 1024
const manifestName = 'manifest.json'
/** The end of an archive: its record, and a comment. */
const [recordBytes, maxCommentBytes] = [22, 65_535]
/** Bytes that are looked through at once: one call of the library for each file in them. */
const stepBytes = 16 * 1024

/** Inflates the manifest alone: the others may be bombs. */
class OnlyManifest {
  static readonly compression = 8
  ondata: UnzipInflate['ondata']
  readonly #inflate: UnzipInflate | undefined
  constructor(name: string) {
    this.ondata = () => {}
    if (name !== manifestName) return
    this.#inflate = new UnzipInflate()
    this.#inflate.ondata = (...found) => this.ondata(...found)
  }
  push(bytes: Uint8Array, isFinal: boolean): void {
    this.#inflate?.push(bytes, isFinal)
  }
}

export interface ManifestReader {
  update(bytes: Uint8Array): void
  /** @returns its text; `undefined` for an archive that is cut, or has none of at most 1 MiB. */
  end(): string | undefined
}

export function manifestReader(): ManifestReader {
  const chunks: Uint8Array[] = []
  let tail: Uint8Array = new Uint8Array()
  let state: 'sought' | 'found' | 'lost' = 'sought'
  const unzip = new Unzip((file) => {
    const isManifest = file.name === manifestName
    file.ondata = (error, bytes, isFinal) => {
      if (!isManifest || state !== 'sought') return
      chunks.push(bytes.slice())
      const size = chunks.reduce((sum, one) => sum + one.length, 0)
      if (error || size > maxManifest) state = 'lost'
      else if (isFinal) state = 'found'
    }
    file.start()
  })
  unzip.register(OnlyManifest)
  return {
    update(bytes) {
      tail = joined([tail, bytes]).subarray(-recordBytes - maxCommentBytes)
      try {
        for (let at = 0; at < bytes.length && state === 'sought'; at += stepBytes)
          // The library keeps parts of what it gets, whose memory may be used again.
          unzip.push(bytes.slice(at, at + stepBytes))
      } catch {
        state = 'lost'
      }
    },
    end: () => (state === 'found' && isEnd(tail) ? new TextDecoder().decode(joined(chunks)) : undefined),
  }
}

/** Whether these are the last bytes of an archive. */
function isEnd(tail: Uint8Array): boolean {
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength)
  for (let at = tail.length - recordBytes; at >= 0; at--)
    if (view.getUint32(at, true) === 0x06054b50 && view.getUint16(at + 20, true) === tail.length - at - recordBytes)
      return true
  return false
}
