/** Reads a CRX3 as Chromium does when it installs one, while it streams by: every signature, the id, and its manifest. */
import { joined } from '../kernel/bytes.ts'
import { bytesDigest } from '../kernel/digest.ts'
import type { NewHasher } from '../kernel/hasher.ts'
import { parseJsonObject } from '../kernel/json.ts'
import { type CrxHeader, headerEnd, idLetters, readHeader, signedPrefix } from './header.ts'
import { manifestReader } from './manifest.ts'
import { isGood } from './proofs.ts'
import { refusal } from './refusal.ts'

/** What a package says of itself. */
export interface Crx {
  /** The app id that browsers ask for. */
  readonly id: string
  readonly version: string
  /** The first version of the browser that installs it. */
  readonly minimumBrowser?: string
}

export interface CrxFile {
  /** For messages. */
  readonly name: string
  readonly newHasher: Pick<NewHasher, 'sha256'>
  /** @throws PlatteError('refused') for the package of another app. */
  readonly checkId?: (id: string) => void
}

/** Each call throws PlatteError('refused') for a package that browsers would refuse. */
export interface CrxReader {
  update(bytes: Uint8Array): Promise<void>
  end(): Promise<Crx>
}

/** Takes every byte of a package, in order; has its header and its manifest in memory. */
export function crxReader({ name, newHasher, checkId }: CrxFile): CrxReader {
  const covered = newHasher.sha256()
  const archive = manifestReader()
  let head: Uint8Array = new Uint8Array()
  let header: CrxHeader | undefined
  const takeArchive = async (bytes: Uint8Array): Promise<void> => {
    archive.update(bytes)
    await covered.update(bytes)
  }
  return {
    async update(bytes) {
      if (header) return takeArchive(bytes)
      head = joined([head, bytes])
      const end = headerEnd(head)
      if (end === undefined || head.length < end) return
      header = headerOf(head, name)
      checkId?.(header.id)
      await covered.update(signedPrefix(header))
      await takeArchive(head.subarray(header.end))
    },
    async end() {
      const { id, proofs } = header ?? headerOf(head, name)
      const digest = await covered.digest()
      for (const [i, proof] of proofs.entries())
        if (!(await isGood(proof, digest))) throw refusal(name, `has a wrong ${proof.kind} signature (number ${i + 1})`)
      return { id, ...manifestOf(archive.end(), name) }
    },
  }
}

/** One of those who signed must have the key that the id is made of. */
function headerOf(head: Uint8Array, name: string): CrxHeader {
  const header = readHeader(head)
  if (typeof header === 'string') throw refusal(name, header)
  if (header.proofs.some(({ publicKey }) => idLetters(bytesDigest(publicKey)) === header.id)) return header
  throw refusal(name, `is not signed by the key that its id ${header.id} is made of`)
}

function manifestOf(text: string | undefined, name: string): Omit<Crx, 'id'> {
  if (text === undefined) throw refusal(name, 'has no manifest.json of at most 1 MiB in its archive')
  // Browsers take comments in it. What has no end is matched to the end: each character is looked at once.
  const plain = text.replace(/("(?:\\[\s\S]?|[^"\\])*(?:"|$))|\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/g, '$1')
  const { version, minimum_chrome_version: minimumBrowser } = parseJsonObject(plain) ?? {}
  if (typeof version !== 'string') throw refusal(name, 'has no version in its manifest.json')
  return { version, ...(typeof minimumBrowser === 'string' && { minimumBrowser }) }
}
