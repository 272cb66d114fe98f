/** CUP keys in a file of this machine: one JWK Set with the private keys of every version. */
import { readFile, stat } from 'node:fs/promises'
import type { PrivateCupKey } from '../cup/keys.ts'
import { PlatteError } from '../kernel/errors.ts'
import { readable, replaceFile, writeOnce } from './keys.ts'

const cupKeys = () => import('../cup/keys.ts')

/** @throws PlatteError('credentials') naming the file. */
export const readCupKeys = async (file: string): Promise<readonly PrivateCupKey[]> =>
  (await cupKeys()).readKeySet(
    await readable(file, readFile(file, 'utf8'), 'make it: `platte keygen FILE --cup 16`'),
    file,
  )

/**
 * Makes a CUP key, in a new file or beside the keys of an existing one.
 * @throws PlatteError('refused') where the file has a key of that id; 'usage' for another id; 'credentials'.
 */
export async function addCupKey(file: string, keyId: string) {
  const { makeCupKey, publicHalf, spkiOf } = await cupKeys()
  const known = (await stat(file).catch(() => undefined)) && (await readCupKeys(file))
  if (known?.some(({ kid }) => kid === keyId))
    throw new PlatteError('refused', `${file} has a CUP key ${keyId} already`, {
      hint: 'clients that were built with it keep asking for it: give a new key the next number',
    })
  const key = await makeCupKey(keyId)
  const text = JSON.stringify({ keys: [...(known ?? []), key] })
  if (known) await replaceFile(file, text)
  else if (!(await writeOnce(file, text))) throw new PlatteError('conflict', `${file} appeared meanwhile`)
  const publicKey = await publicHalf(key)
  return { publicKey, spki: btoa(String.fromCharCode(...spkiOf(publicKey))) }
}
