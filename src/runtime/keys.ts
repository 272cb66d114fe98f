/** Keys in files of this machine and in key services. Nothing here prints or logs what a private key file holds. */
import { chmod, chown, link, mkdir, readdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type PublicKey, publicKeyOf, type RoleName } from '../documents/root.ts'
import { messageOf, PlatteError } from '../kernel/errors.ts'
import { parseJsonObject } from '../kernel/json.ts'
import { type Algorithm, generateKey, isEncrypted, parsePrivateKey, publicOf, type Signer } from '../trust/keys.ts'
import { makeServiceKey, openServiceKey } from './key-services.ts'
import { envText, type KeySource } from './own-settings.ts'
import type { KeyAccess } from './passphrase.ts'
import type { Settings } from './settings.ts'
import { decodeText } from './text-file.ts'

export type KeyPair = { readonly signer: Signer; readonly publicKey: PublicKey }
type MadeKey = KeyPair & { readonly created: boolean }

/** The file of a role's first key in a keys folder; further ones are called `<role>-<anything>.jwk`. */
export const keyFile = (folder: string, role: RoleName): string => join(folder, `${role}.jwk`)

/** Whether a key is named by the URL of a key service. */
const isService = (key: string): boolean => /^[a-z]+:\/\//.test(key)

/**
 * The keys that a deployment signs with every day; a role without keys is empty.
 * @param needed others are not even read: an encrypted key would want its passphrase.
 * @throws PlatteError('credentials') naming the file or the variable.
 */
export async function loadOnlineKeys(
  { keysDir, releaseKey, timestampKey }: Settings,
  access: KeyAccess,
  needed: readonly RoleName[] = ['release', 'timestamp'],
) {
  const role = async (name: RoleName, source: KeySource | undefined): Promise<readonly Signer[]> => {
    if (!needed.includes(name)) return []
    if (source === undefined) return keysDir ? loadFolder(keysDir, name, access) : []
    if ('file' in source) return [(await loadPair(source.file, access)).signer]
    if ('service' in source) return [(await openServiceKey(source.service, access.env)).signer]
    return [(await pairOf(envText(source.variable, access.env), `env://${source.variable}`, access)).signer]
  }
  return { release: await role('release', releaseKey), timestamp: await role('timestamp', timestampKey) }
}

/** All keys of one role in a folder. */
export const loadFolder = async (folder: string, role: RoleName, access: KeyAccess): Promise<readonly Signer[]> =>
  (await loadPairs(folder, role, access)).map(({ signer }) => signer)

/** All key pairs of one role in a folder, `ROLE*.jwk`, in the order of their names. */
export async function loadPairs(folder: string, role: RoleName, access: KeyAccess): Promise<readonly KeyPair[]> {
  const names = await readable(folder, readdir(folder), role === 'root' ? rootKeysHint : undefined)
  const files = names.filter((name) => name.startsWith(role) && name.endsWith('.jwk')).sort()
  const pairs: KeyPair[] = []
  // One after another: each may ask for a passphrase.
  for (const name of files) pairs.push(await loadPair(join(folder, name), access))
  return pairs
}

/** @param key a file, or the URL of a key service. @throws PlatteError('credentials') naming it. */
export const loadPair = async (key: string, access: KeyAccess): Promise<KeyPair> =>
  isService(key) ? openServiceKey(key, access.env) : pairOf(await readText(key), key, access)

/** A key as a file has it: a JWK, an encrypted one, or a public one with the URL of the service that signs with it. */
async function pairOf(text: string, where: string, access: KeyAccess): Promise<KeyPair> {
  const jwk = isEncrypted(text) ? await decrypt(text, where, access) : text
  const { service } = parseJsonObject(jwk) ?? {}
  if (typeof service === 'string') return openServiceKey(service, access.env, publicOf(publicHalf(jwk, where)))
  return { signer: await parsePrivateKey(jwk, where), publicKey: publicHalf(jwk, where) }
}

/** JWE takes a while to load. */
const jwe = () => import('../trust/encrypted-key.ts')
const decrypt = async (text: string, where: string, { passphrases }: KeyAccess): Promise<string> =>
  (await jwe()).decryptKey(text, await passphrases(where), where)
const encrypted = async (jwk: string, where: string, { newPassphrase }: KeyAccess): Promise<string> =>
  (await jwe()).encryptKey(jwk, await newPassphrase(where), where)

const publicHalf = (jwk: string, where: string): PublicKey => publicKeyOf(where, JSON.parse(jwk))

/** Reads the public half of a key: a file, public or private, or the URL of a key service. */
export async function loadPublicKey(key: string, access: KeyAccess): Promise<PublicKey> {
  if (isService(key)) return (await openServiceKey(key, access.env)).publicKey
  const text = await readText(key)
  if (isEncrypted(text)) return (await pairOf(text, key, access)).publicKey
  if (parseJsonObject(text) === undefined) throw new PlatteError('credentials', `${key} is not JSON; a key is one JWK`)
  return publicHalf(text, key)
}

/**
 * Makes a new private key in a file that only its owner can read. An existing file stays, and is loaded.
 * @param file or the URL of a key service, whose keys have an algorithm of their own.
 */
export async function makeKey(file: string, alg: Algorithm, access: KeyAccess, encrypt = false): Promise<MadeKey> {
  if (isService(file)) return makeKeyElsewhere(file, access)
  const json = JSON.stringify(await generateKey(alg))
  const isThere = await stat(file).then(Boolean, () => false)
  const text = encrypt && !isThere ? await encrypted(json, file, access) : json
  if (isThere || !(await writeOnce(file, text))) return { created: false, ...(await loadPair(file, access)) }
  return { created: true, signer: await parsePrivateKey(json, file), publicKey: publicHalf(json, file) }
}

/**
 * Makes a key in a key service, or takes the one of that name.
 * @param file gets its public half and its URL: it stands for the key wherever a key file does.
 */
export async function makeKeyElsewhere(service: string, access: KeyAccess, file?: string): Promise<MadeKey> {
  const { url, ...made } = await makeServiceKey(service, access.env)
  if (file !== undefined && !(await writeOnce(file, JSON.stringify({ ...publicOf(made.publicKey), service: url }))))
    throw new PlatteError('refused', `${file} exists already`, { hint: 'name another file' })
  return made
}

/** Encrypts a key file, or decrypts it. @throws PlatteError('refused') if nothing is to be done; 'credentials' */
export async function recodeKey(file: string, to: 'encrypted' | 'plain', access: KeyAccess): Promise<Signer> {
  const text = await readText(file)
  const wasEncrypted = isEncrypted(text)
  if (wasEncrypted === (to === 'encrypted'))
    throw new PlatteError('refused', `${file} is ${wasEncrypted ? 'encrypted already' : 'not encrypted'}`)
  const jwk = wasEncrypted ? await decrypt(text, file, access) : text.trim()
  const signer = await parsePrivateKey(jwk, file)
  await replaceFile(file, wasEncrypted ? jwk : await encrypted(jwk, file, access))
  return signer
}

/** Writes the whole file or nothing, and never over an existing one. @returns whether it was written. */
export async function writeOnce(file: string, text: string): Promise<boolean> {
  return withTemporary(file, text, async (temporary) => {
    try {
      await link(temporary, file)
      return true
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
      throw error
    }
  })
}

/** The new text or the old one is there at every moment, with the same owner and mode. */
export async function replaceFile(file: string, text: string): Promise<void> {
  const target = await readable(file, realpath(file))
  const { uid, gid, mode } = await stat(target)
  await withTemporary(target, text, async (temporary) => {
    await chmod(temporary, mode & 0o777)
    await chown(temporary, uid, gid)
    await rename(temporary, target)
  })
}

async function withTemporary<T>(file: string, text: string, place: (temporary: string) => Promise<T>): Promise<T> {
  const temporary = join(dirname(file), `.${crypto.randomUUID()}`)
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    await writeFile(temporary, `${text}\n`, { flag: 'wx', mode: 0o600, flush: true })
    return await place(temporary)
  } catch (error) {
    throw new PlatteError('credentials', `${file} cannot be written: ${messageOf(error)}`, { cause: error })
  } finally {
    await rm(temporary, { force: true }).catch(() => undefined)
  }
}

const readText = (file: string): Promise<string> => readable(file, readFile(file).then(decodeText))

const keysHint = 'check PLATTE_KEYS, PLATTE_RELEASE_KEY and PLATTE_TIMESTAMP_KEY; `platte init` makes keys'
export const rootKeysHint = 'name the folder of root*.jwk with --root-keys'

export const readable = <T>(path: string, reading: Promise<T>, hint = keysHint): Promise<T> =>
  reading.catch((cause: unknown) => {
    throw new PlatteError('credentials', `${path} cannot be read: ${messageOf(cause)}`, { hint, cause })
  })
