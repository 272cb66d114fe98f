/** CUP keys in a file: `platte keygen FILE --cup ID`. */
import type { Options } from '../../cli/options.ts'
import { notice, show } from '../../cli/terminal.ts'
import { PlatteError } from '../../kernel/errors.ts'

export const cupDoc = 'make a key that proves answers to browsers, beside those in the file: 16 (P-256) or ML-DSA-44-16'

type CupKeygen = Options & { readonly encrypt?: true; readonly kms?: string }

export async function generateCup(file: string | undefined, keyId: string, { encrypt, kms, json }: CupKeygen) {
  if (encrypt || kms !== undefined)
    throw new PlatteError('usage', '--cup goes without --encrypt and --kms: each answer needs the key at once')
  if (file === undefined) throw new PlatteError('usage', 'name the file of the CUP keys, such as cup.jwks')
  const { addCupKey } = await import('../../runtime/cup-keys.ts')
  const { publicKey, spki } = await addCupKey(file, keyId)
  notice(`made CUP key ${keyId} in ${file}; list it in the root: platte root cup ${file}`)
  show(json, { keyId, publicKey, spki }, [spki])
}
