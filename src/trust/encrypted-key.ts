/**
 * Private keys encrypted with a passphrase: a JWE in compact serialization whose content is one JWK (RFC 7517, section 7).
 * Apart from `keys.ts`, so that Workers do not carry it, and others load it for an encrypted key only.
 */
import { decodeProtectedHeader } from 'jose/decode/protected_header'
import { compactDecrypt } from 'jose/jwe/compact/decrypt'
import { CompactEncrypt } from 'jose/jwe/compact/encrypt'
import { PlatteError } from '../kernel/errors.ts'

const alg = 'PBES2-HS512+A256KW'
const enc = 'A256GCM'

/**
 * PBKDF2 iterations with HMAC-SHA-512, which take about half a second: three times the 210,000 that OWASP's Password
 * Storage Cheat Sheet asks for. A person waits once for each key, and an attacker for each guess.
 */
const iterations = 600_000
/** A file with more could keep a process busy for minutes. */
const maxIterations = 10_000_000
/** Characters. */
const minLength = 12

/** The same characters give the same bytes on every system. */
const bytesOf = (passphrase: string): Uint8Array => new TextEncoder().encode(passphrase.normalize('NFC'))

/** @throws PlatteError('credentials') for a passphrase that is too short. */
export async function encryptKey(jwk: string, passphrase: string, where: string): Promise<string> {
  if ([...passphrase].length < minLength)
    throw new PlatteError(
      'credentials',
      `${where}: the passphrase is too short: use at least ${minLength} characters`,
      {
        hint: 'five random words are easy to type and hard to guess',
      },
    )
  return new CompactEncrypt(new TextEncoder().encode(jwk))
    .setProtectedHeader({ alg, enc, cty: 'jwk+json' })
    .setKeyManagementParameters({ p2c: iterations })
    .encrypt(bytesOf(passphrase))
}

/**
 * @param passphrases are tried one after another.
 * @param where names its source in errors, which carry neither a passphrase nor the key.
 * @returns the JSON of one JWK, not checked yet.
 * @throws PlatteError('credentials') if every passphrase is wrong, or the key was encrypted in another way.
 */
export async function decryptKey(text: string, passphrases: readonly string[], where: string): Promise<string> {
  const problem = problemOf(text)
  if (problem !== undefined)
    throw new PlatteError('credentials', `${where}: ${problem}`, {
      hint: `keys are encrypted by \`platte key encrypt\`: ${alg} with at most ${maxIterations} iterations, and ${enc}`,
    })
  for (const passphrase of passphrases) {
    const plain = await decryptWith(text.trim(), passphrase)
    if (plain !== undefined) return plain
  }
  throw new PlatteError('credentials', `${where}: the passphrase is wrong, or the file is damaged`, {
    hint: 'try again; if it stays wrong, use your copy of the key, or replace the key: `platte root rotate`',
  })
}

const options = { keyManagementAlgorithms: [alg], contentEncryptionAlgorithms: [enc], maxPBES2Count: maxIterations }

/** @returns `undefined` for a wrong passphrase. jose's errors are dropped, lest they hold what was decrypted. */
const decryptWith = (text: string, passphrase: string): Promise<string | undefined> =>
  compactDecrypt(text, bytesOf(passphrase), options).then(
    ({ plaintext }) => new TextDecoder().decode(plaintext),
    () => undefined,
  )

function problemOf(text: string): string | undefined {
  let header: ReturnType<typeof decodeProtectedHeader>
  try {
    header = decodeProtectedHeader(text.trim())
  } catch {
    return 'is damaged: its header cannot be read'
  }
  if (header.alg !== alg || header.enc !== enc) return 'is encrypted in another way than keys of Platte'
  if (typeof header.p2c === 'number' && header.p2c <= maxIterations) return undefined
  return `wants more than ${maxIterations} iterations of its passphrase`
}
