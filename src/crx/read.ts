/** Reads a CRX3 as Chromium does when it installs one: every signature, the id, and the manifest in its archive. */
import { createHash, createPublicKey, createVerify, type KeyObject } from 'node:crypto'
import { unzipSync } from 'fflate/browser'
import { PlatteError } from '../kernel/errors.ts'
import { parseJsonObject } from '../kernel/json.ts'
import { type CrxHeader, idOf, type Proof, readHeader, signedPrefix } from './header.ts'

/** Bytes. A manifest with every permission and translation has a few kB. */
const maxManifest = 1024 * 1024

/** What a package says of itself. */
export interface Crx {
  /** The app id that browsers ask for. */
  readonly id: string
  readonly version: string
  /** The first version of the browser that installs it. */
  readonly minimumBrowser?: string
}

/** @param file the whole of it. @throws PlatteError('refused') for a package that browsers would refuse. */
export function readCrx(file: Uint8Array, name: string): Crx {
  const header = readHeader(file)
  if (typeof header === 'string') throw refusal(name, header)
  const archive = file.subarray(header.end)
  checkProofs(header, archive, name)
  return { id: header.id, ...readManifest(archive, name) }
}

/** Every signature must be good, and one must be of the key that the id is made of. */
function checkProofs(header: CrxHeader, archive: Uint8Array, name: string): void {
  const prefix = signedPrefix(header)
  for (const [i, proof] of header.proofs.entries())
    if (!isGood(proof, [prefix, archive])) throw refusal(name, `has a wrong ${proof.kind} signature (number ${i + 1})`)
  const isOwn = ({ publicKey }: Proof) => idOf(createHash('sha256').update(publicKey).digest()) === header.id
  if (!header.proofs.some(isOwn)) throw refusal(name, `is not signed by the key that its id ${header.id} is made of`)
}

function isGood({ kind, publicKey, signature }: Proof, parts: readonly Uint8Array[]): boolean {
  const key = keyOf(publicKey)
  if (key?.asymmetricKeyType !== (kind === 'RSA' ? 'rsa' : 'ec')) return false
  if (kind === 'ECDSA' && key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') return false
  const verify = createVerify('sha256')
  for (const part of parts) verify.update(part)
  return verify.verify(key, signature)
}

function keyOf(spki: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
}

function readManifest(archive: Uint8Array, name: string): Omit<Crx, 'id'> {
  const text = manifestText(archive)
  if (text === undefined) throw refusal(name, 'has no manifest.json of at most 1 MiB in its archive')
  // Browsers take comments in it.
  const plain = text.replace(/("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, '$1')
  const { version, minimum_chrome_version: minimumBrowser } = parseJsonObject(plain) ?? {}
  if (typeof version !== 'string') throw refusal(name, 'has no version in its manifest.json')
  return { version, ...(typeof minimumBrowser === 'string' && { minimumBrowser }) }
}

function manifestText(archive: Uint8Array): string | undefined {
  try {
    const isManifest = (file: { readonly name: string; readonly originalSize: number }) =>
      file.name === 'manifest.json' && file.originalSize <= maxManifest
    const { 'manifest.json': bytes } = unzipSync(archive, { filter: isManifest })
    return bytes && new TextDecoder().decode(bytes)
  } catch {
    return undefined
  }
}

const refusal = (name: string, problem: string): PlatteError =>
  new PlatteError('refused', `${name}: ${problem}`, {
    hint: 'browsers would refuse it: pack it again (`chromium --pack-extension=FOLDER --pack-extension-key=KEY.pem`); --raw publishes it all the same',
  })
